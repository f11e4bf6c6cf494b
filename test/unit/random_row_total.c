/*
 * random_row_total.c
 *		Row totals of random grids against the promises.
 *
 *		random_row_total ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_row_total.h"

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
		sheet	   *sh = draw_sheet(&s, i % 256 == 1 ? 60 : i % 16 == 0 ? 20 : 5,
									i % 4 == 0 ? INT64_C(1000000000000) : i % 4 == 1 ? 1000 : 12);

		if (!check_sheet(sh, &s, &v))
		{
			print_sheet(sh);
			printf("grid %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		sheet_free(sh);
	}
	printf("checked row totals of %" PRId64 " grids of %" PRId64 " cells (seed %" PRIu64 "): %" PRId64
		   " as asked, %" PRId64 " moved, %" PRId64 " proven the best, %" PRId64 " infeasible, %" PRId64
		   " too large; none wrong\n",
		   rounds, seen_rows, seed, seen_unchanged, seen_moved, seen_proven, seen_infeasible, seen_overflow);
	/* a generator that only makes what is refused would check nothing */
	return seen_moved * 4 < rounds;
}
