/*
 * effects.c
 *		Effects made of few ratios, and how effects are rounded together.
 */
#include "kernel/effects.h"

#include <string.h>

/*
 * The deviation goes by steps: the plan's amount, all grown alike, the plan's
 * price for the actual quantity, the actual amount.  Each ratio is where one
 * step ends and the next begins.
 */
const qd_form qd_price_volume_mix_form = {3, 2, {{-1, 0}, {0, 1}, {1, -1}}};
const qd_form qd_price_volume_form = {2, 1, {{-1}, {1}}};

/* nothing, as all, as the segment, and what is left */
const qd_form qd_shift_share_form = {3, 2, {{1, 0}, {-1, 1}, {0, -1}}};
const qd_form qd_shift_share_market_form = {4, 3, {{1, 0, 0}, {0, 0, 1}, {-1, 1, 0}, {0, -1, -1}}};

/*
 * Whether effect i is rounded up before effect j of the same fraction: the
 * order that effects.h promises.
 */
static bool
tie_goes_first(bool i_negative, bool j_negative, int i, int j)
{
	if (i_negative != j_negative)
		return i_negative;
	return i_negative ? i > j : i < j;
}

qd_status
qd_round_effects(qd_bigs *bigs, const qd_big *numerator, int count, qd_big denominator,
				 qd_big *effect)
{
	qd_big		rest[QD_MAX_FACTORS];
	bool		up[QD_MAX_FACTORS];
	qd_big		sum = qd_big_zero();
	qd_big		down = qd_big_zero();
	qd_int128	left;
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		sum = qd_big_add(bigs, sum, numerator[i]);
		qd_big_divide(bigs, numerator[i], denominator, &effect[i], &rest[i]);
		down = qd_big_add(bigs, down, effect[i]);
	}
	sum = qd_big_round(bigs, sum, denominator);
	if (!qd_big_to(qd_big_subtract(bigs, sum, down), &left))
		left = 0;				/* where memory has failed */

	for (i = 0; i < count; i++)
	{
		int			before = 0;

		for (j = 0; j < count; j++)
		{
			int			order = qd_big_compare(rest[j], rest[i]);

			if (order > 0 ||
				(order == 0 && j != i &&
				 tie_goes_first(numerator[j].negative, numerator[i].negative, j, i)))
				before++;
		}
		up[i] = before < left;
	}
	for (i = 0; i < count; i++)
		if (up[i])
			effect[i] = qd_big_add(bigs, effect[i], qd_big_from(bigs, 1));
	return qd_bigs_failed(bigs) ? QD_NOMEM : QD_OK;
}

/* a ratio, or what an effect has of them, as far as 64 fractional bits tell */
typedef struct fixed
{
	qd_int128	whole;			/* the floor */
	uint64_t	fraction;
	int			below;			/* the value is more than this many 2^-64 less */
	int			above;			/* and less than this many more; both 0: exact */
} fixed;

static fixed
fix_ratio(const qd_ratio *ratio)
{
	qd_int128	product = (qd_int128) ratio->factor * ratio->numerator;
	qd_int128	divisor = ratio->denominator;
	qd_uint128	rest;
	fixed		result;

	if (divisor < 0)
	{
		product = -product;
		divisor = -divisor;
	}
	result.whole = product / divisor;
	if (product % divisor < 0)
		result.whole--;
	rest = (qd_uint128) (product - result.whole * divisor) << 64;
	result.fraction = (uint64_t) (rest / (qd_uint128) divisor);
	result.below = 0;
	result.above = rest % (qd_uint128) divisor != 0 ? 1 : 0;
	return result;
}

/* whether two ratios of one factor are the same number */
static bool
same_ratio(const qd_ratio *a, const qd_ratio *b)
{
	return a->factor == b->factor &&
		(qd_int128) a->numerator * b->denominator == (qd_int128) b->numerator * a->denominator;
}

/* constant + the sum of sign * ratio; false where the floor is not sure */
static bool
fix_effect(int64_t constant, const int *sign, const fixed *ratio, int ratios, fixed *effect)
{
	qd_int128	fraction = 0;
	uint64_t	low;
	int			j;

	effect->whole = constant;
	effect->below = 0;
	effect->above = 0;
	for (j = 0; j < ratios; j++)
	{
		effect->whole += sign[j] * ratio[j].whole;
		fraction += sign[j] * (qd_int128) ratio[j].fraction;
		if (sign[j] > 0)
			effect->above += sign[j] * ratio[j].above;
		else
			effect->below -= sign[j] * ratio[j].above;
	}
	low = (uint64_t) fraction;
	effect->whole += fraction >> 64;
	effect->fraction = low;
	return low >= (uint64_t) effect->below &&
		(effect->above == 0 || low <= UINT64_MAX - (uint64_t) effect->above + 1);
}

/* whether effect i is rounded up before effect j; *sure is set to false where
 * that cannot be told */
static bool
goes_first(const fixed *effect, int i, int j, bool *sure)
{
	const fixed *a = &effect[i];
	const fixed *b = &effect[j];
	uint64_t	distance = a->fraction > b->fraction ? a->fraction - b->fraction :
	b->fraction - a->fraction;
	int			slack = a->below + a->above + b->below + b->above;

	if (distance == 0 && slack == 0)
		return tie_goes_first(a->whole < 0, b->whole < 0, i, j);
	if (distance < (uint64_t) slack)
		*sure = false;
	return a->fraction > b->fraction;
}

bool
qd_form_effects(const qd_form *form, const int64_t *constant, const qd_ratio *ratio,
				qd_int128 *effect)
{
	fixed		fixed_ratio[QD_MAX_RATIOS];
	fixed		fixed_effect[QD_MAX_EFFECTS];
	int			alias[QD_MAX_RATIOS];
	qd_int128	left = 0;
	int			i;
	int			j;

	for (j = 0; j < form->ratios; j++)
	{
		/* of equal ratios one is enough, and what cancels is gone */
		alias[j] = j > 0 && same_ratio(&ratio[j], &ratio[0]) ? 0 : j;
		if (alias[j] == j)
			fixed_ratio[j] = fix_ratio(&ratio[j]);
		else
			memset(&fixed_ratio[j], 0, sizeof(fixed));
	}
	for (i = 0; i < form->effects; i++)
	{
		int			sign[QD_MAX_RATIOS] = {0};

		for (j = 0; j < form->ratios; j++)
			sign[alias[j]] += form->sign[i][j];
		if (!fix_effect(constant[i], sign, fixed_ratio, form->ratios, &fixed_effect[i]))
			return false;
		left += constant[i] - fixed_effect[i].whole;
	}
	for (i = 0; i < form->effects; i++)
	{
		bool		sure = true;
		int			before = 0;

		effect[i] = fixed_effect[i].whole;
		if (left == 0)
			continue;
		for (j = 0; j < form->effects; j++)
			if (j != i && goes_first(fixed_effect, j, i, &sure))
				before++;
		if (!sure)
			return false;
		if (before < left)
			effect[i]++;
	}
	return true;
}

qd_status
qd_form_effects_big(qd_bigs *bigs, const qd_form *form, const qd_big *constant,
					const qd_big_ratio *ratio, qd_big *effect)
{
	qd_big		product[QD_MAX_RATIOS];
	qd_big		numerator[QD_MAX_EFFECTS];
	qd_big		divisor = qd_big_from(bigs, 1);
	int			i;
	int			j;

	/* all over the product of the denominators */
	for (j = 0; j < form->ratios; j++)
		divisor = qd_big_multiply(bigs, divisor, ratio[j].denominator);
	for (j = 0; j < form->ratios; j++)
	{
		product[j] = qd_big_multiply(bigs, ratio[j].factor, ratio[j].numerator);
		for (i = 0; i < form->ratios; i++)
			if (i != j)
				product[j] = qd_big_multiply(bigs, product[j], ratio[i].denominator);
		if (divisor.negative)
			product[j] = qd_big_negate(product[j]);
	}
	divisor.negative = false;
	for (i = 0; i < form->effects; i++)
	{
		numerator[i] = qd_big_multiply(bigs, constant[i], divisor);
		for (j = 0; j < form->ratios; j++)
		{
			if (form->sign[i][j] > 0)
				numerator[i] = qd_big_add(bigs, numerator[i], product[j]);
			else if (form->sign[i][j] < 0)
				numerator[i] = qd_big_subtract(bigs, numerator[i], product[j]);
		}
	}
	return qd_round_effects(bigs, numerator, form->effects, divisor, effect);
}
