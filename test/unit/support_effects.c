/*
 * support_effects.c
 *		See support_effects.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_effects.h"

int64_t		seen_narrow = 0;
int64_t		seen_wide = 0;

/* ---------------------------------------------------------------- integers */

static qd_big
number(qd_bigs *b, int64_t x)
{
	return qd_big_from(b, x);
}

static bool
same(qd_big a, qd_big b)
{
	return qd_big_compare(a, b) == 0;
}

static qd_big
magnitude(qd_big x)
{
	x.negative = false;
	return x;
}

/* limbs that are all ones, one bit, or nothing break division if anything does */
static qd_big
draw_big(source *s, qd_bigs *b, int most_limbs)
{
	int			n = (int) draw(s, (uint64_t) most_limbs + 1);
	qd_big		x = qd_big_zero();
	qd_big		base = number(b, INT64_C(1) << 32);
	int			i;

	for (i = 0; i < n; i++)
	{
		uint32_t	limb;

		switch (draw(s, 6))
		{
			case 0:
				limb = 0;
				break;
			case 1:
				limb = UINT32_MAX;
				break;
			case 2:
				limb = UINT32_C(1) << draw(s, 32);
				break;
			case 3:
				limb = UINT32_MAX - (uint32_t) draw(s, 3);
				break;
			default:
				limb = (uint32_t) draw(s, UINT64_C(1) << 32);
		}
		x = qd_big_add(b, qd_big_multiply(b, x, base), number(b, limb));
	}
	return draw(s, 2) ? qd_big_negate(x) : x;
}

static qd_int128
draw_int128(source *s)
{
	qd_int128	x = (qd_int128) draw_magnitude(s, INT64_MAX) * (draw(s, 2) ? 1 : -1);

	if (draw(s, 2))
		x = x * draw_magnitude(s, INT64_MAX) + draw_magnitude(s, INT64_MAX);
	return x;
}

static bool
check_small_integers(source *s, qd_bigs *b, verdict *v)
{
	qd_int128	x = draw_int128(s);
	qd_int128	y = draw_int128(s);
	qd_int128	z;
	qd_int128	floor_quotient;
	qd_big		q;
	qd_big		r;
	char		text[200];
	char		want[64];

	if (!qd_big_to(qd_big_from(b, x), &z) || z != x)
		return test_broken(v, "128 bits do not come back");
	if (!same(qd_big_add(b, qd_big_from(b, x / 2), qd_big_from(b, y / 2)), qd_big_from(b, x / 2 + y / 2)))
		return test_broken(v, "a sum differs from 128 bits");
	if (!same(qd_big_subtract(b, qd_big_from(b, x / 2), qd_big_from(b, y / 2)), qd_big_from(b, x / 2 - y / 2)))
		return test_broken(v, "a difference differs from 128 bits");
	if (!same(qd_big_multiply(b, number(b, (int64_t) x), number(b, (int64_t) y)),
			  qd_big_from(b, (qd_int128) (int64_t) x * (int64_t) y)))
		return test_broken(v, "a product differs from 128 bits");
	if (qd_big_compare(qd_big_from(b, x), qd_big_from(b, y)) != (x > y) - (x < y))
		return test_broken(v, "a comparison differs from 128 bits");
	snprintf(want, sizeof(want), "%s", int128_text(x));
	if (!qd_big_print(b, qd_big_from(b, x), 0, text) || strcmp(text, want) != 0)
		return test_broken(v, "%s is printed as %s", want, text);
	if (y == 0)
		return true;
	if (y < 0)
		y = -y;
	floor_quotient = x / y - (x % y < 0 ? 1 : 0);
	qd_big_divide(b, qd_big_from(b, x), qd_big_from(b, y), &q, &r);
	if (!same(q, qd_big_from(b, floor_quotient)) || !same(r, qd_big_from(b, x - floor_quotient * y)))
		return test_broken(v, "a quotient differs from 128 bits: %s by %s", want, int128_text(y));
	/* half away from zero */
	z = (x < 0 ? -x : x) / y;
	if ((x < 0 ? -x : x) % y >= y - (x < 0 ? -x : x) % y)
		z++;
	if (!same(qd_big_round(b, qd_big_from(b, x), qd_big_from(b, y)), qd_big_from(b, x < 0 ? -z : z)))
		return test_broken(v, "rounding %s by %s is wrong", want, int128_text(y));
	return true;
}

static bool
check_large_integers(source *s, qd_bigs *b, verdict *v)
{
	qd_big		x = draw_big(s, b, 12);
	qd_big		y = magnitude(draw_big(s, b, 8));
	qd_big		z = magnitude(draw_big(s, b, 8));
	qd_big		q;
	qd_big		r;
	char		text[400];
	const char *digits;
	int			exponent;
	double		approximate;

	if (!same(qd_big_subtract(b, qd_big_add(b, x, y), y), x))
		return test_broken(v, "a + b - b is not a");
	if (!same(qd_big_multiply(b, x, qd_big_add(b, y, z)),
			  qd_big_add(b, qd_big_multiply(b, x, y), qd_big_multiply(b, x, z))))
		return test_broken(v, "a (b + c) is not a b + a c");
	if (!qd_big_print(b, x, 0, text))
		return test_broken(v, "cannot print");
	digits = text + (text[0] == '-');
	if (!same(qd_big_parse(b, digits, strlen(digits), text[0] == '-'), x))
		return test_broken(v, "%s does not come back", text);
	approximate = qd_big_double(x, &exponent);
	if (!qd_big_is_zero(x))
	{
		qd_big		back = qd_big_from_double(b, approximate, exponent);
		qd_big		error = magnitude(qd_big_subtract(b, back, x));

		/* 52 bits are right */
		if (qd_big_compare(qd_big_multiply(b, error, number(b, INT64_C(1) << 52)),
						   qd_big_add(b, magnitude(x), number(b, INT64_C(1) << 52))) > 0 ||
			fabs(approximate) < 0.5 || fabs(approximate) >= 1.0)
			return test_broken(v, "%s as a double is %g * 2^%d", text, approximate, exponent);
	}
	else if (approximate != 0.0)
		return test_broken(v, "0 as a double is %g", approximate);
	if (qd_big_is_zero(y))
		return true;
	qd_big_divide(b, x, y, &q, &r);
	if (r.negative || qd_big_compare(r, y) >= 0 ||
		!same(qd_big_add(b, qd_big_multiply(b, q, y), r), x))
		return test_broken(v, "a quotient of %s is wrong", text);
	/* a multiple, and one less */
	qd_big_divide(b, qd_big_multiply(b, y, z), y, &q, &r);
	if (!same(q, z) || !qd_big_is_zero(r))
		return test_broken(v, "a b / b is not a");
	qd_big_divide(b, qd_big_subtract(b, qd_big_multiply(b, y, z), number(b, 1)), y, &q, &r);
	if (!same(q, qd_big_subtract(b, z, number(b, 1))) ||
		!same(r, qd_big_subtract(b, y, number(b, 1))))
		return test_broken(v, "(a b - 1) / b is not a - 1");
	/* fraction: f <= rest / y * 2^64 < f + 1 */
	qd_big_divide(b, magnitude(x), y, &q, &r);
	{
		uint64_t	f = qd_big_fraction(b, r, y);
		qd_big		whole = qd_big_multiply(b, qd_big_multiply(b, r, number(b, INT64_C(1) << 32)),
											number(b, INT64_C(1) << 32));
		qd_big		low = qd_big_multiply(b, qd_big_from(b, (qd_int128) f), y);

		if (qd_big_compare(low, whole) > 0 || qd_big_compare(qd_big_add(b, low, y), whole) <= 0)
			return test_broken(v, "a fraction of %s is wrong", text);
	}
	return true;
}

bool
check_big(source *s, verdict *v)
{
	test_env	env;
	qd_bigs		b;
	bool		fine;

	test_env_init(&env);
	qd_bigs_begin(&b, &env.env);
	fine = check_small_integers(s, &b, v) && check_large_integers(s, &b, v);
	if (fine && qd_bigs_failed(&b))
		fine = test_broken(v, "memory has failed");
	qd_bigs_end(&b);
	if (fine && env.live != 0)
		fine = test_broken(v, "%lld allocations are left", (long long) env.live);
	return fine;
}

/* ---------------------------------------------------------------- rounding */

bool
rounded_together(qd_bigs *b, const qd_big *numerator, int count, qd_big denominator,
				 const qd_big *effect, verdict *v)
{
	qd_big		sum = qd_big_zero();
	qd_big		rounded = qd_big_zero();
	qd_big		least_up = qd_big_zero();
	qd_big		most_down = qd_big_zero();
	qd_big		twice;
	bool		any_up = false;
	int			i;

	for (i = 0; i < count; i++)
	{
		qd_big		error = qd_big_subtract(b, numerator[i], qd_big_multiply(b, effect[i], denominator));

		sum = qd_big_add(b, sum, numerator[i]);
		rounded = qd_big_add(b, rounded, effect[i]);
		if (qd_big_compare(magnitude(error), denominator) >= 0)
			return test_broken(v, "effect %d is a unit or more from its exact value", i);
		if (error.negative)
		{
			qd_big		fraction = qd_big_add(b, error, denominator);

			if (!any_up || qd_big_compare(fraction, least_up) < 0)
				least_up = fraction;
			any_up = true;
		}
		else if (qd_big_compare(error, most_down) > 0)
			most_down = error;
	}
	if (any_up && qd_big_compare(least_up, most_down) < 0)
		return test_broken(v, "a smaller fraction is rounded up");
	/* the sum is rounded half away from zero */
	twice = qd_big_subtract(b, qd_big_multiply(b, rounded, denominator), sum);
	twice = qd_big_add(b, twice, twice);
	if (qd_big_compare(magnitude(twice), denominator) > 0 ||
		(qd_big_compare(magnitude(twice), denominator) == 0 && twice.negative != sum.negative))
		return test_broken(v, "the effects do not sum to the rounded deviation");
	return true;
}

/* ------------------------------------------------------------------- forms */

static int64_t
draw_signed(source *s, int64_t most)
{
	int64_t		x = draw_magnitude(s, most);

	return draw(s, 4) == 0 ? -x : x;
}

static int64_t
draw_value(source *s, int kind)
{
	switch (kind)
	{
		case 0:
			return draw_signed(s, 4);
		case 1:
			return draw_signed(s, 1000);
		case 2:
			return draw_signed(s, INT64_C(100000000000));
		case 3:					/* with decimals: ties */
			return draw_signed(s, 1000) * 50;
		default:
			return draw_signed(s, (INT64_C(1) << 62) - 1);
	}
}

static const qd_form *const forms[] = {
	&qd_price_volume_mix_form, &qd_price_volume_form, &qd_shift_share_form,
	&qd_shift_share_market_form
};

/* the exact effects of a form, one by one, over all denominators together */
static qd_big
exact_effects(qd_bigs *b, const qd_form *form, const int64_t *constant, const qd_ratio *ratio,
			  qd_big *numerator)
{
	qd_big		denominator = number(b, 1);
	int			i;
	int			j;
	int			k;

	for (j = 0; j < form->ratios; j++)
		denominator = qd_big_multiply(b, denominator, number(b, ratio[j].denominator));
	for (i = 0; i < form->effects; i++)
	{
		numerator[i] = qd_big_multiply(b, number(b, constant[i]), denominator);
		for (j = 0; j < form->ratios; j++)
		{
			qd_big		part = qd_big_multiply(b, number(b, ratio[j].factor),
											   number(b, ratio[j].numerator));

			for (k = 0; k < form->ratios; k++)
				if (k != j)
					part = qd_big_multiply(b, part, number(b, ratio[k].denominator));
			part = qd_big_multiply(b, part, number(b, form->sign[i][j]));
			numerator[i] = qd_big_add(b, numerator[i], part);
		}
		if (denominator.negative)
			numerator[i] = qd_big_negate(numerator[i]);
	}
	return magnitude(denominator);
}

static bool
check_form_in(source *s, qd_bigs *b, verdict *v)
{
	const qd_form *form = forms[draw(s, 4)];
	int			kind = (int) draw(s, 5);
	int64_t		constant[QD_MAX_EFFECTS];
	qd_ratio	ratio[QD_MAX_RATIOS];
	int64_t		minus_constant[QD_MAX_EFFECTS];
	qd_ratio	minus_ratio[QD_MAX_RATIOS];
	qd_big		big_constant[QD_MAX_EFFECTS];
	qd_big_ratio big_ratio[QD_MAX_RATIOS];
	qd_int128	effect[QD_MAX_EFFECTS];
	qd_int128	minus[QD_MAX_EFFECTS];
	qd_big		big_effect[QD_MAX_EFFECTS];
	qd_big		numerator[QD_MAX_EFFECTS];
	qd_big		denominator;
	int			i;

	for (i = 0; i < form->effects; i++)
	{
		constant[i] = draw_value(s, kind);
		minus_constant[i] = -constant[i];
		big_constant[i] = number(b, constant[i]);
	}
	for (i = 0; i < form->ratios; i++)
	{
		ratio[i].factor = i == 1 ? ratio[0].factor : draw_value(s, kind);
		ratio[i].numerator = draw_value(s, kind);
		ratio[i].denominator = draw_value(s, (int) draw(s, (uint64_t) kind + 1));
		if (ratio[i].denominator == 0)
			ratio[i].denominator = 1;
		/* all had grown alike */
		if (i == 1 && draw(s, 6) == 0)
		{
			int64_t		times = 1 + (int64_t) draw(s, 3);

			if (llabs(ratio[0].numerator) < INT64_C(1) << 60 &&
				llabs(ratio[0].denominator) < INT64_C(1) << 60)
			{
				ratio[1].numerator = ratio[0].numerator * times;
				ratio[1].denominator = ratio[0].denominator * times;
			}
		}
		minus_ratio[i] = ratio[i];
		minus_ratio[i].factor = -ratio[i].factor;
		big_ratio[i].factor = number(b, ratio[i].factor);
		big_ratio[i].numerator = number(b, ratio[i].numerator);
		big_ratio[i].denominator = number(b, ratio[i].denominator);
	}
	if (qd_form_effects_big(b, form, big_constant, big_ratio, big_effect) != QD_OK)
		return test_broken(v, "a form fails");
	denominator = exact_effects(b, form, constant, ratio, numerator);
	if (!rounded_together(b, numerator, form->effects, denominator, big_effect, v))
		return false;

	if (qd_form_effects(form, constant, ratio, effect))
	{
		seen_narrow++;
		for (i = 0; i < form->effects; i++)
			if (!same(qd_big_from(b, effect[i]), big_effect[i]))
				return test_broken(v, "effect %d of form %d differs between 64 bits and any size", i,
							  form->effects * 10 + form->ratios);
		if (qd_form_effects(form, minus_constant, minus_ratio, minus))
			for (i = 0; i < form->effects; i++)
				if (minus[i] != -effect[i])
					return test_broken(v, "negated input does not give negated effects");
	}
	else
		seen_wide++;

	/* negated, of any size */
	for (i = 0; i < form->effects; i++)
		big_constant[i] = qd_big_negate(big_constant[i]);
	for (i = 0; i < form->ratios; i++)
		big_ratio[i].factor = qd_big_negate(big_ratio[i].factor);
	for (i = 0; i < form->effects; i++)
		numerator[i] = big_effect[i];
	if (qd_form_effects_big(b, form, big_constant, big_ratio, big_effect) != QD_OK)
		return test_broken(v, "a negated form fails");
	for (i = 0; i < form->effects; i++)
		if (!same(qd_big_negate(numerator[i]), big_effect[i]))
			return test_broken(v, "negated input of any size does not give negated effects");
	return true;
}

bool
check_form(source *s, verdict *v)
{
	test_env	env;
	qd_bigs		b;
	bool		fine;

	test_env_init(&env);
	qd_bigs_begin(&b, &env.env);
	fine = check_form_in(s, &b, v);
	qd_bigs_end(&b);
	return fine;
}

/* ------------------------------------------------------------------- rates */

/* numerators or denominators; few different, some 0, some below 0 */
static int64_t
draw_count(source *s, int kind)
{
	switch (kind)
	{
		case 0:
			return (int64_t) draw(s, 4);
		case 1:
			return (int64_t) draw(s, 1000);
		case 2:
			return draw_signed(s, 100);
		default:
			return draw_magnitude(s, INT64_C(1) << 50);
	}
}

typedef struct rates
{
	int32_t		n;
	int64_t    *value[4];		/* n1, d1, n0, d0 */
	int64_t		total[4];
} rates;

/* a row's effects by the definitions */
static void
define_rate_row(const rates *r, int32_t i, long double *effect)
{
	long double n1 = (long double) r->value[0][i];
	long double d1 = (long double) r->value[1][i];
	long double n0 = (long double) r->value[2][i];
	long double d0 = (long double) r->value[3][i];
	long double w1 = d1 / (long double) r->total[1];
	long double w0 = d0 / (long double) r->total[3];
	long double all0 = (long double) r->total[2] / (long double) r->total[3];
	long double r1 = d1 != 0 ? n1 / d1 : d0 != 0 ? n0 / d0 : 0;
	long double r0 = d0 != 0 ? n0 / d0 : r1;

	effect[0] = w0 * (r1 - r0);
	effect[1] = (w1 - w0) * (r0 - all0);
	effect[2] = (w1 - w0) * (r1 - r0);
	if (d1 == 0)
		effect[0] += n1 / (long double) r->total[1];
	if (d0 == 0)
		effect[0] -= n0 / (long double) r->total[3];
}

static bool
check_rate_rows(const rates *r, qd_bigs *b, test_env *env, int digits, verdict *v)
{
	size_t		cells = (size_t) r->n * QD_RATE_EFFECTS;
	uint64_t   *key = malloc(sizeof(uint64_t) * (cells + 1));
	uint8_t    *up = malloc(cells + 1);
	qd_big	   *down = malloc(sizeof(qd_big) * (cells + 1));
	qd_rate_change change;
	qd_big		sum = qd_big_zero();
	qd_big		units;
	qd_int128	added;
	uint64_t	least_up = UINT64_MAX;
	uint64_t	most_down = 0;
	bool		fine = true;
	size_t		c;
	int32_t		i;

	change.total.actual_numerator = number(b, r->total[0]);
	change.total.actual_denominator = number(b, r->total[1]);
	change.total.plan_numerator = number(b, r->total[2]);
	change.total.plan_denominator = number(b, r->total[3]);
	change.one = qd_big_power10(b, digits);
	change.divisor = number(b, 1);
	for (i = 0; fine && i < r->n; i++)
	{
		qd_rate_row row;
		long double defined[QD_RATE_EFFECTS];
		int			e;

		row.actual_numerator = number(b, r->value[0][i]);
		row.actual_denominator = number(b, r->value[1][i]);
		row.plan_numerator = number(b, r->value[2][i]);
		row.plan_denominator = number(b, r->value[3][i]);
		c = (size_t) i * QD_RATE_EFFECTS;
		if (qd_rate_mix_row(b, &change, &row, &down[c], &key[c]) != QD_OK)
			fine = test_broken(v, "a row fails");
		define_rate_row(r, i, defined);
		for (e = 0; fine && e < QD_RATE_EFFECTS; e++)
		{
			int			exponent;
			double		fraction = qd_big_double(down[c + (size_t) e], &exponent);
			long double got = ldexpl((long double) fraction, exponent) + (long double) key[c + (size_t) e] * 0x1p-64L;
			long double want = defined[e] * powl(10.0L, (long double) digits);
			long double scale = fabsl(defined[0]) + fabsl(defined[1]) + fabsl(defined[2]) +
				fabsl((long double) r->total[2] / (long double) r->total[3]) + 1e-3L;

			/* the definitions cancel, and doubles have 53 bits */
			if (!(fabsl(got - want) <= 1e-12L * powl(10.0L, (long double) digits) * scale + 1e-9L))
				fine = test_broken(v, "effect %d of row %d is %Lg, by its definition %Lg", e, (int) i, got, want);
		}
	}
	if (fine && qd_rate_mix_total(b, &change, &units, &added) != QD_OK)
		fine = test_broken(v, "the total fails");
	if (fine)
	{
		qd_rate_mix_cut(&env->env, key, (int64_t) cells, added, up);
		for (c = 0; c < cells; c++)
		{
			sum = qd_big_add(b, sum, qd_big_add(b, down[c], number(b, up[c])));
			if (up[c] && key[c] < least_up)
				least_up = key[c];
			if (!up[c] && key[c] > most_down)
				most_down = key[c];
		}
		if (!same(sum, units))
			fine = test_broken(v, "the effects of %d rows do not sum to the deviation", (int) r->n);
		else if (least_up < most_down)
			fine = test_broken(v, "a smaller fraction is rounded up");
	}
	free(key);
	free(up);
	free(down);
	return fine;
}

bool
check_rate_mix(source *s, int32_t most_rows, verdict *v)
{
	rates		r;
	test_env	env;
	qd_bigs		b;
	bool		fine = true;
	int			numerators = (int) draw(s, 4);
	int			denominators = (int) draw(s, 4);
	int			column;
	int32_t		i;

	memset(&r, 0, sizeof(r));
	r.n = (int32_t) draw(s, (uint64_t) most_rows) + 1;
	for (column = 0; column < 4; column++)
		r.value[column] = malloc(sizeof(int64_t) * (size_t) r.n);
	for (i = 0; i < r.n; i++)
	{
		bool		in_actual = draw(s, 6) != 0;
		bool		in_plan = draw(s, 6) != 0;

		for (column = 0; column < 4; column++)
		{
			bool		in = column < 2 ? in_actual : in_plan;
			int64_t		x = draw_count(s, column % 2 == 0 ? numerators : denominators);

			r.value[column][i] = in ? x : 0;
			r.total[column] += r.value[column][i];
		}
	}
	test_env_init(&env);
	qd_bigs_begin(&b, &env.env);
	if (r.total[1] != 0 && r.total[3] != 0)
		fine = check_rate_rows(&r, &b, &env, (int) draw(s, 14), v);
	qd_bigs_end(&b);
	for (column = 0; column < 4; column++)
		free(r.value[column]);
	return fine;
}

/* ----------------------------------------------------------------- factors */

typedef struct product
{
	int			count;
	int64_t		actual[6];
	int64_t		plan[6];
	int			scale[6];
	int			units_scale;
} product;

/* marginal contributions over all orders: sums over them, k! times the value */
static void
all_orders(const product *p, qd_bigs *b, qd_big *sum)
{
	int			order[6];
	int			i;
	int			j;

	for (i = 0; i < p->count; i++)
	{
		order[i] = i;
		sum[i] = qd_big_zero();
	}
	for (;;)
	{
		bool		changed[6] = {false};
		qd_big		before = number(b, 1);

		for (j = 0; j < p->count; j++)
			before = qd_big_multiply(b, before, number(b, p->plan[j]));
		for (i = 0; i < p->count; i++)
		{
			qd_big		after = number(b, 1);

			changed[order[i]] = true;
			for (j = 0; j < p->count; j++)
				after = qd_big_multiply(b, after, number(b, changed[j] ? p->actual[j] : p->plan[j]));
			sum[order[i]] = qd_big_add(b, sum[order[i]], qd_big_subtract(b, after, before));
			before = after;
		}
		/* the next permutation in order */
		for (i = p->count - 2; i >= 0 && order[i] > order[i + 1]; i--)
			;
		if (i < 0)
			break;
		for (j = p->count - 1; order[j] < order[i]; j--)
			;
		{
			int			swap = order[i];

			order[i] = order[j];
			order[j] = swap;
		}
		for (i++, j = p->count - 1; i < j; i++, j--)
		{
			int			swap = order[i];

			order[i] = order[j];
			order[j] = swap;
		}
	}
}

static void
make_factors(const product *p, qd_bigs *b, qd_factors *f, qd_big *actual, qd_big *plan)
{
	int			i;

	for (i = 0; i < p->count; i++)
	{
		actual[i] = number(b, p->actual[i]);
		plan[i] = number(b, p->plan[i]);
	}
	f->count = p->count;
	f->actual = actual;
	f->plan = plan;
	f->scale = p->scale;
	f->units_scale = p->units_scale;
}

static bool
check_shapley(const product *p, qd_bigs *b, verdict *v)
{
	qd_factors	f;
	qd_big		actual[6];
	qd_big		plan[6];
	qd_big		effect[6];
	qd_big		back[6];
	qd_big		numerator[6];
	qd_big		denominator = number(b, 1);
	qd_big		one = qd_big_power10(b, p->units_scale);
	int			i;

	make_factors(p, b, &f, actual, plan);
	if (qd_shapley(b, &f, effect) != QD_OK)
		return test_broken(v, "Shapley fails");
	all_orders(p, b, numerator);
	for (i = 0; i < p->count; i++)
	{
		denominator = qd_big_multiply(b, denominator, qd_big_power10(b, p->scale[i]));
		denominator = qd_big_multiply(b, denominator, number(b, i + 1));
		numerator[i] = qd_big_multiply(b, numerator[i], one);
	}
	if (!rounded_together(b, numerator, p->count, denominator, effect, v))
		return false;
	f.actual = plan;
	f.plan = actual;
	if (qd_shapley(b, &f, back) != QD_OK)
		return test_broken(v, "Shapley fails");
	for (i = 0; i < p->count; i++)
		if (!same(back[i], qd_big_negate(effect[i])))
			return test_broken(v, "Shapley of the way back is another");
	return true;
}

static bool
check_lmdi(const product *p, qd_bigs *b, verdict *v)
{
	qd_factors	f;
	qd_big		actual[6];
	qd_big		plan[6];
	qd_big		effect[6];
	qd_big		shapley[6];
	qd_big		sum = qd_big_zero();
	qd_big		expected;
	long double v1 = 1;
	long double v0 = 1;
	long double mean;
	int			zeros1 = 0;
	int			zeros0 = 0;
	bool		crossing = false;
	int			i;

	make_factors(p, b, &f, actual, plan);
	if (qd_lmdi(b, &f, effect) != QD_OK || qd_shapley(b, &f, shapley) != QD_OK)
		return test_broken(v, "LMDI fails");
	expected = qd_big_zero();
	for (i = 0; i < p->count; i++)
	{
		sum = qd_big_add(b, sum, effect[i]);
		expected = qd_big_add(b, expected, shapley[i]);
		v1 *= (long double) p->actual[i] / powl(10.0L, (long double) p->scale[i]);
		v0 *= (long double) p->plan[i] / powl(10.0L, (long double) p->scale[i]);
		zeros1 += p->actual[i] == 0;
		zeros0 += p->plan[i] == 0;
		crossing = crossing || (p->actual[i] < 0 && p->plan[i] > 0) || (p->actual[i] > 0 && p->plan[i] < 0);
	}
	if (!same(sum, expected))
		return test_broken(v, "LMDI does not sum to the deviation");
	if (zeros1 > 0 || zeros0 > 0 || crossing)
		mean = 0;
	else
		/* near each other it cancels, and is in the middle */
		mean = fabsl(v1 - v0) <= 1e-9L * fabsl(v0) ? v0 : (v1 - v0) / logl(v1 / v0);
	for (i = 0; i < p->count; i++)
	{
		int			exponent;
		double		fraction = qd_big_double(effect[i], &exponent);
		long double got = ldexpl((long double) fraction, exponent) * powl(10.0L, (long double) -p->units_scale);
		long double unit = powl(10.0L, (long double) -p->units_scale);
		long double want;

		if (crossing)
		{
			if (!same(effect[i], shapley[i]))
				return test_broken(v, "LMDI does not fall back to Shapley");
			continue;
		}
		if (zeros1 > 0 && zeros0 > 0)
			want = 0;
		else if (zeros0 > 0)
			want = p->plan[i] == 0 ? v1 / (long double) zeros0 : 0;
		else if (zeros1 > 0)
			want = p->actual[i] == 0 ? -v0 / (long double) zeros1 : 0;
		else
			want = mean * logl((long double) p->actual[i] / (long double) p->plan[i]);
		if (!(fabsl(got - want) <= 2 * unit + 1e-9L * (fabsl(want) + fabsl(v1) + fabsl(v0))))
			return test_broken(v, "LMDI of factor %d is %Lg, by its definition %Lg", i, got, want);
	}
	return true;
}

bool
check_factors(source *s, verdict *v)
{
	product		p;
	test_env	env;
	qd_bigs		b;
	bool		fine;
	int			kind = (int) draw(s, 5);
	int			i;

	p.count = 1 + (int) draw(s, draw(s, 8) == 0 ? 6 : 4);
	p.units_scale = (int) draw(s, 15);
	for (i = 0; i < p.count; i++)
	{
		p.actual[i] = draw_value(s, kind);
		p.plan[i] = draw(s, 5) == 0 ? p.actual[i] : draw_value(s, kind);
		if (draw(s, 12) == 0)
			p.plan[i] = 0;
		if (draw(s, 12) == 0)
			p.actual[i] = 0;
		p.scale[i] = (int) draw(s, 5);
	}
	test_env_init(&env);
	qd_bigs_begin(&b, &env.env);
	fine = check_shapley(&p, &b, v) && check_lmdi(&p, &b, v);
	qd_bigs_end(&b);
	if (fine && env.live != 0)
		fine = test_broken(v, "%lld allocations are left", (long long) env.live);
	return fine;
}
