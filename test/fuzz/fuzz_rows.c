/* fuzz_rows.c: libFuzzer on one partition; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	partition  *p = draw_partition(&s, 64, draw(&s, 2) ? INT64_MAX : 100000);

	if (!check_partition(p, &s, &v))
	{
		print_partition(p);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	partition_free(p);
	return 0;
}
