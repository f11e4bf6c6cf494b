/*
 * t_outcome.c
 *		Outcomes of deals: known cases, large numbers, memory that runs out, polls.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support_outcome.h"
#include "tap.h"

#define P(percent) ((percent) * (QD_CERTAIN / 100))

static qd_outcome *
build(deal_pile *pile, const qd_effort *effort, test_env *env)
{
	qd_outcome *o = malloc(sizeof(qd_outcome));
	qd_deals	deals = pile_deals(pile);

	if (!o || qd_deals_sort(&env->env, &deals) != QD_OK)
		abort();
	pile->n = deals.n;
	if (qd_outcome_build(&env->env, &deals, pile->weight, effort, o) != QD_OK)
		abort();
	return o;
}

static void
forget(qd_outcome *o, deal_pile *pile, test_env *env, const char *what)
{
	qd_outcome_free(&env->env, o);
	free(o);
	free(pile);
	ok(env->live == 0, "%s: nothing is left", what);
}

static void
add(deal_pile *pile, qd_int128 amount, int64_t count, int64_t p)
{
	pile_add(pile, amount, count, &p);
}

/* P(sum <= x) is this, and known to be */
static void
expect(const qd_outcome *o, qd_int128 x, double chance, const char *what)
{
	qd_chance	c;

	qd_outcome_at_most(o, x, &c);
	ok(c.low <= chance && chance <= c.high && fabs(c.value - chance) < 1e-14 && c.high - c.low < 1e-13,
	   "%s: P(<= %s) is %.15g (%.17g, %.17g to %.17g)", what, int128_text(x), chance, c.value, c.low, c.high);
}

static void
expect_percentile(const qd_outcome *o, int64_t p, qd_int128 amount, const char *what)
{
	qd_int128	value;
	qd_int128	low;
	qd_int128	high;

	qd_outcome_percentile(o, p, false, &value, &low, &high);
	ok(value == amount && low == amount && high == amount, "%s: percentile %g is %s, and known to be", what,
	   (double) p / 1e18, int128_text(value));
}

static void
known_cases(void)
{
	test_env	env;
	deal_pile  *pile;
	qd_outcome *o;

	test_env_init(&env);
	pile = pile_new(1);
	o = build(pile, &qd_usual_effort, &env);
	expect(o, -1, 0, "no deals");
	expect(o, 0, 1, "no deals");
	expect_percentile(o, P(50), 0, "no deals");
	forget(o, pile, &env, "no deals");

	/* two of 1000 at a half, one of 25000 at 0.24 */
	pile = pile_new(1);
	add(pile, 1000, 2, P(50));
	add(pile, 25000, 1, P(24));
	o = build(pile, &qd_usual_effort, &env);
	expect(o, -1, 0, "three deals");
	expect(o, 0, 0.19, "three deals");
	expect(o, 999, 0.19, "three deals");
	expect(o, 1000, 0.57, "three deals");
	expect(o, 24999, 0.76, "three deals");
	expect(o, 25000, 0.82, "three deals");
	expect(o, 27000, 1, "three deals");
	expect_percentile(o, 0, 0, "three deals");
	expect_percentile(o, 1, 0, "three deals");
	expect_percentile(o, P(19), 0, "three deals, on a step");
	expect_percentile(o, P(20), 1000, "three deals");
	expect_percentile(o, P(94), 26000, "three deals, on a step");
	expect_percentile(o, P(95), 27000, "three deals");
	expect_percentile(o, QD_CERTAIN, 27000, "three deals");
	forget(o, pile, &env, "three deals");

	/* certain and impossible ones, and one that brings nothing */
	pile = pile_new(1);
	add(pile, 100, 3, QD_CERTAIN);
	add(pile, 77, 1, 0);
	add(pile, 0, 5, P(50));
	add(pile, -30, 1, QD_CERTAIN);
	o = build(pile, &qd_usual_effort, &env);
	expect(o, 269, 0, "constants");
	expect(o, 270, 1, "constants");
	expect_percentile(o, P(1), 270, "constants");
	forget(o, pile, &env, "constants");

	/* a credit note: -300 with 0.1, beside 1000 with 0.5 */
	pile = pile_new(1);
	add(pile, -300, 1, P(10));
	add(pile, 1000, 1, P(50));
	o = build(pile, &qd_usual_effort, &env);
	expect(o, -301, 0, "a credit note");
	expect(o, -300, 0.05, "a credit note");
	expect(o, 0, 0.5, "a credit note");
	expect(o, 700, 0.55, "a credit note");
	expect(o, 1000, 1, "a credit note");
	expect_percentile(o, P(5), -300, "a credit note");
	forget(o, pile, &env, "a credit note");

	/* scenarios of weights 1 and 3: in the one sure, in the other not at all */
	pile = pile_new(2);
	pile->weight[1] = 3;
	pile_add(pile, 10, 1, (const int64_t[]) {QD_CERTAIN, 0});
	pile_add(pile, 5, 1, (const int64_t[]) {P(50), P(50)});
	o = build(pile, &qd_usual_effort, &env);
	expect(o, 0, 0.375, "two scenarios");
	expect(o, 5, 0.75, "two scenarios");
	expect(o, 10, 0.875, "two scenarios");
	expect(o, 15, 1, "two scenarios");
	expect_percentile(o, P(80), 10, "two scenarios");
	forget(o, pile, &env, "two scenarios");
}

/* binomials are known, whatever the amount; so are sums of powers of two */
static void
many_deals(void)
{
	test_env	env;
	deal_pile  *pile = pile_new(1);
	qd_outcome *o;
	qd_chance	c;
	int			i;

	test_env_init(&env);
	add(pile, (qd_int128) 1 << 100, 1000, P(50));
	o = build(pile, &qd_usual_effort, &env);
	qd_outcome_at_most(o, ((qd_int128) 1 << 100) * 500, &c);
	/* 1/2 + C(1000, 500) / 2^1001 */
	ok(fabs(c.value - 0.51261250908925) < 1e-12 && c.low <= 0.512612509089251 && c.high >= 0.512612509089249,
	   "1000 alike of 2^100: %.15f", c.value);
	forget(o, pile, &env, "1000 alike");

	/* every sum below 2^16 once: as exact as can be */
	pile = pile_new(1);
	for (i = 0; i < 16; i++)
		add(pile, (qd_int128) 1 << (7 * i), 1, P(50));
	o = build(pile, &qd_usual_effort, &env);
	ok(o->scenario[0].sum != NULL && o->scenario[0].size == 65536, "2^16 sums are listed");
	expect(o, ((qd_int128) 1 << 105) - 1, 0.5, "2^16 sums");
	forget(o, pile, &env, "2^16 sums");

	pile = pile_new(1);
	for (i = 0; i < 17; i++)
		add(pile, (qd_int128) 1 << (6 * i), 1, P(50));
	o = build(pile, &qd_usual_effort, &env);
	ok(o->scenario[0].sum == NULL && !o->scenario[0].lattice, "2^17 sums are not");
	qd_outcome_at_most(o, (qd_int128) 1 << 93, &c);
	ok(c.low <= 0.5 && c.high >= 0.5 && c.high - c.low < 1e-9, "2^17 sums: 0.5 is in %.12f to %.12f", c.low, c.high);
	forget(o, pile, &env, "2^17 sums");

	/* a rare deal far larger than all others together */
	pile = pile_new(1);
	for (i = 0; i < 300; i++)
		add(pile, 1000003 + 7919 * i, 1, P(30));
	add(pile, (qd_int128) 1 << 90, 1, 1);
	o = build(pile, &qd_usual_effort, &env);
	qd_outcome_at_most(o, (qd_int128) 1 << 89, &c);
	ok(c.low <= 1 - 1e-18 && c.high >= 1 - 1e-18, "a rare giant: %.17g to %.17g", c.low, c.high);
	forget(o, pile, &env, "a rare giant");
}

/* 1,000 deals of any amounts: fast, and with narrow bounds */
static void
a_thousand(void)
{
	test_env	env;
	deal_pile  *pile = pile_new(1);
	source		s = {NULL, 0, 7};
	qd_outcome *o;
	double		mean = 0;
	double		variance = 0;
	double		began;
	double		took;
	double		widest = 0;
	int			i;

	test_env_init(&env);
	for (i = 0; i < 1000; i++)
	{
		int64_t		amount = 100000 + (int64_t) draw(&s, 10000000);
		int64_t		p = 1 + (int64_t) draw(&s, 98);

		add(pile, amount, 1, P(p));
		mean += (double) amount * (double) p / 100;
		variance += (double) amount * (double) amount * (double) (p * (100 - p)) / 10000;
	}
	began = test_clock();
	o = build(pile, &qd_usual_effort, &env);
	took = test_clock() - began;
	for (i = -300; i <= 300; i++)
	{
		qd_chance	c;

		qd_outcome_at_most(o, (qd_int128) (mean + i / 100.0 * sqrt(variance)), &c);
		if (c.high - c.low > widest)
			widest = c.high - c.low;
		if (fabs(c.value - 0.5 * erfc(-i / 100.0 / sqrt(2))) > 0.005)
			widest = 1;
	}
	ok(widest < 0.003, "1000 deals: bounds are at most %.5f apart, around the normal law", widest);
	/* ten times what it takes here, for a slow machine */
	ok(took < 0.3, "1000 deals: %.1f ms", took * 1000);
	forget(o, pile, &env, "1000 deals");
}

static deal_pile *
two_scenarios(int n)
{
	deal_pile  *pile = pile_new(2);
	source		s = {NULL, 0, 3};
	int			i;

	for (i = 0; i < n; i++)
		pile_add(pile, 1 + (int64_t) draw(&s, 1000000007), 1,
				 (const int64_t[]) {1 + (int64_t) draw(&s, 1000), P(40)});
	return pile;
}

static void
memory(void)
{
	qd_effort	efforts[] = {qd_usual_effort, {16, 16, 64, 1e4}};
	int			e;

	for (e = 0; e < 2; e++)
	{
		deal_pile  *pile = two_scenarios(10);
		qd_outcome *o = malloc(sizeof(qd_outcome));
		int64_t		fail;
		int			wrong = 0;

		for (fail = 1;; fail++)
		{
			test_env	env;
			qd_deals	deals = pile_deals(pile);
			qd_status	status;

			test_env_init(&env);
			env.fail_at = fail;
			status = qd_outcome_build(&env.env, &deals, pile->weight, &efforts[e], o);
			if (status == QD_OK)
			{
				qd_outcome_free(&env.env, o);
				wrong += env.live != 0;
				break;
			}
			wrong += status != QD_NOMEM || env.live != 0;
		}
		ok(wrong == 0 && fail > 10, "memory fails at each of %lld allocations", (long long) fail - 1);
		free(o);
		free(pile);
	}
	{
		deal_pile  *pile = two_scenarios(10);
		test_env	env;
		qd_deals	deals = pile_deals(pile);

		test_env_init(&env);
		env.fail_at = 1;
		ok(qd_deals_sort(&env.env, &deals) == QD_NOMEM && env.live == 0, "and in sorting");
		free(pile);
	}
}

static void
polls(void)
{
	test_env	env;
	deal_pile  *pile = two_scenarios(4000);
	qd_outcome *o = malloc(sizeof(qd_outcome));
	qd_deals	deals = pile_deals(pile);
	int64_t		n = 500000;
	int64_t		i;

	test_env_init(&env);
	env.watch = true;
	if (qd_outcome_build(&env.env, &deals, pile->weight, &qd_usual_effort, o) != QD_OK)
		abort();
	env.env.poll(env.env.arg);
	ok(env.longest < 0.05, "4000 deals: at most %.1f ms without a poll", env.longest * 1000);
	env.watch = false;
	forget(o, pile, &env, "polls");

	deals.n = n;
	deals.scenarios = 1;
	deals.word = malloc(sizeof(int64_t) * (size_t) n * QD_DEAL_WORDS(1));
	for (i = 0; i < n; i++)
	{
		qd_deal_set_amount(deals.word + i * QD_DEAL_WORDS(1), i * 7919 % n);
		deals.word[i * QD_DEAL_WORDS(1) + QD_DEAL_COUNT] = 1;
		deals.word[i * QD_DEAL_WORDS(1) + QD_DEAL_PROBABILITY] = P(50);
	}
	test_env_init(&env);
	env.watch = true;
	if (qd_deals_sort(&env.env, &deals) != QD_OK)
		abort();
	env.env.poll(env.env.arg);
	ok(env.longest < 0.05, "sorting: at most %.1f ms without a poll", env.longest * 1000);
	free(deals.word);
}

int
main(void)
{
	known_cases();
	many_deals();
	a_thousand();
	memory();
	polls();
	return tap_done();
}
