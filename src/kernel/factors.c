/*
 * factors.c
 *		What each factor of a product adds to its change.
 *
 * Shapley's value of factor i is, over the subsets of the other factors that
 * have changed before it,
 *		(x1_i - x0_i) * sum_s s! (k - 1 - s)! / k! * e_s
 * where e_s is the sum of the products with s of them changed: the coefficient
 * of z^s in the product of (x0_j + x1_j z).  O(k^2) a factor, in integers.
 *
 * LMDI-I: Ang, "The LMDI approach to decomposition analysis: a practical
 * guide" (Energy Policy 33, 2005); for zeros the limit of equal small values.
 */
#include "kernel/effects.h"

#include <math.h>

/* 10^units_scale and 10^(the scales of all factors): a product in units is the
 * mantissas' * one / divisor */
static void
get_scales(qd_bigs *bigs, const qd_factors *factors, qd_big *one, qd_big *divisor)
{
	int			scale = 0;
	int			i;

	for (i = 0; i < factors->count; i++)
		scale += factors->scale[i];
	*one = qd_big_power10(bigs, factors->units_scale);
	*divisor = qd_big_power10(bigs, scale);
}

/*
 * One factor's effect * k!, of the mantissas.  weight[s] is s! (k - 1 - s)!;
 * the answer lives in result, all else in scratch.
 */
static qd_big
shapley_value(qd_bigs *scratch, qd_bigs *result, const qd_factors *factors, const qd_big *weight,
			  int i)
{
	qd_big		coefficient[QD_MAX_FACTORS];
	qd_big		sum = qd_big_zero();
	int			degree = 0;
	int			j;
	int			s;

	coefficient[0] = qd_big_from(scratch, 1);
	for (j = 0; j < factors->count; j++)
	{
		if (j == i)
			continue;
		/* times (x0_j + x1_j z), from the highest */
		degree++;
		coefficient[degree] = qd_big_multiply(scratch, coefficient[degree - 1],
											  factors->actual[j]);
		for (s = degree - 1; s > 0; s--)
			coefficient[s] = qd_big_add(scratch,
										qd_big_multiply(scratch, coefficient[s],
														factors->plan[j]),
										qd_big_multiply(scratch, coefficient[s - 1],
														factors->actual[j]));
		coefficient[0] = qd_big_multiply(scratch, coefficient[0], factors->plan[j]);
	}
	for (s = 0; s < factors->count; s++)
		sum = qd_big_add(scratch, sum, qd_big_multiply(scratch, coefficient[s], weight[s]));
	sum = qd_big_multiply(scratch, sum, qd_big_subtract(scratch, factors->actual[i],
														factors->plan[i]));
	return qd_big_copy(result, sum);
}

qd_status
qd_shapley(qd_bigs *bigs, const qd_factors *factors, qd_big *effect)
{
	qd_big		factorial[QD_MAX_FACTORS + 1];
	qd_big		weight[QD_MAX_FACTORS];
	qd_big		numerator[QD_MAX_FACTORS];
	qd_big		one;
	qd_big		divisor;
	qd_bigs		scratch;
	int			k = factors->count;
	int			i;

	get_scales(bigs, factors, &one, &divisor);
	factorial[0] = qd_big_from(bigs, 1);
	for (i = 1; i <= k; i++)
		factorial[i] = qd_big_multiply(bigs, factorial[i - 1], qd_big_from(bigs, i));
	for (i = 0; i < k; i++)
		weight[i] = qd_big_multiply(bigs, factorial[i], factorial[k - 1 - i]);

	/* the polynomials are much larger than what comes out of them */
	qd_bigs_begin(&scratch, bigs->env);
	for (i = 0; i < k; i++)
	{
		numerator[i] = shapley_value(&scratch, bigs, factors, weight, i);
		numerator[i] = qd_big_multiply(bigs, numerator[i], one);
		if (qd_bigs_failed(&scratch))
			break;
		qd_bigs_reset(&scratch);
	}
	qd_bigs_end(&scratch);
	if (i < k)
		return QD_NOMEM;
	return qd_round_effects(bigs, numerator, k, qd_big_multiply(bigs, divisor, factorial[k]),
							effect);
}

/* ln(a / b), for a / b > 0; also where both are near, and beyond doubles */
static double
log_ratio(qd_bigs *bigs, qd_big a, qd_big b)
{
	int			a_exponent;
	int			b_exponent;
	int			exponent;
	double		fa = qd_big_double(a, &a_exponent);
	double		fb = qd_big_double(b, &b_exponent);

	/* within a factor of two the difference says it best */
	if (a_exponent - b_exponent <= 1 && a_exponent - b_exponent >= -1)
	{
		double		fd = qd_big_double(qd_big_subtract(bigs, a, b), &exponent);

		return log1p(ldexp(fd / fb, exponent - b_exponent));
	}
	return log(fa / fb) + (a_exponent - b_exponent) * log(2.0);
}

/* change shared equally by the factors that are 0 in from[] */
static qd_status
share_by_zeros(qd_bigs *bigs, const qd_big *from, int count, qd_big change, qd_big divisor,
			   qd_big *effect)
{
	qd_big		numerator[QD_MAX_FACTORS];
	int			zeros = 0;
	int			i;

	for (i = 0; i < count; i++)
	{
		zeros += qd_big_is_zero(from[i]);
		numerator[i] = qd_big_is_zero(from[i]) ? change : qd_big_zero();
	}
	return qd_round_effects(bigs, numerator, count,
							qd_big_multiply(bigs, divisor, qd_big_from(bigs, zeros)), effect);
}

/*
 * Floating-point effects, value[i] * 2^exponent, to whole units that sum to
 * total: to the nearest, and what is missing, which is no more than doubles
 * err, goes to the largest.
 */
static qd_status
settle_effects(qd_bigs *bigs, const double *value, int exponent, int count, qd_big total,
			   qd_big *effect)
{
	double		fraction[QD_MAX_FACTORS];
	bool		up[QD_MAX_FACTORS];
	qd_big		sum = qd_big_zero();
	qd_big		missing;
	qd_int128	left;
	int			largest = 0;
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		double		whole;

		/* where a double has a fraction, it is below 2^53 */
		fraction[i] = 0.0;
		effect[i] = qd_big_from_double(bigs, value[i], exponent);
		if (exponent < 64)
		{
			double		x = ldexp(value[i], exponent);

			whole = floor(x);
			fraction[i] = x - whole;
			if (fraction[i] > 0.0)
				effect[i] = qd_big_from(bigs, (int64_t) whole);
		}
		sum = qd_big_add(bigs, sum, effect[i]);
		if (fabs(value[i]) > fabs(value[largest]))
			largest = i;
	}
	missing = qd_big_subtract(bigs, total, sum);
	if (!qd_big_to(missing, &left))
		left = 0;				/* far beyond units */
	for (i = 0; i < count; i++)
	{
		int			before = 0;

		for (j = 0; j < count; j++)
			if (fraction[j] > fraction[i] ||
				(fraction[j] == fraction[i] && j != i &&
				 (signbit(value[j]) != signbit(value[i]) ? signbit(value[j]) :
				  signbit(value[i]) ? j > i : j < i)))
				before++;
		up[i] = before < left && fraction[i] > 0.0;
	}
	for (i = 0; i < count; i++)
	{
		if (up[i])
		{
			effect[i] = qd_big_add(bigs, effect[i], qd_big_from(bigs, 1));
			missing = qd_big_subtract(bigs, missing, qd_big_from(bigs, 1));
		}
	}
	effect[largest] = qd_big_add(bigs, effect[largest], missing);
	return qd_bigs_failed(bigs) ? QD_NOMEM : QD_OK;
}

qd_status
qd_lmdi(qd_bigs *bigs, const qd_factors *factors, qd_big *effect)
{
	qd_big		actual;
	qd_big		plan;
	qd_big		one;
	qd_big		divisor;
	qd_big		change;
	double		value[QD_MAX_FACTORS];
	double		mean;
	int			exponent;
	int			divisor_exponent;
	double		divisor_fraction;
	int			i;

	get_scales(bigs, factors, &one, &divisor);
	actual = plan = one;
	for (i = 0; i < factors->count; i++)
	{
		if (qd_big_sign(factors->actual[i]) * qd_big_sign(factors->plan[i]) < 0)
			return qd_shapley(bigs, factors, effect);
		actual = qd_big_multiply(bigs, actual, factors->actual[i]);
		plan = qd_big_multiply(bigs, plan, factors->plan[i]);
	}
	change = qd_big_subtract(bigs, actual, plan);
	if (qd_bigs_failed(bigs))
		return QD_NOMEM;
	if (qd_big_is_zero(plan) && qd_big_is_zero(actual))
	{
		for (i = 0; i < factors->count; i++)
			effect[i] = qd_big_zero();
		return QD_OK;
	}
	if (qd_big_is_zero(plan))
		return share_by_zeros(bigs, factors->plan, factors->count, change, divisor, effect);
	if (qd_big_is_zero(actual))
		return share_by_zeros(bigs, factors->actual, factors->count, change, divisor, effect);

	/* the logarithmic mean of the two products, in units: mean * 2^exponent */
	if (qd_big_is_zero(change))
		mean = qd_big_double(plan, &exponent);
	else
		mean = qd_big_double(change, &exponent) / log_ratio(bigs, actual, plan);
	divisor_fraction = qd_big_double(divisor, &divisor_exponent);
	mean /= divisor_fraction;
	exponent -= divisor_exponent;
	for (i = 0; i < factors->count; i++)
		value[i] = mean * log_ratio(bigs, factors->actual[i], factors->plan[i]);
	if (qd_bigs_failed(bigs))
		return QD_NOMEM;
	return settle_effects(bigs, value, exponent, factors->count,
						  qd_big_round(bigs, change, divisor), effect);
}
