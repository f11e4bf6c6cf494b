/* fuzz_effects.c: libFuzzer on decompositions; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_effects.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	bool		fine;

	switch (draw(&s, 4))
	{
		case 0:
			fine = check_big(&s, &v);
			break;
		case 1:
			fine = check_form(&s, &v);
			break;
		case 2:
			fine = check_rate_mix(&s, 12, &v);
			break;
		default:
			fine = check_factors(&s, &v);
	}
	if (!fine)
	{
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	return 0;
}
