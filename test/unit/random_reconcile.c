/*
 * random_reconcile.c
 *		Random forests of opinions and bounds against the promises.
 *
 *		random_reconcile ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_reconcile.h"

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
		int64_t		most = i % 16 == 15 ? QD_MAX_OPINION : i % 2 ? INT64_C(1000000000) : INT64_C(10000000000000);
		plan	   *p = draw_plan(&s, i % 64 == 0 ? 3000 : i % 8 == 0 ? 300 : 30, most);

		if (!check_plan(p, &s, &v))
		{
			if (p->n < 100)
				print_plan(p);
			printf("plan %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		plan_free(p);
	}
	printf("checked %" PRId64 " plans of %" PRId64 " rows (seed %" PRIu64 "): %" PRId64 " reconciled, in %" PRId64
		   " of them bounds decide, %" PRId64 " infeasible, %" PRId64 " too large; none wrong\n",
		   rounds, seen_rows, seed, seen_ok, seen_bound, seen_infeasible, seen_overflow);
	/* a generator that only makes what is refused would check nothing */
	if (seen_ok * 3 < rounds || seen_bound * 4 < rounds)
	{
		printf("too few of one kind\n");
		return 1;
	}
	return 0;
}
