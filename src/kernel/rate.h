/*
 * rate.h
 *		A ratio target pushed down to those whose volumes it is made of.
 *
 * Rates are integers of a fine step, of which `step` make one step of the
 * result.  Volumes are weights as elsewhere: int64, their sum below 2^62.
 */
#ifndef QD_RATE_H
#define QD_RATE_H

#include "kernel/kernel.h"

/* what rates, bounds and the target may be at most, in fine steps */
#define QD_MAX_RATE		INT64_C(1000000000000000000)

typedef enum qd_rate_method
{
	QD_RATE_SCALE,				/* each moves in proportion to its own size */
	QD_RATE_SHIFT,				/* all move by the same */
	QD_RATE_CLOSE_GAP			/* each moves the same fraction of its way to
								 * the best */
} qd_rate_method;

/* a 128-bit number where memory is aligned to 8 bytes */
typedef struct qd_two_words
{
	int64_t		high;
	uint64_t	low;
} qd_two_words;

/*
 * One partition.  A row takes part where QD_HAS_WEIGHT is set; it has a volume
 * above 0 then.  Bounds are whole steps.
 */
typedef struct qd_rates
{
	int32_t		n;
	const uint8_t *flags;		/* [n] QD_HAS_WEIGHT, QD_HAS_FLOOR, QD_HAS_CAP */
	const int64_t *volume;		/* [n] */
	int64_t    *base;			/* [n], overwritten */
	int64_t    *floor;			/* [n] or NULL; overwritten */
	int64_t    *cap;			/* [n] or NULL; overwritten */
	int64_t		step;			/* fine steps in one of the result, > 0 */
	int64_t    *rate;			/* [n], out, in steps */
	uint8_t    *rule;			/* [n], out: none, floor, cap, equal, zero,
								 * tie, share */
	uint8_t    *state;			/* [n], out, for qd_rates_exact */

	/*
	 * out: what no bound decided is base + size * slope, slope = gain / load;
	 * mirrored: all of it with the sign changed
	 */
	qd_rate_method method;
	bool		equal;			/* all were 0: they move alike */
	bool		mirrored;
	int64_t		best;
	int64_t		low;			/* in place of a missing floor */
	int64_t		high;			/* in place of a missing cap */
	qd_two_words gain;
	qd_two_words load;
} qd_rates;

/*
 * Finds the rates: clip(base + t * size, floor, cap) with one t for all, so that
 * their volume-weighted mean is target (in steps), and rounds each to the
 * nearest step, so that the rounded mean, rounded half away from zero, is the
 * target.  Where no t does that: QD_INFEASIBLE with the rounded means there
 * are, in steps.  O(n) expected; no row taking part: QD_OK, all rules none.
 *
 * Sizes: scale |base| (1 where all are 0), shift 1, close_gap the distance to
 * the best: the largest base to raise the mean, the smallest to lower it.
 * Missing bounds: a floor is 0 where nothing is below 0 (target, bases, caps),
 * else a cap is 0 where nothing is above 0, else there is none.
 */
extern qd_status qd_allocate_rate(const qd_env *env, qd_rates *rates, int64_t target,
								  qd_rate_method method, bool explain, qd_problem *problem);

/*
 * The exact rate of row i in steps: the floor, and millionths to it, rounded
 * half away from zero.  false where it leaves 64 bits.
 */
extern bool qd_rates_exact(const qd_rates *rates, int32_t i, int64_t *whole, int64_t *millionths);

#endif							/* QD_RATE_H */
