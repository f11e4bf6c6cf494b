/*
 * random_effects.c
 *		Random decompositions against the promises.
 *
 *		random_effects ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_effects.h"

int
main(int argc, char **argv)
{
	int64_t		rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
	int64_t		i;

	for (i = 0; i < rounds; i++)
	{
		source		s = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		verdict		v;

		if (!check_big(&s, &v) || !check_form(&s, &v) || !check_form(&s, &v) ||
			!check_rate_mix(&s, i % 64 == 0 ? 300 : 8, &v) || !check_factors(&s, &v))
		{
			printf("decomposition %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			exit(1);
		}
	}
	printf("checked %" PRId64 " decompositions of each kind (seed %" PRIu64 "): %" PRId64 " in 64 bits, %"
		   PRId64 " beyond; none wrong\n", rounds, seed, seen_narrow, seen_wide);
	if (seen_narrow < seen_wide)
	{
		printf("too few were decided in 64 bits\n");
		exit(1);
	}
	return 0;
}
