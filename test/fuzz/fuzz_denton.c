/* fuzz_denton.c: libFuzzer on a series; the whole system is the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_denton.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		src = {data, size, 1};
	verdict		v;
	series	   *s = draw_series(&src, 20);

	if (!check_series(s, &v))
	{
		print_series(s);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	series_free(s);
	return 0;
}
