/*
 * t_effects.c
 *		Decompositions without a server: cases with known answers, ties, limits,
 *		memory that runs out, polls.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support_effects.h"
#include "tap.h"

static test_env env;
static qd_bigs bigs;

static void
begin(void)
{
	test_env_init(&env);
	qd_bigs_begin(&bigs, &env.env);
}

static bool
end(void)
{
	qd_bigs_end(&bigs);
	return env.live == 0;
}

static qd_big
text_big(const char *text)
{
	bool		negative = *text == '-';

	return qd_big_parse(&bigs, text + negative, strlen(text + negative), negative);
}

static bool
is_text(qd_big x, int scale, const char *want)
{
	char	   *text = malloc(qd_big_print_size(x, scale));
	bool		result = qd_big_print(&bigs, x, scale, text) && strcmp(text, want) == 0;

	if (!result)
		printf("# %s instead of %s\n", text, want);
	free(text);
	return result;
}

static void
integers(void)
{
	qd_big		q;
	qd_big		r;
	qd_int128	x;
	qd_int128	least = (qd_int128) ((qd_uint128) 1 << 127);

	begin();
	ok(is_text(qd_big_zero(), 0, "0") && is_text(qd_big_zero(), 3, "0.000"), "zero is printed");
	ok(is_text(qd_big_from(&bigs, 5), 2, "0.05") && is_text(qd_big_from(&bigs, -1205), 2, "-12.05") &&
	   is_text(qd_big_from(&bigs, 1000000000), 0, "1000000000") &&
	   is_text(qd_big_from(&bigs, 1000000000), 9, "1.000000000") &&
	   is_text(qd_big_from(&bigs, 999999999), 9, "0.999999999"), "decimals are printed");
	ok(is_text(qd_big_power10(&bigs, 40), 0, "10000000000000000000000000000000000000000"), "10^40");
	ok(is_text(text_big("-000123456789012345678901234567890123456789"), 0,
			   "-123456789012345678901234567890123456789"), "leading zeros are read");
	ok(qd_big_to(text_big("170141183460469231731687303715884105727"), &x) && x == (qd_int128) ((qd_uint128) least - 1),
	   "the largest of 128 bits");
	ok(!qd_big_to(text_big("170141183460469231731687303715884105728"), &x), "one more does not fit");
	ok(!qd_big_to(text_big("-170141183460469231731687303715884105728"), &x), "nor does its negative, for safety");
	ok(is_text(qd_big_from(&bigs, least), 0, "-170141183460469231731687303715884105728"),
	   "but it can be taken");
	qd_big_divide(&bigs, text_big("-7"), text_big("2"), &q, &r);
	ok(is_text(q, 0, "-4") && is_text(r, 0, "1"), "division rounds down");
	qd_big_divide(&bigs, text_big("340282366920938463463374607431768211455"),
				  text_big("18446744073709551615"), &q, &r);
	ok(is_text(q, 0, "18446744073709551617") && is_text(r, 0, "0"), "2^128 - 1 by 2^64 - 1");
	/* Knuth's step that adds back: a guess that is one too large after its test */
	qd_big_divide(&bigs, text_big("39614081257132168796771975168"),	/* 2^95 */
				  text_big("9223372036854775809"), &q, &r);			/* 2^63 + 1 */
	ok(is_text(q, 0, "4294967295") && is_text(r, 0, "9223372032559808513"), "the guess is one too large");
	ok(is_text(qd_big_round(&bigs, text_big("5"), text_big("2")), 0, "3") &&
	   is_text(qd_big_round(&bigs, text_big("-5"), text_big("2")), 0, "-3") &&
	   is_text(qd_big_round(&bigs, text_big("-7"), text_big("3")), 0, "-2"), "half away from zero");
	ok(qd_big_fraction(&bigs, text_big("1"), text_big("2")) == UINT64_C(1) << 63 &&
	   qd_big_fraction(&bigs, text_big("1"), text_big("3")) == UINT64_MAX / 3 &&
	   qd_big_fraction(&bigs, qd_big_zero(), text_big("3")) == 0, "fractions");
	ok(end(), "integers leave nothing");
}

/* price, volume, mix of whole numbers, in units of 10^-12 */
static bool
is_mix(const int64_t *constant, const qd_ratio *ratio, const char *price, const char *volume,
	   const char *mix)
{
	qd_int128	effect[QD_MAX_EFFECTS];

	return qd_form_effects(&qd_price_volume_mix_form, constant, ratio, effect) &&
		is_text(qd_big_from(&bigs, effect[0]), 12, price) &&
		is_text(qd_big_from(&bigs, effect[1]), 12, volume) &&
		is_text(qd_big_from(&bigs, effect[2]), 12, mix);
}

#define E12 INT64_C(1000000000000)

static void
known_forms(void)
{
	qd_int128	effect[QD_MAX_EFFECTS];

	begin();
	{
		/* own_new_lost of price_volume_mix.json: q 100 → 120, 50 → 70 */
		const int64_t c0[] = {1320 * E12, -1000 * E12, 0};
		const qd_ratio r0[] = {{1000 * E12, 120, 100}, {1000 * E12, 190, 150}};
		const int64_t c1[] = {1330 * E12, -1000 * E12, 0};
		const qd_ratio r1[] = {{1000 * E12, 70, 50}, {1000 * E12, 190, 150}};

		ok(is_mix(c0, r0, "120.000000000000", "266.666666666667", "-66.666666666667"), "new and lost: the first product");
		ok(is_mix(c1, r1, "-70.000000000000", "266.666666666667", "133.333333333333"), "new and lost: the second");
	}
	{
		/* halves: price and mix, exactly */
		const int64_t c[] = {3, -1, 0};
		const qd_ratio up[] = {{1, 3, 2}, {1, 1, 1}};
		const int64_t minus_c[] = {-3, 1, 0};
		const qd_ratio minus[] = {{-1, 3, 2}, {-1, 1, 1}};

		ok(qd_form_effects(&qd_price_volume_mix_form, c, up, effect) && effect[0] == 2 && effect[1] == 0 && effect[2] == 0,
		   "of two halves the first is rounded up");
		ok(qd_form_effects(&qd_price_volume_mix_form, minus_c, minus, effect) && effect[0] == -2 && effect[1] == 0 && effect[2] == 0,
		   "and negated away from zero");
	}
	{
		/* a half up and a half down: both to 0 */
		const int64_t c[] = {1, -1, 0};
		const qd_ratio r[] = {{1, 1, 2}, {1, 1, 1}};

		ok(qd_form_effects(&qd_price_volume_mix_form, c, r, effect) && effect[0] == 0 && effect[1] == 0 && effect[2] == 0,
		   "a half and minus a half are both 0");
	}
	{
		/* all grew alike, by a third: no mix, and it is known in 64 bits */
		const int64_t c[] = {4, -3, 0};
		const qd_ratio r[] = {{3, 14, 10}, {3, 1400, 1000}};

		ok(qd_form_effects(&qd_price_volume_mix_form, c, r, effect) && effect[2] == 0, "alike: no mix, without doubt");
	}
	{
		/* negative quantities */
		const int64_t c[] = {-600, 500, 0};
		const qd_ratio r[] = {{-500, -60, -50}, {-500, 90, 100}};

		ok(qd_form_effects(&qd_price_volume_mix_form, c, r, effect) && effect[0] == 0 && effect[1] == 50 && effect[2] == -150,
		   "returns: price 0, volume 50, mix -150");
	}
	{
		/* the largest values: the ratio is 2^62 - 1 times as much */
		const int64_t big = (INT64_C(1) << 62) - 1;
		const int64_t c[] = {big, -big, 0};
		const qd_ratio r[] = {{big, big, 1}, {big, big, -1}};

		ok(qd_form_effects(&qd_price_volume_mix_form, c, r, effect) &&
		   effect[0] == (qd_int128) big - (qd_int128) big * big &&
		   effect[2] == 2 * (qd_int128) big * big && effect[0] + effect[1] + effect[2] == 0, "products of 124 bits");
	}
	{
		/* differ by less than 2^-64: only integers of any size can tell */
		const int64_t a = (INT64_C(1) << 62) - 1;
		const int64_t c[] = {5, -1, 0};
		const qd_ratio r[] = {{1, a - 2, a - 1}, {1, a - 1, a}};
		qd_big		constant[] = {qd_big_from(&bigs, 5), qd_big_from(&bigs, -1), qd_big_zero()};
		qd_big_ratio ratio[2];
		qd_big		big_effect[3];
		int			i;

		for (i = 0; i < 2; i++)
		{
			ratio[i].factor = qd_big_from(&bigs, r[i].factor);
			ratio[i].numerator = qd_big_from(&bigs, r[i].numerator);
			ratio[i].denominator = qd_big_from(&bigs, r[i].denominator);
		}
		ok(!qd_form_effects(&qd_price_volume_mix_form, c, r, effect), "64 bits say that they do not know");
		ok(qd_form_effects_big(&bigs, &qd_price_volume_mix_form, constant, ratio, big_effect) == QD_OK &&
		   is_text(big_effect[0], 0, "4") && is_text(big_effect[1], 0, "0") && is_text(big_effect[2], 0, "0"),
		   "any size knows");
	}
	{
		/* shift_share_classic, row 2: 80 → 70, in units of 10^-6 */
		const int64_t c[] = {0, 0, -10 * INT64_C(1000000)};
		const qd_ratio r[] = {{80 * INT64_C(1000000), 300, 3900}, {80 * INT64_C(1000000), -100, 900}};

		ok(qd_form_effects(&qd_shift_share_form, c, r, effect) && effect[0] == 6153846 && effect[1] == -15042735 && effect[2] == -1111111,
		   "shift-share, Dunn 1960");
	}
	ok(end(), "forms leave nothing");
}

/* factors as text at one scale */
static bool
is_factors(bool lmdi, int count, const char *const *actual, const char *const *plan, const int *scale,
		   int units_scale, const char *const *want)
{
	qd_big		a[QD_MAX_FACTORS];
	qd_big		p[QD_MAX_FACTORS];
	qd_big		effect[QD_MAX_FACTORS];
	qd_factors	f = {count, a, p, scale, units_scale};
	bool		fine = true;
	int			i;

	for (i = 0; i < count; i++)
	{
		a[i] = text_big(actual[i]);
		p[i] = text_big(plan[i]);
	}
	if ((lmdi ? qd_lmdi(&bigs, &f, effect) : qd_shapley(&bigs, &f, effect)) != QD_OK)
		return false;
	for (i = 0; i < count; i++)
		fine = is_text(effect[i], units_scale, want[i]) && fine;
	return fine;
}

#define TEXTS(...) ((const char *const []) {__VA_ARGS__})
#define INTS(...) ((const int []) {__VA_ARGS__})

static void
known_factors(void)
{
	begin();
	ok(is_factors(false, 2, TEXTS("120", "4"), TEXTS("100", "5"), INTS(0, 0), 0, TEXTS("90", "-110")), "shapley_2f");
	ok(is_factors(false, 4, TEXTS("12000", "18", "30", "310"), TEXTS("10000", "20", "25", "300"), INTS(0, 2, 2, 0), 4,
				  TEXTS("31828.3333", "-18521.6666", "31828.3333", "5745.0000")), "shapley_funnel4");
	ok(is_factors(false, 3, TEXTS("5", "4", "1"), TEXTS("0", "2", "3"), INTS(0, 0, 0), 3,
				  TEXTS("28.333", "8.333", "-16.666")), "shapley_with_zero");
	ok(is_factors(true, 2, TEXTS("120", "4"), TEXTS("100", "5"), INTS(0, 0), 10, TEXTS("89.3251586242", "-109.3251586242")),
	   "LMDI of the same");
	ok(is_factors(true, 3, TEXTS("4", "5", "3"), TEXTS("0", "10", "2"), INTS(0, 0, 0), 0, TEXTS("60", "0", "0")), "LMDI: one zero gets all");
	ok(is_factors(true, 2, TEXTS("10", "7"), TEXTS("0", "0"), INTS(0, 0), 0, TEXTS("35", "35")), "LMDI: two zeros share");
	ok(is_factors(true, 3, TEXTS("0", "0", "0"), TEXTS("2", "5", "1"), INTS(0, 0, 0), 0, TEXTS("-4", "-3", "-3")), "LMDI: three zeros share a loss of 10");
	ok(is_factors(true, 2, TEXTS("0", "3"), TEXTS("3", "0"), INTS(0, 0), 0, TEXTS("0", "0")), "LMDI: 0 to 0 is no change");
	ok(is_factors(true, 2, TEXTS("5", "-4"), TEXTS("5", "4"), INTS(0, 0), 0, TEXTS("0", "-40")), "LMDI: a change of sign is Shapley's");
	ok(is_factors(true, 2, TEXTS("-6", "2"), TEXTS("-3", "2"), INTS(0, 0), 2, TEXTS("-6.00", "0.00")), "LMDI: all below 0");
	ok(is_factors(true, 2, TEXTS("4", "6"), TEXTS("6", "4"), INTS(0, 0), 10, TEXTS("-9.7311625946", "9.7311625946")), "LMDI: the product did not change");
	ok(is_factors(true, 2, TEXTS("100000000000000000001", "1"), TEXTS("100000000000000000000", "1"), INTS(20, 0), 20,
				  TEXTS("0.00000000000000000001", "0.00000000000000000000")), "LMDI: a last digit");
	ok(is_factors(false, 1, TEXTS("7"), TEXTS("4"), INTS(0), 0, TEXTS("3")) && is_factors(true, 1, TEXTS("7"), TEXTS("4"), INTS(0), 0, TEXTS("3")),
	   "one factor is the deviation");
	ok(is_factors(false, 2, TEXTS("3", "1"), TEXTS("0", "0"), INTS(1, 1), 1, TEXTS("0.0", "0.0")) &&
	   is_factors(false, 2, TEXTS("1", "5"), TEXTS("0", "0"), INTS(0, 1), 0, TEXTS("1", "0")), "a deviation of half a unit is rounded away from 0");
	/* beyond every double */
	{
		char	   *digits = malloc(501);

		memset(digits, '1', 500);
		digits[500] = '\0';
		ok(is_factors(true, 2, TEXTS(digits, "1"), TEXTS(digits, "1"), INTS(0, 0), 0, TEXTS("0", "0")), "LMDI of 500 digits");
		free(digits);
	}
	ok(end(), "factors leave nothing");
}

/* three segments, by hand: 20/40, 10/60 → 30/60, 8/40, and a new one 5/10 */
static void
known_rates(void)
{
	qd_rate_change change;
	qd_rate_row row;
	qd_big		down[QD_RATE_EFFECTS];
	qd_big		units;
	qd_int128	added;
	uint64_t	key[QD_RATE_EFFECTS];
	static const int value[3][4] = {{30, 60, 20, 40}, {8, 40, 10, 60}, {5, 10, 0, 0}};
	static const char *const want[3][3] = {
		{"0.0000", "0.0290", "0.0000"}, {"0.0200", "0.0315", "-0.0079"}, {"0.0000", "0.0181", "0.0000"}
	};
	bool		fine = true;
	int			i;
	int			j;

	begin();
	change.total.actual_numerator = qd_big_from(&bigs, 43);
	change.total.actual_denominator = qd_big_from(&bigs, 110);
	change.total.plan_numerator = qd_big_from(&bigs, 30);
	change.total.plan_denominator = qd_big_from(&bigs, 100);
	change.one = qd_big_from(&bigs, 10000);
	change.divisor = qd_big_from(&bigs, 1);
	for (i = 0; i < 3; i++)
	{
		row.actual_numerator = qd_big_from(&bigs, value[i][0]);
		row.actual_denominator = qd_big_from(&bigs, value[i][1]);
		row.plan_numerator = qd_big_from(&bigs, value[i][2]);
		row.plan_denominator = qd_big_from(&bigs, value[i][3]);
		fine = fine && qd_rate_mix_row(&bigs, &change, &row, down, key) == QD_OK;
		for (j = 0; j < 3; j++)
			fine = is_text(down[j], 4, want[i][j]) && fine;
	}
	ok(fine, "rates by hand, rounded down");
	ok(qd_rate_mix_total(&bigs, &change, &units, &added) == QD_OK && is_text(units, 4, "0.0909") && added < 0,
	   "43 / 110 - 30 / 100 is 0.0909");
	ok(end(), "rates leave nothing");
	{
		/* keys: 3.5 units and nothing added, of 8 fractions; the ties in order */
		uint64_t	half = UINT64_C(1) << 63;
		uint64_t	keys[] = {half, half - 2, half, 0, half | 1, half, half + 2, half};
		uint8_t		up[8];

		qd_rate_mix_cut(&env.env, keys, 8, (qd_int128) half, up);
		ok(up[0] == 1 && up[1] == 0 && up[2] == 1 && up[3] == 0 && up[4] == 1 && up[5] == 0 && up[6] == 1 && up[7] == 0,
		   "the largest keys first, equal ones in order");
		qd_rate_mix_cut(&env.env, keys, 0, 0, up);
		qd_rate_mix_cut(&env.env, keys + 3, 1, 0, up);
		ok(up[0] == 0, "nothing left: nobody");
	}
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	int			what;
	static const char *const name[] = {"a form", "a rate", "a total", "Shapley", "LMDI"};

	for (what = 0; what < 5; what++)
	{
		int			fail;
		int			met = 0;
		bool		fine = true;

		for (fail = 1; fail < 300; fail++)
		{
			qd_big		big;
			qd_big		values[8];
			int			scale[8] = {0};
			qd_big		effect[8];
			qd_factors	f = {4, values, values, scale, 500};
			qd_big_ratio ratio[3];
			qd_rate_change change;
			qd_int128	added;
			uint64_t	key[3];
			qd_status	status = QD_INTERNAL;
			bool		done;
			int			i;

			begin();
			/* large enough that a block does not hold much */
			big = qd_big_subtract(&bigs, qd_big_power10(&bigs, 2000), qd_big_from(&bigs, 7));
			for (i = 0; i < 8; i++)
				values[i] = big;
			for (i = 0; i < 3; i++)
				ratio[i].factor = ratio[i].numerator = ratio[i].denominator = big;
			change.total.actual_numerator = change.total.actual_denominator = big;
			change.total.plan_numerator = change.total.plan_denominator = big;
			change.one = change.divisor = big;
			env.allocs = 0;
			env.fail_at = fail;
			switch (what)
			{
				case 0:
					status = qd_form_effects_big(&bigs, &qd_shift_share_market_form, values, ratio, effect);
					break;
				case 1:
					status = qd_rate_mix_row(&bigs, &change, &change.total, effect, key);
					break;
				case 2:
					status = qd_rate_mix_total(&bigs, &change, &effect[0], &added);
					break;
				case 3:
					status = qd_shapley(&bigs, &f, effect);
					break;
				default:
					status = qd_lmdi(&bigs, &f, effect);
			}
			done = env.allocs < fail;
			if (status != (done ? QD_OK : QD_NOMEM))
				fine = false;
			if (!end())
				fine = false;
			if (!done)
				met++;
			else
				break;
		}
		ok(fine && met > 0 && fail < 300, "%s: each of %d allocations may fail", name[what], met);
	}
}

/* long work polls often */
static void
polls(void)
{
	qd_big		values[QD_MAX_FACTORS];
	int			scale[QD_MAX_FACTORS] = {0};
	qd_big		effect[QD_MAX_FACTORS];
	qd_factors	f = {QD_MAX_FACTORS, values, values, scale, 0};
	int			i;
	int64_t		n = 3000000;
	uint64_t   *key = malloc(sizeof(uint64_t) * (size_t) n);
	uint8_t    *up = malloc((size_t) n);
	qd_int128	sum = 0;

	begin();
	for (i = 0; i < QD_MAX_FACTORS; i++)
		values[i] = qd_big_subtract(&bigs, qd_big_power10(&bigs, 200), qd_big_from(&bigs, i));
	env.polls = 0;
	env.watch = true;
	env.last_poll = test_clock();
	ok(qd_shapley(&bigs, &f, effect) == QD_OK && env.polls > 50, "Shapley of %d factors of 200 digits: %lld polls",
	   QD_MAX_FACTORS, (long long) env.polls);
#ifndef QD_SLOW
	ok(env.longest < 0.05, "at most %.1f ms without a poll", env.longest * 1000);
#endif
	ok(end(), "and nothing is left");

	begin();
	for (i = 0; i < n; i++)
	{
		key[i] = (uint64_t) i * UINT64_C(0x9e3779b97f4a7c15);
		sum += key[i] & ~UINT64_C(1);
	}
	env.watch = true;
	env.last_poll = test_clock();
	qd_rate_mix_cut(&env.env, key, n, 0, up);
	ok(env.polls >= 3 * (n / 65536), "a cut of %lld: %lld polls", (long long) n, (long long) env.polls);
#ifndef QD_SLOW
	ok(env.longest < 0.05, "at most %.1f ms without a poll", env.longest * 1000);
#endif
	{
		int64_t		served = 0;

		for (i = 0; i < n; i++)
			served += up[i];
		ok(served == (int64_t) ((sum + ((qd_int128) 1 << 63)) >> 64), "so many as the fractions sum to");
	}
	free(key);
	free(up);
}

int
main(void)
{
	integers();
	known_forms();
	known_factors();
	known_rates();
	out_of_memory();
	polls();
	return tap_done();
}
