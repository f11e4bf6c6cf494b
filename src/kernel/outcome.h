/*
 * outcome.h
 *		What a pile of independent deals may bring: the distribution of the sum
 *		of amount * (0 or 1), in plain C on arrays: no Datum, no palloc, no
 *		ereport.
 *
 * Deals are records of int64 words, so that any number of scenarios, each with
 * a probability of its own for every deal, fits the same code.  Amounts are
 * 128-bit integers of the caller's step in two words; probabilities are counts
 * of 10^-18.  Money stays in integers throughout.  Probabilities are computed
 * in doubles, every one with a bound of its error, so that what is returned as
 * low and high is certain.
 */
#ifndef QD_OUTCOME_H
#define QD_OUTCOME_H

#include "kernel/kernel.h"

/* the words of a deal */
#define QD_DEAL_HIGH		0	/* the amount's upper 64 bits */
#define QD_DEAL_LOW			1	/* and its lower ones */
#define QD_DEAL_COUNT		2	/* so many deals alike, >= 1 */
#define QD_DEAL_PROBABILITY 3	/* one for each scenario */
#define QD_DEAL_WORDS(scenarios) (QD_DEAL_PROBABILITY + (scenarios))

#define QD_CERTAIN			INT64_C(1000000000000000000)	/* probability 1 */
#define QD_MAX_SCENARIOS	64
#define QD_MAX_DEAL_WORDS	QD_DEAL_WORDS(QD_MAX_SCENARIOS)
#define QD_MAX_DEALS		INT64_C(2147483647)
/* neither certain nor impossible ones, in a scenario: half a minute's work */
#define QD_MAX_UNCERTAIN	1000000
/* of the sum of all amounts' magnitudes */
#define QD_MAX_OUTCOME		((qd_int128) 1 << 120)

/* how much work an outcome is worth */
typedef struct qd_effort
{
	int32_t		sums;			/* held one by one, whatever they are */
	int32_t		least_cells;	/* for each deal */
	int32_t		most_cells;		/* and no more than this */
	double		cells;			/* to compute altogether, between these two */
} qd_effort;

/* what everybody gets; tests do with less to see more of the bounds */
extern const qd_effort qd_usual_effort;

typedef struct qd_deals
{
	int64_t		n;				/* records */
	int32_t		scenarios;
	int64_t    *word;			/* [n * QD_DEAL_WORDS(scenarios)] */
} qd_deals;

static inline qd_int128
qd_deal_amount(const int64_t *deal)
{
	return (qd_int128) (((qd_uint128) (uint64_t) deal[QD_DEAL_HIGH] << 64) |
						(uint64_t) deal[QD_DEAL_LOW]);
}

static inline void
qd_deal_set_amount(int64_t *deal, qd_int128 amount)
{
	deal[QD_DEAL_HIGH] = (int64_t) (amount >> 64);
	deal[QD_DEAL_LOW] = (int64_t) (uint64_t) amount;
}

/* by amount, then by probabilities; 0: the same kind of deal */
extern int	qd_deal_compare(const int64_t *a, const int64_t *b, int32_t scenarios);

/*
 * Sorts and adds up the counts of deals alike.  The result does not depend on
 * the order the deals were in.  The caller has made sure that all counts
 * together are at most QD_MAX_DEALS.  O(n log n); QD_NOMEM.
 */
extern qd_status qd_deals_sort(const qd_env *env, qd_deals *deals);

/* one way the part of the sum that the grid does not hold may be bounded */
typedef struct qd_remainder
{
	double		risk;			/* the chance that it is outside */
	int64_t		word[4];		/* low and high, 128 bits each */
} qd_remainder;

#define QD_MAX_REMAINDERS	5

/*
 * The distribution in one scenario.  Either a list of all sums, or cells of
 * width step: sum = base + step * cell + remainder.
 */
typedef struct qd_scenario
{
	int64_t		word[8];		/* base, least, most, step: 128 bits each */
	int32_t		size;			/* sums or cells */
	int64_t		first;			/* number of the first cell */
	int64_t    *sum;			/* [2 * size] ascending, above base; NULL:
								 * cells */
	double	   *below;			/* [size] P(at most this one), less what is
								 * missing */
	double		relative;		/* error of below, relative to it */
	double		missing;		/* what may have to be added to it */
	double		shift;			/* what may have to be added or taken away */
	int64_t		denominator;	/* of all probabilities, where doubles tell
								 * such fractions apart; else 0 */
	bool		lattice;		/* the remainder is 0 */
	double		center;			/* the remainder's mean */
	int32_t		remainders;
	qd_remainder remainder[QD_MAX_REMAINDERS];
} qd_scenario;

/* scenarios mixed by weight: the distribution of the sum */
typedef struct qd_outcome
{
	int32_t		scenarios;
	qd_scenario scenario[QD_MAX_SCENARIOS];
	double		share[QD_MAX_SCENARIOS];
	int64_t		weight[QD_MAX_SCENARIOS];
	int64_t		total;			/* of the weights */
	int64_t		denominator;	/* of the mixed probabilities, or 0 */
} qd_outcome;

/*
 * A probability: the true one is certainly between low and high.  Where
 * denominator is not 0, it is exactly numerator / denominator, and the others
 * are the doubles around that.
 */
typedef struct qd_chance
{
	double		value;
	double		low;
	double		high;
	int64_t		numerator;
	int64_t		denominator;
} qd_chance;

/*
 * weight[]: of each scenario, positive, together below 2^62.  The deals are
 * sorted.  QD_NOMEM, or QD_OVERFLOW where more than QD_MAX_UNCERTAIN are
 * uncertain.  At most effort->cells are computed for all scenarios
 * together, or twice least_cells for each scenario and deal where that is more;
 * in memory there are at most four times most_cells at once, and what the
 * scenarios before have left.
 */
extern qd_status qd_outcome_build(const qd_env *env, const qd_deals *deals,
								  const int64_t *weight, const qd_effort *effort,
								  qd_outcome *outcome);
extern void qd_outcome_free(const qd_env *env, qd_outcome *outcome);

/* P(sum <= amount) */
extern void qd_outcome_at_most(const qd_outcome *outcome, qd_int128 amount, qd_chance *chance);

/*
 * The least amount that the sum does not exceed with a probability of at least
 * p * 10^-18, for 0 <= p <= QD_CERTAIN; p = 0: the least possible sum.  p may
 * be off by one: it is the caller's, rounded.
 */
extern void qd_outcome_percentile(const qd_outcome *outcome, int64_t p, bool rounded,
								  qd_int128 *value, qd_int128 *low, qd_int128 *high);

/* the least and the most the deals can bring */
extern void qd_outcome_range(const qd_outcome *outcome, qd_int128 *least, qd_int128 *most);

#endif							/* QD_OUTCOME_H */
