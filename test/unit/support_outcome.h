/*
 * support_outcome.h
 *		Piles of deals for the tests of the outcome kernel, and checkers that know
 *		what a distribution is: they enumerate all outcomes, or walk a grid fine
 *		enough to hold every sum, in long doubles.
 */
#ifndef QD_SUPPORT_OUTCOME_H
#define QD_SUPPORT_OUTCOME_H

#include "kernel/outcome.h"
#include "support.h"

#define MAX_TEST_DEALS		4096
#define MAX_TEST_SCENARIOS	4

typedef struct deal_pile
{
	int32_t		scenarios;
	int64_t		n;
	int64_t		weight[MAX_TEST_SCENARIOS];
	int64_t		word[MAX_TEST_DEALS * QD_DEAL_WORDS(MAX_TEST_SCENARIOS)];
} deal_pile;

extern deal_pile *pile_new(int32_t scenarios);
extern void pile_add(deal_pile *pile, qd_int128 amount, int64_t count, const int64_t *probability);
extern qd_deals pile_deals(deal_pile *pile);

/* deals whose sums can be enumerated: few, or of small amounts */
extern deal_pile *draw_pile(source *s, int32_t most_deals);

/* every promise, against the true distribution; what is broken is in message */
extern bool check_pile(deal_pile *pile, source *s, verdict *v);
extern void print_pile(const deal_pile *pile);

/* sorting and counting, against a quadratic one, from two orders */
extern bool check_sort(deal_pile *pile, source *s, verdict *v);

extern int64_t seen_sums;		/* distributions as lists of sums */
extern int64_t seen_lattices;	/* in exact cells */
extern int64_t seen_grids;		/* in cells with a remainder */
extern int64_t seen_fractions;	/* answers that are exact fractions */

#endif							/* QD_SUPPORT_OUTCOME_H */
