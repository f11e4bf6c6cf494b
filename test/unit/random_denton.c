/*
 * random_denton.c
 *		Random series against the whole system of equations.
 *
 *		random_denton ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_denton.h"

int
main(int argc, char **argv)
{
	int64_t		rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
	int64_t		i;

	for (i = 0; i < rounds; i++)
	{
		source		src = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		series	   *s = draw_series(&src, i % 64 == 0 ? 100 : 16);
		verdict		v;

		if (!check_series(s, &v))
		{
			print_series(s);
			printf("series %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		series_free(s);
	}
	printf("checked %" PRId64 " series of %" PRId64 " pieces (seed %" PRIu64 "): %" PRId64
		   " disaggregated, %" PRId64 " infeasible; none wrong\n", rounds, seen_rows, seed, seen_ok, seen_infeasible);
	if (seen_ok * 2 < rounds)
	{
		printf("too few series could be disaggregated\n");
		return 1;
	}
	return 0;
}
