/*
 * denton.h
 *		Totals of long periods (buckets) spread over the shorter pieces they
 *		are made of, without a step from one bucket to the next.
 */
#ifndef QD_DENTON_H
#define QD_DENTON_H

#include "kernel/kernel.h"

typedef enum qd_denton_method
{
	QD_DENTON_PROPORTIONAL,		/* the ratio to the indicator is smooth */
	QD_DENTON_ADDITIVE			/* the difference from it is */
} qd_denton_method;

/* what decided a piece */
typedef enum qd_piece_rule
{
	QD_PIECE_NONE,				/* takes no part */
	QD_PIECE_ZERO,				/* an indicator or a length of 0 */
	QD_PIECE_FITTED,			/* its bucket has a total */
	QD_PIECE_INTERPOLATED,		/* it has none, those on both sides have */
	QD_PIECE_EXTRAPOLATED		/* it is before the first or after the last */
} qd_piece_rule;

/*
 * Pieces in order of time, bucket after bucket.  A piece takes part where
 * QD_HAS_WEIGHT is set; indicator and days are finite then, days >= 0, the
 * indicator >= 0 where proportional.
 */
typedef struct qd_series
{
	int32_t		n;
	int32_t		buckets;
	const int32_t *start;		/* [buckets + 1] first piece of each bucket */
	const uint8_t *flags;		/* [n] */
	const double *indicator;	/* [n] per unit of time; NULL: 1.  Additive:
								 * in units of the amounts */
	const double *days;			/* [n] lengths; NULL: 1 */
	const int64_t *total;		/* [buckets] in units */
	const uint8_t *has_total;	/* [buckets] */
	int64_t    *amount;			/* [n], out */
	int64_t    *exact;			/* [n], out: floor of the exact amount */
	uint64_t   *exact_fraction; /* [n], out: and its fraction, in 2^-64 */
	uint8_t    *rule;			/* [n], out: qd_piece_rule */
} qd_series;

/*
 * Fits and rounds.  The amounts of a bucket sum to its total, each within a
 * unit of its exact amount.  O(n), whatever the buckets.
 *
 * QD_INFEASIBLE: a bucket with a total other than 0 (problem->asked) has no
 * piece that could take some; problem->row is its first piece.  QD_OVERFLOW:
 * the amount of problem->row leaves 64 bits.  No bucket with a total: all
 * rules are none.
 */
extern qd_status qd_disaggregate(const qd_env *env, qd_series *series, qd_denton_method method,
								 qd_problem *problem);

#endif							/* QD_DENTON_H */
