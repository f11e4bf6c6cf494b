/*
 * rate_mix.c
 *		The change of a ratio of sums, row by row: within, mix, interaction.
 *
 * With the rates r = n / d of a row, its weights w = d / D and the ratio R of
 * the sums, of the plan (0) and the actual (1):
 *		within		w0 (r1 - r0)
 *		mix			(w1 - w0) (r0 - R0)
 *		interaction	(w1 - w0) (r1 - r0)
 * They sum over all rows to R1 - R0.  A row that only one of the two has lacks
 * a rate in the other, and takes the one it has: all is mix.  A numerator
 * without a denominator has no weight and is within.
 */
#include "kernel/effects.h"
#include "kernel/group.h"

/* an effect that is top / bottom of the ratio, in units rounded down, and its key */
static void
settle(qd_bigs *bigs, const qd_rate_change *mix, qd_big top, qd_big bottom, qd_big *down,
	   uint64_t *key)
{
	qd_big		rest;

	top = qd_big_multiply(bigs, top, mix->one);
	bottom = qd_big_multiply(bigs, bottom, mix->divisor);
	if (bottom.negative)
	{
		top = qd_big_negate(top);
		bottom = qd_big_negate(bottom);
	}
	qd_big_divide(bigs, top, bottom, down, &rest);
	*key = (qd_big_fraction(bigs, rest, bottom) & ~UINT64_C(1)) | (top.negative ? 1 : 0);
}

/* a * b - c * d */
static qd_big
cross(qd_bigs *bigs, qd_big a, qd_big b, qd_big c, qd_big d)
{
	return qd_big_subtract(bigs, qd_big_multiply(bigs, a, b), qd_big_multiply(bigs, c, d));
}

qd_status
qd_rate_mix_row(qd_bigs *bigs, const qd_rate_change *mix, const qd_rate_row *row, qd_big *down,
				uint64_t *key)
{
	const qd_rate_row *all = &mix->total;
	qd_big		n1 = row->actual_numerator;
	qd_big		d1 = row->actual_denominator;
	qd_big		n0 = row->plan_numerator;
	qd_big		d0 = row->plan_denominator;
	qd_big		zero = qd_big_zero();
	qd_big		one = qd_big_from(bigs, 1);
	qd_big		both = qd_big_multiply(bigs, all->actual_denominator, all->plan_denominator);

	/* how far the row's rate is from the plan's ratio, over d0 D0 or d1 D0 */
	qd_big		above_plan = cross(bigs, n0, all->plan_denominator, all->plan_numerator, d0);
	qd_big		actual_above_plan = cross(bigs, n1, all->plan_denominator, all->plan_numerator, d1);
	qd_big		top[QD_RATE_EFFECTS];
	qd_big		bottom[QD_RATE_EFFECTS] = {one, one, one};
	int			i;

	top[2] = zero;
	if (qd_big_is_zero(d1) && qd_big_is_zero(d0))
	{
		top[0] = cross(bigs, n1, all->plan_denominator, n0, all->actual_denominator);
		bottom[0] = both;
		top[1] = zero;
	}
	else if (qd_big_is_zero(d1))
	{
		top[0] = n1;
		bottom[0] = all->actual_denominator;
		top[1] = qd_big_negate(above_plan);
		bottom[1] = qd_big_multiply(bigs, all->plan_denominator, all->plan_denominator);
	}
	else if (qd_big_is_zero(d0))
	{
		top[0] = qd_big_negate(n0);
		bottom[0] = all->plan_denominator;
		top[1] = actual_above_plan;
		bottom[1] = both;
	}
	else
	{
		qd_big		shift = cross(bigs, d1, all->plan_denominator, d0, all->actual_denominator);
		qd_big		gain = cross(bigs, n1, d0, n0, d1);

		top[0] = gain;
		bottom[0] = qd_big_multiply(bigs, all->plan_denominator, d1);
		top[1] = qd_big_multiply(bigs, shift, above_plan);
		bottom[1] = qd_big_multiply(bigs, both, qd_big_multiply(bigs, d0, all->plan_denominator));
		top[2] = qd_big_multiply(bigs, shift, gain);
		bottom[2] = qd_big_multiply(bigs, both, qd_big_multiply(bigs, d1, d0));
	}
	for (i = 0; i < QD_RATE_EFFECTS; i++)
		settle(bigs, mix, top[i], bottom[i], &down[i], &key[i]);
	return qd_bigs_failed(bigs) ? QD_NOMEM : QD_OK;
}

qd_status
qd_rate_mix_total(qd_bigs *bigs, const qd_rate_change *mix, qd_big *units, qd_int128 *added)
{
	const qd_rate_row *all = &mix->total;
	qd_big		top = cross(bigs, all->actual_numerator, all->plan_denominator,
							all->plan_numerator, all->actual_denominator);
	qd_big		bottom = qd_big_multiply(bigs, all->actual_denominator, all->plan_denominator);
	qd_big		difference;
	qd_big		magnitude;

	top = qd_big_multiply(bigs, top, mix->one);
	bottom = qd_big_multiply(bigs, bottom, mix->divisor);
	if (bottom.negative)
	{
		top = qd_big_negate(top);
		bottom = qd_big_negate(bottom);
	}
	*units = qd_big_round(bigs, top, bottom);
	difference = qd_big_subtract(bigs, qd_big_multiply(bigs, *units, bottom), top);
	magnitude = difference;
	magnitude.negative = false;
	*added = (qd_int128) qd_big_fraction(bigs, magnitude, bottom);
	if (difference.negative)
		*added = -*added;
	return qd_bigs_failed(bigs) ? QD_NOMEM : QD_OK;
}

void
qd_rate_mix_cut(const qd_env *env, const uint64_t *key, int64_t n, qd_int128 added, uint8_t *up)
{
	qd_int128	sum = added;
	uint64_t	prefix = 0;		/* of the last key that is served */
	int64_t		left;
	bool		any;
	int64_t		i;
	int			shift;

	/*
	 * The units that are left are what was added and all fractions: a whole
	 * number, of which n * 2^-63 at most is missing.
	 */
	for (i = 0; i < n; i++)
	{
		sum += (qd_int128) (key[i] & ~UINT64_C(1));
		QD_POLL(env, i);
	}
	left = (int64_t) ((sum + ((qd_int128) 1 << 63)) >> 64);
	any = left > 0;

	/*
	 * the left-th largest key, byte by byte; left becomes its place among
	 * equals
	 */
	for (shift = 56; shift >= 0 && any; shift -= 8)
	{
		int64_t		count[256] = {0};
		int			byte;

		for (i = 0; i < n; i++)
		{
			if (shift == 56 || key[i] >> (shift + 8) == prefix)
				count[(key[i] >> shift) & 0xff]++;
			QD_POLL(env, i);
		}
		for (byte = 255; byte > 0 && count[byte] < left; byte--)
			left -= count[byte];
		prefix = prefix << 8 | (uint64_t) byte;
	}
	for (i = 0; i < n; i++)
	{
		up[i] = any && (key[i] > prefix || (key[i] == prefix && left-- > 0));
		QD_POLL(env, i);
	}
}
