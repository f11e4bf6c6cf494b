/* fuzz_reconcile.c: libFuzzer on a forest of opinions; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_reconcile.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	plan	   *p = draw_plan(&s, draw(&s, 4) ? 40 : 400, draw(&s, 2) ? INT64_C(10000000000000) : 1000);

	if (!check_plan(p, &s, &v))
	{
		print_plan(p);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	plan_free(p);
	return 0;
}
