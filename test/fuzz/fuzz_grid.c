/* fuzz_grid.c: libFuzzer on a grid; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_grid.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	board	   *b = draw_board(&s, 8, draw(&s, 2) ? INT64_C(1000000000000) : 40);

	if (!check_board(b, &s, &v))
	{
		print_board(b);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	board_free(b);
	return 0;
}
