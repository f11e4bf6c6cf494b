/*
 * effects.h
 *		What makes up a deviation: decompositions of actual - plan into effects
 *		that sum to it, in exact arithmetic, rounded to whole units of a scale.
 *
 * An effect is a rational number.  Effects are rounded together by largest
 * remainder: all down, and the units that are left go one each to the largest
 * fractions.  So each is less than one unit from its exact value, and together
 * they are the rounded deviation.  Among equal fractions the negative effects
 * move first, the last of them before the others, then the positive ones from
 * the first on: away from zero no more than needed, and so that negated input
 * gives negated effects.
 */
#ifndef QD_EFFECTS_H
#define QD_EFFECTS_H

#include "kernel/big.h"
#include "kernel/kernel.h"

#define QD_MAX_EFFECTS	5
#define QD_MAX_RATIOS	3

/*
 * numerator[i] / denominator for each i, rounded together to the nearest whole
 * number to their sum, half away from zero.  denominator > 0; effect[] lives in
 * bigs and so does the scratch.
 */
extern qd_status qd_round_effects(qd_bigs *bigs, const qd_big *numerator, int count,
								  qd_big denominator, qd_big *effect);

/*
 * Effects made of few ratios: effect i is a constant, and ratio j added (sign
 * 1), subtracted (-1) or not in it (0).  Each ratio is added once and
 * subtracted once over all effects, so that they sum to the constants.
 */
typedef struct qd_form
{
	int			effects;
	int			ratios;
	int8_t		sign[QD_MAX_EFFECTS][QD_MAX_RATIOS];
} qd_form;

/* factor * numerator / denominator; the denominator is not 0 */
typedef struct qd_ratio
{
	int64_t		factor;
	int64_t		numerator;
	int64_t		denominator;
} qd_ratio;

typedef struct qd_big_ratio
{
	qd_big		factor;
	qd_big		numerator;
	qd_big		denominator;
} qd_big_ratio;

/*
 * The effects of a form.  The first is for values below 2^62 in magnitude, and
 * false where 64 fractional bits do not decide: then the second is to be
 * asked, which always knows.
 */
extern bool qd_form_effects(const qd_form *form, const int64_t *constant, const qd_ratio *ratio,
							qd_int128 *effect);
extern qd_status qd_form_effects_big(qd_bigs *bigs, const qd_form *form, const qd_big *constant,
									 const qd_big_ratio *ratio, qd_big *effect);

/*
 * Price, volume, mix (in this order) of a product with quantities q0 and q1
 * and amounts a0 and a1, where all products have Q0 and Q1.
 *		ratio 0: a0 * q1 / q0, the plan's price for the actual quantity
 *		ratio 1: a0 * Q1 / Q0, the plan's amount if all had grown alike
 *		constants: a1, -a0, 0
 */
extern const qd_form qd_price_volume_mix_form;

/* the same without a mix, where Q0 is 0: ratio 0 as above, constants a1, -a0 */
extern const qd_form qd_price_volume_form;

/*
 * Common, strategy, individual (in this order) of a row with the target t and
 * the actual a, where all rows have T and deviate by S, those of the row's
 * segment have Tg and deviate by Sg.
 *		ratio 0: t * S / T
 *		ratio 1: t * Sg / Tg
 *		constants: 0, 0, a - t
 */
extern const qd_form qd_shift_share_form;

/*
 * Common, market, strategy, individual, where the market grew m more than
 * planned: S and Sg are then those of a - t * m, and so are the ratios.
 *		ratio 2: t * m
 *		constants: 0, 0, 0, a - t
 */
extern const qd_form qd_shift_share_market_form;

/*
 * A change of a ratio, sum of numerators / sum of denominators, row by row.
 */
typedef struct qd_rate_row
{
	qd_big		actual_numerator;
	qd_big		actual_denominator;
	qd_big		plan_numerator;
	qd_big		plan_denominator;
} qd_rate_row;

/* what is the same for all rows */
typedef struct qd_rate_change
{
	qd_rate_row total;			/* denominators not 0 */
	qd_big		one;			/* units of the effects in numerator /
								 * denominator: positive */
	qd_big		divisor;		/* and divided by this: positive */
} qd_rate_change;

#define QD_RATE_EFFECTS	3		/* within, mix, interaction */

/*
 * The effects of one row, rounded down to units, and for each a key: its
 * fraction in 63 bits, and whether it is negative, so that the larger key is
 * rounded up first.
 */
extern qd_status qd_rate_mix_row(qd_bigs *bigs, const qd_rate_change *mix, const qd_rate_row *row,
								 qd_big *down, uint64_t *key);

/*
 * The deviation of the ratio in units, rounded half away from zero, and what
 * was added to it for that, in 2^-64.
 */
extern qd_status qd_rate_mix_total(qd_bigs *bigs, const qd_rate_change *mix, qd_big *units,
								   qd_int128 *added);

/*
 * Which of n keys are rounded up, so that all effects together are the rounded
 * deviation: up[i] is set to 0 or 1.  added is that of qd_rate_mix_total.  Among
 * equal keys the first are.
 */
extern void qd_rate_mix_cut(const qd_env *env, const uint64_t *key, int64_t n, qd_int128 added,
							uint8_t *up);

/*
 * Factors of a product, at the units' scale: value = mantissa * 10^-scale.
 */
#define QD_MAX_FACTORS	32

typedef struct qd_factors
{
	int			count;			/* 1 .. QD_MAX_FACTORS */
	const qd_big *actual;		/* [count] mantissas */
	const qd_big *plan;
	const int  *scale;			/* [count], >= 0, of both */
	int			units_scale;	/* of the effects, >= 0 */
} qd_factors;

/*
 * effect[i] of factor i in units; they sum to the change of the product,
 * rounded half away from zero.  Shapley is the mean over all orders in which
 * the factors can change.  LMDI is L(v1, v0) ln(x1 / x0) with the logarithmic
 * mean L: floating point, to about 15 digits, settled by integers; the change
 * from or to 0 is shared equally by the factors that are 0.  Where a factor
 * changes its sign, LMDI is not defined and Shapley is taken.
 */
extern qd_status qd_shapley(qd_bigs *bigs, const qd_factors *factors, qd_big *effect);
extern qd_status qd_lmdi(qd_bigs *bigs, const qd_factors *factors, qd_big *effect);

#endif							/* QD_EFFECTS_H */
