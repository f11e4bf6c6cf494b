/* fuzz_tree.c: libFuzzer on a forest; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	forest	   *f = draw_forest(&s, 64, draw(&s, 2) ? INT64_MAX : 100000);

	if (!check_forest(f, &s, &v))
	{
		print_forest(f);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	forest_free(f);
	return 0;
}
