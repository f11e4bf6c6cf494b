/* fuzz_rate.c: libFuzzer on a ratio target; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_rate.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	rates	   *r = draw_rates(&s, 16);

	if (!check_rates(r, &v))
	{
		print_rates(r);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	rates_free(r);
	return 0;
}
