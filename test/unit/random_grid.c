/*
 * random_grid.c
 *		Random grids against the promises.
 *
 *		random_grid ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_grid.h"

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

		/* cells to 10^12 units, most far smaller: ties and units matter there */
		board	   *b = draw_board(&s, i % 128 == 1 ? 120 : i % 16 == 0 ? 20 : 6,
								   i % 4 == 0 ? INT64_C(1000000000000) : 40);

		if (!check_board(b, &s, &v))
		{
			print_board(b);
			printf("grid %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		board_free(b);
	}
	printf("checked %" PRId64 " grids of %" PRId64 " cells (seed %" PRIu64 "): %" PRId64 " allocated, %" PRId64
		   " infeasible, %" PRId64 " too large; none wrong\n",
		   rounds, seen_rows, seed, seen_ok, seen_infeasible, seen_overflow);
	/* a generator that only makes what is refused would check nothing */
	return seen_ok * 3 < rounds;
}
