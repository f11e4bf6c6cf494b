/*
 * random_rate.c
 *		Random rates against the promises.
 *
 *		random_rate ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_rate.h"

int
main(int argc, char **argv)
{
	int64_t		rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
	int64_t		i;

	for (i = 0; i < rounds; i++)
	{
		source		src = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		rates	   *r = draw_rates(&src, i % 16 == 0 ? 300 : 30);
		verdict		v;

		if (!check_rates(r, &v))
		{
			print_rates(r);
			printf("rates %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		rates_free(r);
	}
	printf("checked %" PRId64 " rate targets of %" PRId64 " rows (seed %" PRIu64 "): %" PRId64 " pushed down (%" PRId64
		   " with a rate rounded to the other side), %" PRId64 " infeasible, %" PRId64 " too large; none wrong\n",
		   rounds, seen_rows, seed, seen_ok, seen_turned, seen_infeasible, seen_overflow);
	if (seen_ok * 3 < rounds || seen_turned * 100 < rounds)
	{
		printf("too few targets could be pushed down\n");
		return 1;
	}
	return 0;
}
