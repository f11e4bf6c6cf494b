/*
 * random_outcome.c
 *		Random piles of deals against all their outcomes.
 *
 *		random_outcome ROUNDS SEED
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "support_outcome.h"

int
main(int argc, char **argv)
{
	int64_t		rounds = (argc > 1 ? strtoll(argv[1], NULL, 10) : 1000) / 10;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
	int64_t		i;

	/* the truth takes milliseconds each: a part of the rounds */
	for (i = 0; i < rounds; i++)
	{
		source		s = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		deal_pile  *pile = draw_pile(&s, i % 16 == 0 ? 300 : 40);
		verdict		v;

		if (!check_pile(pile, &s, &v))
		{
			print_pile(pile);
			printf("pile %" PRId64 " of seed %" PRIu64 ": %s\n", i, seed, v.message);
			return 1;
		}
		free(pile);
	}
	printf("checked %" PRId64 " piles of deals (seed %" PRIu64 "): %" PRId64 " as sums, %" PRId64
		   " as exact cells, %" PRId64 " on a grid, %" PRId64 " fractions; none wrong\n",
		   rounds, seed, seen_sums, seen_lattices, seen_grids, seen_fractions);
	/* a generator that makes only one kind would check little */
	if (rounds >= 100 && (seen_sums * 20 < rounds || seen_lattices * 20 < rounds || seen_grids * 20 < rounds ||
						  seen_fractions < rounds))
	{
		printf("too few of one kind\n");
		return 1;
	}
	return 0;
}
