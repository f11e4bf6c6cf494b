/*
 * random_rows.c
 *		Random partitions and forests against the promises.
 *
 *		random_rows ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static void
report(const char *what, int64_t count, uint64_t seed)
{
	printf("checked %" PRId64 " %s of %" PRId64 " rows (seed %" PRIu64 "): %" PRId64 " allocated, %" PRId64
		   " infeasible, %" PRId64 " too large, %" PRId64 " otherwise refused; none wrong\n",
		   count, what, seen_rows, seed, seen_ok, seen_infeasible, seen_overflow, seen_other);
	fflush(stdout);
	/* a generator that only makes what is refused would check nothing */
	if (seen_ok * 3 < count)
	{
		printf("too few %s could be allocated\n", what);
		exit(1);
	}
	seen_ok = seen_infeasible = seen_overflow = seen_other = seen_rows = 0;
}

static void
check(bool forests, int64_t count, uint64_t seed)
{
	int64_t		i;

	for (i = 0; i < count; i++)
	{
		source		s = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		verdict		v;
		bool		fine;

		/* totals to 10^17 units, and a few to the end of 64 bits */
		int64_t		most = i % 16 == 15 ? INT64_MAX : INT64_C(100000000000000000);

		if (forests)
		{
			forest	   *f = draw_forest(&s, i % 8 == 0 ? 1000 : 60, most);

			fine = check_forest(f, &s, &v);
			if (!fine)
				print_forest(f);
			forest_free(f);
		}
		else
		{
			partition  *p = draw_partition(&s, 1000, most);

			fine = check_partition(p, &s, &v);
			if (!fine)
				print_partition(p);
			partition_free(p);
		}
		if (!fine)
		{
			printf("%s %" PRId64 " of seed %" PRIu64 ": %s\n",
				   forests ? "forest" : "partition", i, seed, v.message);
			exit(1);
		}
	}
	report(forests ? "forests" : "partitions", count, seed);
}

int
main(int argc, char **argv)
{
	int64_t		rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;

	check(false, rounds, seed);
	check(true, rounds, seed);
	return 0;
}
