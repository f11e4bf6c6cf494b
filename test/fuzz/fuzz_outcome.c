/* fuzz_outcome.c: libFuzzer on piles of deals; all outcomes are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_outcome.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	verdict		v;
	deal_pile  *pile = draw_pile(&s, 20);

	if (!check_pile(pile, &s, &v))
	{
		print_pile(pile);
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	free(pile);
	return 0;
}
