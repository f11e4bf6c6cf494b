/*
 * t_rate.c
 *		Rates: known cases, what is refused, 256-bit numbers, the edges of 64
 *		bits, memory that runs out, polls.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/quad.h"
#include "support_rate.h"
#include "tap.h"

#define NONE INT64_MIN			/* in a list: not there */

static rates *
make(int32_t n, qd_rate_method method, int64_t target, int64_t step, const int64_t *base, const int64_t *volume,
	 const int64_t *floor, const int64_t *cap)
{
	rates	   *r = rates_new(n);
	int32_t		i;

	r->method = method;
	r->target = target;
	r->step = step;
	for (i = 0; i < n; i++)
	{
		if (base[i] != NONE && volume[i] != NONE)
			r->flags[i] |= QD_HAS_WEIGHT;
		r->base[i] = base[i] != NONE ? base[i] : 0;
		r->volume[i] = volume[i] != NONE ? volume[i] : 0;
		if (floor && floor[i] != NONE)
		{
			r->flags[i] |= QD_HAS_FLOOR;
			r->floor[i] = floor[i] * step;
		}
		if (cap && cap[i] != NONE)
		{
			r->flags[i] |= QD_HAS_CAP;
			r->cap[i] = cap[i] * step;
		}
	}
	return r;
}

/* expects these rates, and the promises kept; frees r */
static void
expect(rates *r, const int64_t *rate, const char *what)
{
	rates_outcome *o = run_rates(r, NULL, true);
	bool		same = o->status == QD_OK;
	verdict		v;
	int32_t		i;

	for (i = 0; i < r->n && same; i++)
		same = o->rates.rule[i] == QD_RULE_NONE ? rate[i] == NONE : o->rates.rate[i] == rate[i];
	if (!ok(same, "%s", what))
	{
		printf("# status %d:", (int) o->status);
		for (i = 0; i < r->n; i++)
			printf(" %lld", (long long) o->rates.rate[i]);
		printf("\n");
	}
	if (!ok(check_rates(r, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	rates_outcome_free(o);
	rates_free(r);
}

static void
expect_refusal(rates *r, int64_t low, int64_t high, const char *what)
{
	rates_outcome *o = run_rates(r, NULL, true);
	verdict		v;

	ok(o->status == QD_INFEASIBLE && o->problem.unbounded_low == (low == NONE) && o->problem.unbounded_high == (high == NONE) &&
	   (low == NONE || o->problem.low == low) && (high == NONE || o->problem.high == high), "%s", what);
	if (!ok(check_rates(r, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	rates_outcome_free(o);
	rates_free(r);
}

#define LIST(...) ((const int64_t[]) {__VA_ARGS__})
#define NO NULL

static void
known_cases(void)
{
	expect(make(2, QD_RATE_SCALE, 30, 1, LIST(10, 30), LIST(1, 1), NO, NO), LIST(15, 45), "scale");
	expect(make(2, QD_RATE_SHIFT, 30, 1, LIST(10, 30), LIST(1, 1), NO, NO), LIST(20, 40), "shift");
	expect(make(2, QD_RATE_CLOSE_GAP, 25, 1, LIST(10, 30), LIST(1, 1), NO, NO), LIST(20, 30), "close the gap");
	expect(make(2, QD_RATE_CLOSE_GAP, 15, 1, LIST(10, 30), LIST(1, 1), NO, NO), LIST(10, 20), "close the gap downwards");
	expect(make(2, QD_RATE_SCALE, 30, 1, LIST(10, 30), LIST(3, 1), NO, NO), LIST(20, 60), "volumes");
	expect(make(3, QD_RATE_SCALE, 30, 1, LIST(10, 30, 20), LIST(1, 1, NONE), NO, NO), LIST(15, 45, NONE), "one takes no part");
	expect(make(2, QD_RATE_SCALE, 30, 1, LIST(10, 30), LIST(1, 1), NO, LIST(NONE, 40)), LIST(20, 40), "a cap");
	expect(make(2, QD_RATE_SCALE, 10, 1, LIST(10, 30), LIST(1, 1), LIST(8, NONE), NO), LIST(8, 12), "a floor");
	expect(make(2, QD_RATE_SHIFT, 5, 1, LIST(1, 21), LIST(1, 1), NO, NO), LIST(0, 10), "nothing below 0 where nothing was");
	expect(make(2, QD_RATE_SHIFT, 5, 1, LIST(-1, 21), LIST(1, 1), NO, NO), LIST(-6, 16), "but where something was");
	expect(make(2, QD_RATE_SCALE, 7, 1, LIST(0, 0), LIST(1, 5), NO, NO), LIST(7, 7), "all 0");
	expect(make(2, QD_RATE_SCALE, 10, 1, LIST(0, 20), LIST(1, 3), NO, NO), LIST(0, 13), "0 stays 0");
	expect(make(2, QD_RATE_SCALE, 20, 1, LIST(-10, 30), LIST(1, 1), NO, NO), LIST(-5, 45), "mixed signs: by their size");
	expect(make(2, QD_RATE_SCALE, -20, 1, LIST(10, 30), LIST(1, 1), NO, NO), LIST(-10, -30), "to the other side of 0");
	expect(make(2, QD_RATE_SHIFT, 1, 2, LIST(1, 3), LIST(1, 1), NO, NO), LIST(0, 2), "all at the half: one goes down");
	expect(make(2, QD_RATE_SHIFT, -1, 2, LIST(-1, -3), LIST(1, 1), NO, NO), LIST(0, -2), "all at the half, below 0");
	expect(make(2, QD_RATE_SHIFT, 0, 2, LIST(-1, 1), LIST(1, 1), NO, NO), LIST(-1, 1), "halves on both sides of 0");
	expect(make(2, QD_RATE_SCALE, 26, 1, LIST(20, 20), LIST(1, 2), NO, LIST(25, 26)), LIST(25, 26), "met by rounding only");
	expect(make(1, QD_RATE_CLOSE_GAP, 2, 10, LIST(24), LIST(9), NO, NO), LIST(2), "at the best, off the grid");
	expect(make(0, QD_RATE_SCALE, 2, 10, LIST(0), LIST(0), NO, NO), LIST(0), "no rows");
	expect(make(1, QD_RATE_SCALE, 2, 10, LIST(NONE), LIST(1), NO, NO), LIST(NONE), "nobody");
	expect(make(2, QD_RATE_SHIFT, 30, 1, LIST(40, 50), LIST(1, 1), LIST(NONE, 45), LIST(NONE, 45)), LIST(15, 45), "one is held");
}

/* where any slope from 2 to 4 would do, rules must not go by who is looked at first */
static void
rules_in_any_order(void)
{
	static const int order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const int64_t floor[3] = {NONE, 40, 30};
	static const int64_t cap[3] = {20, NONE, 30};
	static const uint8_t rule[3] = {QD_RULE_CAP, QD_RULE_FLOOR, QD_RULE_FLOOR};
	bool		keep = true;
	int			i;
	int			k;

	for (i = 0; i < 6; i++)
	{
		rates	   *r = make(3, QD_RATE_SCALE, 30, 1, LIST(10, 10, 10), LIST(1, 1, 1),
							 LIST(floor[order[i][0]], floor[order[i][1]], floor[order[i][2]]),
							 LIST(cap[order[i][0]], cap[order[i][1]], cap[order[i][2]]));
		rates_outcome *o = run_rates(r, NULL, true);

		keep = keep && o->status == QD_OK;
		for (k = 0; k < 3; k++)
			if (o->rates.rule[k] != rule[order[i][k]])
			{
				printf("# order %d, row %d: %d\n", i, order[i][k], o->rates.rule[k]);
				keep = false;
			}
		rates_outcome_free(o);
		rates_free(r);
	}
	ok(keep, "rules: a cap of 20, a floor of 40, 30 and 30, any order");
}

static void
refusals(void)
{
	expect_refusal(make(2, QD_RATE_SCALE, 50, 1, LIST(10, 30), LIST(1, 1), NO, LIST(20, 40)), 0, 30, "above all caps");
	expect_refusal(make(2, QD_RATE_SCALE, 5, 1, LIST(10, 30), LIST(1, 1), LIST(8, 8), NO), 8, NONE, "below all floors");
	expect_refusal(make(2, QD_RATE_SHIFT, -5, 1, LIST(-10, 30), LIST(1, 1), LIST(8, 8), NO), 8, NONE, "below all floors, shift");
	expect_refusal(make(2, QD_RATE_CLOSE_GAP, 31, 1, LIST(10, 30), LIST(1, 1), NO, NO), 10, 30, "beyond the best");
	expect_refusal(make(2, QD_RATE_CLOSE_GAP, 9, 1, LIST(10, 30), LIST(1, 1), NO, NO), 10, 30, "beyond the best, downwards");
	expect_refusal(make(2, QD_RATE_CLOSE_GAP, 12, 1, LIST(10, 10), LIST(1, 1), NO, NO), 10, 10, "all are at the best");
	expect_refusal(make(2, QD_RATE_SCALE, 30, 1, LIST(0, 30), LIST(1, 1), NO, LIST(NONE, 40)), 0, 20, "0 stays 0");
	expect_refusal(make(2, QD_RATE_SCALE, -1, 1, LIST(-10, -30), LIST(1, 1), NO, LIST(-5, -5)), NONE, -5, "below 0");
	{
		rates	   *r = make(2, QD_RATE_SCALE, 100, 1, LIST(1, 0), LIST(1, INT64_C(1000000000000000000)), NO, NO);
		rates_outcome *o = run_rates(r, NULL, true);

		ok(o->status == QD_OVERFLOW && o->problem.row == 0, "who would have to make up for too much");
		rates_outcome_free(o);
		r->volume[0] = QD_MAX_WEIGHT_SUM;
		o = run_rates(r, NULL, true);
		ok(o->status == QD_WEIGHT_OVERFLOW, "volumes beyond 62 bits");
		rates_outcome_free(o);
		rates_free(r);
	}
}

static void
big_numbers(void)
{
	const int64_t huge = QD_MAX_RATE;

	expect(make(2, QD_RATE_SCALE, huge, 1, LIST(huge, huge), LIST(INT64_C(1) << 60, INT64_C(1) << 60), NO, NO), LIST(huge, huge),
		   "rates of 18 digits, volumes of 60 bits");
	expect(make(3, QD_RATE_SHIFT, 0, 1, LIST(huge, -huge, 0), LIST(INT64_C(1) << 60, INT64_C(1) << 60, 1), LIST(NONE, -huge, NONE), LIST(huge, NONE, NONE)),
		   LIST(huge, -huge, 0), "both signs");
	expect(make(2, QD_RATE_CLOSE_GAP, 500, huge / 1000, LIST(0, huge), LIST(INT64_C(1) << 61, 1), NO, NO), LIST(500, 1000), "the whole way, and half of it");
}

/* 256 bits against 128, and against themselves */
static void
quads(void)
{
	source		s = {NULL, 0, 99};
	int			wrong = 0;
	int			i;

	for (i = 0; i < 20000; i++)
	{
		int64_t		a = draw_magnitude(&s, INT64_MAX) * (draw(&s, 2) ? 1 : -1);
		int64_t		b = draw_magnitude(&s, INT64_MAX) * (draw(&s, 2) ? 1 : -1);
		int64_t		c = draw_magnitude(&s, INT64_MAX) + 1 > 0 ? draw_magnitude(&s, INT64_MAX - 1) + 1 : 1;
		int64_t		d = draw_magnitude(&s, INT64_MAX - 1) + 1;
		int64_t		e = draw_magnitude(&s, INT64_MAX / 2) * (draw(&s, 2) ? 1 : -1);
		qd_quad		x = qd_quad_product((qd_int128) a * c, d);
		qd_quad		divisor = qd_quad_product((qd_int128) c, d);
		qd_quad		y = qd_quad_add(qd_quad_product(a, b), qd_quad_product(e, b));
		qd_quad		z = qd_quad_from(((qd_int128) a + e) * b);
		qd_quad		back;
		qd_quad		rest;
		int64_t		q;

		/* (a + e) b two ways; only where it fits 128 bits */
		if (a / 2 + e / 2 < INT64_MAX / 2 && a / 2 + e / 2 > -(INT64_MAX / 2) &&
			(qd_quad_compare_magnitude(&y, &z) != 0 || y.negative != z.negative))
			wrong++;
		/* a c d / (c d) */
		if (!qd_quad_floor_div(x, &divisor, &q, &rest) || q != a || !qd_quad_is_zero(&rest))
			wrong++;
		/* one less: the floor and all but one remain */
		x = qd_quad_add(x, qd_quad_from(-1));
		if (a > -INT64_MAX)
		{
			bool		unit = qd_quad_product((qd_int128) c, d).word[0] == 1 && c == 1 && d == 1;

			if (!qd_quad_floor_div(x, &divisor, &q, &rest) || q != a - 1)
				wrong++;
			back = qd_quad_add(qd_quad_mul(divisor, q), rest);
			if (qd_quad_compare_magnitude(&back, &x) != 0 || back.negative != x.negative || (unit && !qd_quad_is_zero(&rest)))
				wrong++;
		}
	}
	ok(wrong == 0, "256-bit arithmetic agrees with itself (%d times not)", wrong);
	{
		qd_quad		one = qd_quad_from(1);
		qd_quad		large = qd_quad_product((qd_int128) INT64_MAX, 2);
		qd_quad		rest;
		int64_t		q;

		ok(!qd_quad_floor_div(large, &one, &q, &rest), "a quotient beyond 64 bits is refused");
	}
}

static bool
peers_of(void *arg, int32_t a, int32_t b)
{
	test_env   *env = arg;

	return env->peer_group[a] == env->peer_group[b];
}

/* peers that only their order tells apart */
static void
ties(void)
{
	static const int32_t peers[] = {1, 1, 2, 2};
	rates	   *r = make(4, QD_RATE_SHIFT, 1, 2, LIST(1, 1, 3, 3), LIST(1, 1, 1, 1), NO, NO);
	test_env	env;
	rates_outcome *o;

	test_env_init(&env);
	o = run_rates(r, &env, true);
	ok(o->status == QD_OK && o->rates.rule[0] == QD_RULE_SHARE, "no peers, no tie");
	rates_outcome_free(o);
	env.peer_group = peers;
	env.env.peers = peers_of;
	o = run_rates(r, &env, true);
	ok(o->status == QD_OK && o->rates.rule[0] == QD_RULE_TIE && o->rates.rule[1] == QD_RULE_TIE &&
	   o->rates.rule[2] == QD_RULE_SHARE && o->rates.rate[0] + o->rates.rate[1] == 1, "peers say tie");
	rates_outcome_free(o);
	rates_free(r);
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	int			fail;
	int			once;
	int			met = 0;
	bool		fine = true;

	for (once = 0; once < 2; once++)
		for (fail = 1; fail < 50; fail++)
		{
			rates	   *r = make(4, QD_RATE_SHIFT, 1, 2, LIST(1, 1, 3, 3), LIST(1, 1, 1, 1), LIST(0, NONE, NONE, NONE), NO);
			test_env	env;
			rates_outcome *o;
			bool		done;

			test_env_init(&env);
			env.fail_at = fail;
			env.fail_once = once;
			o = run_rates(r, &env, true);
			done = env.allocs < fail;
			fine = fine && env.live == 0 && o->status == (done ? QD_OK : QD_NOMEM);
			met += !done;
			rates_outcome_free(o);
			rates_free(r);
			if (done)
				break;
		}
	ok(fine && met >= 4 && fail < 50, "each of %d allocations may fail", met);
}

static void
polls(void)
{
	int			kind;
	int32_t		n = 1000000;

	for (kind = 0; kind < 4; kind++)
	{
		rates	   *r = rates_new(n);
		source		s = {NULL, 0, (uint64_t) kind};
		test_env	env;
		rates_outcome *o;
		int32_t		i;

		r->method = kind == 3 ? QD_RATE_SHIFT : (qd_rate_method) kind;
		r->step = kind == 3 ? 2 : 1;
		r->target = kind == 3 ? 1 : 500;
		for (i = 0; i < n; i++)
		{
			r->flags[i] = QD_HAS_WEIGHT;
			r->volume[i] = kind == 3 ? 1 : 1 + (int64_t) draw(&s, 100000);
			r->base[i] = kind == 3 ? 1 + 2 * (i % 2) : (int64_t) draw(&s, 1000);
			if (kind < 3)
			{
				r->flags[i] |= QD_HAS_FLOOR | QD_HAS_CAP;
				r->floor[i] = (int64_t) draw(&s, 450);
				r->cap[i] = 510 + (int64_t) draw(&s, 900);
			}
		}
		test_env_init(&env);
		env.watch = true;
		o = run_rates(r, &env, true);
		ok(o->status == QD_OK && env.polls >= 3 * (n / 65536), "kind %d: %lld polls", kind, (long long) env.polls);
#ifndef QD_SLOW
		ok(env.longest < 0.1, "kind %d: at most %.1f ms without a poll", kind, env.longest * 1000);
#endif
		rates_outcome_free(o);
		rates_free(r);
	}
}

int
main(void)
{
	known_cases();
	rules_in_any_order();
	refusals();
	big_numbers();
	quads();
	ties();
	out_of_memory();
	polls();
	return tap_done();
}
