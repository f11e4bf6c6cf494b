/* fuzz_row_total.c: libFuzzer on row totals of a grid; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_row_total.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	sheet	   *sh = draw_sheet(&s, 6, draw(&s, 2) ? INT64_C(1000000000000) : 40);

	if (!check_sheet(sh, &s, &v))
	{
		print_sheet(sh);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	sheet_free(sh);
	return 0;
}
