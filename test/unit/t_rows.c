/*
 * t_rows.c
 *		One partition: known cases, brute force, the edges of 64 bits, memory
 *		that runs out, polls.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tap.h"

#define NONE INT64_MIN			/* in a list: not there */

/* a partition from lists; NULL or NONE: missing */
static partition *
make(int32_t n, int64_t total, qd_rounding rounding, const int64_t *weight,
	 const int64_t *floor, const int64_t *cap, const int64_t *lock)
{
	partition  *p = partition_new(n);
	int32_t		i;

	p->total = total;
	p->rounding = rounding;
	for (i = 0; i < n; i++)
	{
		if (weight[i] != NONE)
		{
			p->flags[i] |= QD_HAS_WEIGHT;
			p->weight[i] = weight[i];
		}
		if (floor && floor[i] != NONE)
		{
			p->flags[i] |= QD_HAS_FLOOR;
			p->floor[i] = floor[i];
		}
		if (cap && cap[i] != NONE)
		{
			p->flags[i] |= QD_HAS_CAP;
			p->cap[i] = cap[i];
		}
		if (lock && lock[i] != NONE)
		{
			p->flags[i] |= QD_LOCKED;
			p->lock[i] = lock[i];
		}
	}
	return p;
}

/* expects these amounts, and the promises kept; frees p */
static void
expect(partition *p, const int64_t *amount, const char *what)
{
	outcome    *o = run_partition(p, NULL, true);
	source		s = {NULL, 0, 1};
	verdict		v;
	bool		same = o->status == QD_OK;
	int32_t		i;

	for (i = 0; i < p->n && same; i++)
		if (o->rows.rule[i] == QD_RULE_NONE ? amount[i] != NONE : o->rows.amount[i] != amount[i])
			same = false;
	ok(same, "%s", what);
	if (!same)
	{
		printf("# status %d:", (int) o->status);
		for (i = 0; i < p->n && o->status == QD_OK; i++)
			printf(" %lld", (long long) o->rows.amount[i]);
		printf("\n");
	}
	if (!ok(check_partition(p, &s, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	outcome_free(o);
	partition_free(p);
}

static void
expect_rules(partition *p, const uint8_t *rule, const int32_t *peer_group, const char *what)
{
	test_env	env;
	outcome    *o;
	int32_t		i;
	bool		same;

	test_env_init(&env);
	env.peer_group = peer_group;
	o = run_partition(p, &env, true);
	same = o->status == QD_OK && memcmp(o->rows.rule, rule, (size_t) p->n) == 0;
	ok(same, "%s", what);
	for (i = 0; i < p->n && !same; i++)
		printf("# row %d: %s\n", i, o->rows.rule[i] ? qd_rule_name((qd_rule) o->rows.rule[i]) : "none");
	outcome_free(o);
	partition_free(p);
}

static void
expect_status(partition *p, qd_status status, const char *what)
{
	outcome    *o = run_partition(p, NULL, true);

	ok(o->status == status, "%s: status %d, is %d", what, (int) status, (int) o->status);
	outcome_free(o);
	partition_free(p);
}

#define LIST(...) ((const int64_t[]) {__VA_ARGS__})
#define RULES(...) ((const uint8_t[]) {__VA_ARGS__})
#define PEERS(...) ((const int32_t[]) {__VA_ARGS__})
#define NO NULL

static void
known_cases(void)
{
	expect(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), NO, NO, NO), LIST(34, 33, 33), "100 over three");
	expect(make(4, 102, QD_HAMILTON, LIST(1, 1, 1, 1), NO, NO, NO), LIST(26, 26, 25, 25), "102 over four");
	expect(make(1, 7, QD_HAMILTON, LIST(3), NO, NO, NO), LIST(7), "one row");
	expect(make(3, 0, QD_HAMILTON, LIST(1, 2, 3), NO, NO, NO), LIST(0, 0, 0), "total 0");
	expect(make(3, 5, QD_HAMILTON, LIST(0, 0, 0), NO, NO, NO), LIST(2, 2, 1), "all weights 0");
	expect(make(3, 5, QD_HAMILTON, LIST(0, 1, 1), NO, NO, NO), LIST(0, 3, 2), "weight 0 gets no unit");
	expect(make(3, 5, QD_HAMILTON, LIST(NONE, 1, 1), NO, NO, NO), LIST(NONE, 3, 2), "no weight, no part");
	expect(make(2, 5, QD_HAMILTON, LIST(NONE, NONE), NO, NO, NO), LIST(NONE, NONE), "nobody takes part");
	expect(make(0, 5, QD_HAMILTON, LIST(0), NO, NO, NO), LIST(0), "no rows");
	/* larger remainder, then larger weight: 10/3 * (1, 2): 3.33, 6.67 */
	expect(make(2, 10, QD_HAMILTON, LIST(1, 2), NO, NO, NO), LIST(3, 7), "larger remainder");
	/* shares 0.5, 1.5: equal remainders, the heavier is served */
	expect(make(2, 2, QD_HAMILTON, LIST(1, 3), NO, NO, NO), LIST(0, 2), "equal remainders, larger weight");
	expect(make(3, -100, QD_HAMILTON, LIST(1, 1, 1), NO, NO, NO), LIST(-34, -33, -33), "negative total");

	/* the Alabama paradox: 10 to 11 seats takes one from the smallest */
	expect(make(3, 10, QD_HAMILTON, LIST(6, 6, 2), NO, NO, NO), LIST(4, 4, 2), "Alabama, ten");
	expect(make(3, 11, QD_HAMILTON, LIST(6, 6, 2), NO, NO, NO), LIST(5, 5, 1), "Alabama, eleven");
	expect(make(3, 10, QD_WEBSTER, LIST(6, 6, 2), NO, NO, NO), LIST(5, 4, 1), "Webster, ten: all tie");
	expect(make(3, 11, QD_WEBSTER, LIST(6, 6, 2), NO, NO, NO), LIST(5, 5, 1), "Webster, eleven");
	expect(make(3, 12, QD_WEBSTER, LIST(6, 6, 2), NO, NO, NO), LIST(5, 5, 2), "Webster, twelve");
	/* Balinski & Young's: Webster leaves quota, Hamilton does not */
	expect(make(5, 26, QD_HAMILTON, LIST(9061, 7179, 5259, 3319, 1182), NO, NO, NO),
		   LIST(9, 7, 5, 4, 1), "five states, Hamilton");
	expect(make(5, 26, QD_WEBSTER, LIST(9061, 7179, 5259, 3319, 1182), NO, NO, NO),
		   LIST(9, 8, 5, 3, 1), "five states, Webster");
	expect(make(2, 1, QD_WEBSTER, LIST(1, 1), NO, NO, NO), LIST(1, 0), "Webster, a tie");
	expect(make(4, 2, QD_WEBSTER, LIST(0, 0, 0, 0), NO, NO, NO), LIST(1, 1, 0, 0), "Webster, all weights 0");
	expect(make(2, -3, QD_WEBSTER, LIST(1, 1), NO, NO, NO), LIST(-2, -1), "Webster, negative");

	expect(make(12, 100, QD_CUMULATIVE, LIST(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), NO, NO, NO),
		   LIST(8, 9, 8, 8, 9, 8, 8, 9, 8, 8, 9, 8), "twelve months");
	expect(make(2, 1, QD_CUMULATIVE, LIST(1, 1), NO, NO, NO), LIST(1, 0), "halves go up");
	expect(make(2, -1, QD_CUMULATIVE, LIST(1, 1), NO, NO, NO), LIST(-1, 0), "and down below 0");

	expect(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), LIST(50, NONE, NONE), NO, NO), LIST(50, 25, 25), "a floor");
	expect(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), NO, LIST(10, NONE, NONE), NO), LIST(10, 45, 45), "a cap");
	expect(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), NO, NO, LIST(10, NONE, NONE)), LIST(10, 45, 45), "a lock");
	/* floors and caps interplay: freezing one side first would be wrong */
	expect(make(3, 100, QD_HAMILTON, LIST(70, 20, 10), LIST(NONE, 40, NONE), LIST(50, NONE, NONE), NO),
		   LIST(50, 40, 10), "a floor beside a cap");
	expect(make(4, 100, QD_HAMILTON, LIST(60, 25, 10, 5), LIST(NONE, NONE, 30, NONE), LIST(40, NONE, NONE, NONE), NO),
		   LIST(40, 25, 30, 5), "a cap that frees what a floor takes");
	expect(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), LIST(40, 30, 30), NO, NO), LIST(40, 30, 30), "floors take all");
	expect(make(2, 100, QD_HAMILTON, LIST(0, 1), LIST(10, NONE), NO, NO), LIST(10, 90), "weight 0 has its floor");
	expect(make(2, 10, QD_HAMILTON, LIST(1, 1), LIST(-5, 12), NO, NO), LIST(-2, 12), "a floor below 0");
	expect(make(2, 100, QD_HAMILTON, LIST(NONE, 1), NO, NO, LIST(30, NONE)), LIST(30, 70), "a lock without a weight");
	expect(make(2, 100, QD_HAMILTON, LIST(1, 1), NO, NO, LIST(60, 40)), LIST(60, 40), "locks alone");
	expect(make(2, 100, QD_HAMILTON, LIST(1, 1), NO, NO, LIST(-20, NONE)), LIST(-20, 120), "a lock below 0");
	expect(make(3, -100, QD_HAMILTON, LIST(1, 1, 1), LIST(-20, NONE, NONE), NO, NO), LIST(-20, -40, -40),
		   "below 0 a floor holds back");
	expect(make(3, -100, QD_HAMILTON, LIST(1, 1, 1), NO, LIST(-50, NONE, NONE), NO), LIST(-50, -25, -25),
		   "below 0 a cap pulls");
}

static void
rules(void)
{
	expect_rules(make(4, 100, QD_HAMILTON, LIST(0, 3, NONE, 2), NO, NO, LIST(NONE, NONE, NONE, 5)),
				 RULES(QD_RULE_ZERO, QD_RULE_SHARE, QD_RULE_NONE, QD_RULE_LOCKED), NULL,
				 "rules: zero, share, none, locked");
	expect_rules(make(3, 100, QD_HAMILTON, LIST(1, 1, 1), LIST(60, NONE, NONE), LIST(NONE, 10, NONE), NO),
				 RULES(QD_RULE_FLOOR, QD_RULE_CAP, QD_RULE_SHARE), NULL, "rules: floor, cap");
	expect_rules(make(3, -100, QD_HAMILTON, LIST(1, 1, 1), LIST(-10, NONE, NONE), LIST(NONE, -60, NONE), NO),
				 RULES(QD_RULE_FLOOR, QD_RULE_CAP, QD_RULE_SHARE), NULL, "rules below 0 go by the user's names");
	expect_rules(make(3, 10, QD_HAMILTON, LIST(0, 0, 0), NO, NO, NO),
				 RULES(QD_RULE_EQUAL, QD_RULE_EQUAL, QD_RULE_EQUAL), NULL, "rules: equal");
	expect_rules(make(2, 10, QD_WEBSTER, LIST(1, 2), NO, NO, NO),
				 RULES(QD_RULE_WEBSTER, QD_RULE_WEBSTER), NULL, "rules: webster");
	expect_rules(make(3, 10, QD_HAMILTON, LIST(1, 1, 1), NO, NO, NO),
				 RULES(QD_RULE_TIE, QD_RULE_TIE, QD_RULE_TIE), PEERS(7, 7, 7), "rules: peers tie");
	expect_rules(make(3, 10, QD_HAMILTON, LIST(1, 1, 1), NO, NO, NO),
				 RULES(QD_RULE_SHARE, QD_RULE_SHARE, QD_RULE_SHARE), PEERS(1, 2, 3), "rules: no peers, no tie");
	expect_rules(make(4, 10, QD_HAMILTON, LIST(1, 1, 1, 2), NO, NO, NO),
				 RULES(QD_RULE_SHARE, QD_RULE_SHARE, QD_RULE_SHARE, QD_RULE_SHARE), PEERS(1, 1, 1, 1),
				 "rules: nothing left over, no tie");
	expect_rules(make(3, 10, QD_WEBSTER, LIST(1, 1, 1), NO, NO, NO),
				 RULES(QD_RULE_TIE, QD_RULE_TIE, QD_RULE_TIE), PEERS(1, 1, 1), "rules: Webster's peers tie");
	expect_rules(make(3, 10, QD_CUMULATIVE, LIST(1, 1, 1), NO, NO, NO),
				 RULES(QD_RULE_TIE, QD_RULE_TIE, QD_RULE_TIE), PEERS(1, 1, 1), "rules: cumulative's peers tie");
	{
		int			r;
		bool		named = true;

		for (r = QD_RULE_LOCKED; r <= QD_RULE_SHARE; r++)
			named = named && qd_rule_name((qd_rule) r) != NULL;
		ok(named && qd_rule_name(QD_RULE_NONE) == NULL, "every rule has a name");
	}
}

/* whether every row has the same rule in every order of the rows */
static bool
rules_keep(const partition *p, const uint8_t *rule)
{
	int			at[6] = {0};	/* the order: Heap's algorithm without recursion */
	int32_t		order[6];
	bool		keep = true;
	int32_t		i = 0;
	int32_t		k;

	for (k = 0; k < p->n; k++)
		order[k] = k;
	while (i < p->n && keep)
	{
		partition  *q = partition_new(p->n);
		outcome    *o;

		q->total = p->total;
		q->rounding = p->rounding;
		for (k = 0; k < p->n; k++)
		{
			q->flags[k] = p->flags[order[k]];
			q->weight[k] = p->weight[order[k]];
			q->floor[k] = p->floor[order[k]];
			q->cap[k] = p->cap[order[k]];
			q->lock[k] = p->lock[order[k]];
		}
		o = run_partition(q, NULL, true);
		keep = o->status == QD_OK;
		for (k = 0; k < p->n; k++)
			keep = keep && o->rows.rule[k] == rule[order[k]];
		outcome_free(o);
		partition_free(q);

		while (i < p->n && at[i] >= i)
			at[i++] = 0;
		if (i < p->n)
		{
			int32_t		with = i % 2 == 0 ? 0 : at[i];
			int32_t		other = order[with];

			order[with] = order[i];
			order[i] = other;
			at[i]++;
			i = 0;
		}
	}
	return keep;
}

/*
 * Where several ratios give the same amounts, caps and floors between them must
 * not go by who is looked at first.
 */
static void
rules_in_any_order(void)
{
	partition  *p = make(4, 65, QD_HAMILTON, LIST(1, 1, 1, 1), LIST(NONE, 20, 15, 20),
						 LIST(10, NONE, 15, NONE), NO);
	source		s = {NULL, 0, 7};
	bool		keep = true;
	int			flat = 0;
	int			round;

	ok(rules_keep(p, RULES(QD_RULE_SHARE, QD_RULE_FLOOR, QD_RULE_FLOOR, QD_RULE_FLOOR)),
	   "rules: caps of 10, floors of 20, any order");
	partition_free(p);
	p = make(3, -45, QD_HAMILTON, LIST(1, 1, 1), LIST(-10, NONE, -15), LIST(NONE, -20, -15), NO);
	ok(rules_keep(p, RULES(QD_RULE_SHARE, QD_RULE_CAP, QD_RULE_CAP)), "and below 0");
	partition_free(p);
	for (round = 0; round < 2000 && keep; round++)
	{
		int32_t		n = 2 + (int32_t) draw(&s, 4);
		int64_t		ratio = 1 + (int64_t) draw(&s, 4);
		outcome    *o;
		int32_t		i;

		p = partition_new(n);
		p->rounding = QD_HAMILTON;
		for (i = 0; i < n; i++)
		{
			int64_t		w = 1 + (int64_t) draw(&s, 3);
			int64_t		low = w * (int64_t) draw(&s, 5);
			int64_t		high = low + w * (int64_t) draw(&s, 5);

			p->weight[i] = w;
			p->flags[i] = QD_HAS_WEIGHT | QD_HAS_FLOOR | QD_HAS_CAP;
			p->floor[i] = low;
			p->cap[i] = high;
			p->total += w * ratio < low ? low : w * ratio > high ? high : w * ratio;
		}
		o = run_partition(p, NULL, true);
		for (i = 0; i < n; i++)
			if (o->rows.rule[i] == QD_RULE_SHARE &&
				(o->rows.amount[i] == p->floor[i] || o->rows.amount[i] == p->cap[i]))
				break;
		flat += i < n;
		keep = rules_keep(p, o->rows.rule);
		if (!keep)
			print_partition(p);
		outcome_free(o);
		partition_free(p);
	}
	ok(keep && flat > 200, "rules: bounds met exactly, any order");
}

static void
refusals(void)
{
	expect_status(make(2, 100, QD_HAMILTON, LIST(1, 1), LIST(60, 60), NO, NO), QD_INFEASIBLE, "floors above the total");
	expect_status(make(2, 100, QD_HAMILTON, LIST(1, 1), NO, LIST(40, 40), NO), QD_INFEASIBLE, "caps below it");
	expect_status(make(2, 100, QD_HAMILTON, LIST(1, 1), NO, NO, LIST(120, NONE)), QD_INFEASIBLE, "a lock above it");
	expect_status(make(2, 100, QD_HAMILTON, LIST(1, 1), NO, NO, LIST(20, 30)), QD_INFEASIBLE, "nobody to take the rest");
	expect_status(make(2, 100, QD_HAMILTON, LIST(0, 1), NO, LIST(NONE, 50), NO), QD_INFEASIBLE, "only weight 0 to take it");
	expect_status(make(2, 100, QD_HAMILTON, LIST(1, 1), LIST(30, NONE), NO, LIST(20, NONE)), QD_INFEASIBLE,
				  "a lock below its own floor");
	expect_status(make(2, 100, QD_HAMILTON, LIST(QD_MAX_WEIGHT_SUM / 2, QD_MAX_WEIGHT_SUM / 2), NO, NO, NO),
				  QD_WEIGHT_OVERFLOW, "weights of 2^62");
	expect_status(make(2, INT64_MAX, QD_HAMILTON, LIST(1, 1), NO, NO, LIST(-10, NONE)), QD_OVERFLOW,
				  "a rest beyond 64 bits");
	expect_status(make(3, INT64_MAX, QD_HAMILTON, LIST(1, 1, 1), LIST(-INT64_MAX, -INT64_MAX, NONE),
					   LIST(-INT64_MAX, -INT64_MAX, NONE), NO), QD_OVERFLOW, "what is left beyond 64 bits");
}

static void
big_numbers(void)
{
	int64_t		half = QD_MAX_WEIGHT_SUM / 2;
	qd_rounding r;

	expect(make(2, INT64_MAX, QD_HAMILTON, LIST(half, half - 1), NO, NO, NO),
		   LIST(INT64_MAX / 2 + 2, INT64_MAX / 2 - 1), "all of 64 bits over weights near 2^61");
	expect(make(3, INT64_MAX, QD_HAMILTON, LIST(1, 1, 1), NO, NO, NO),
		   LIST(INT64_MAX / 3 + 1, INT64_MAX / 3, INT64_MAX / 3), "2^63 - 1 over three");
	expect(make(2, -INT64_MAX, QD_HAMILTON, LIST(1, 1), NO, NO, NO),
		   LIST(-(INT64_MAX / 2) - 1, -(INT64_MAX / 2)), "-(2^63 - 1) over two");
	expect(make(2, INT64_MAX, QD_HAMILTON, LIST(1, QD_MAX_WEIGHT_SUM - 2), NO, NO, NO),
		   LIST(2, INT64_MAX - 2), "the lightest beside the heaviest");
	expect(make(2, 100, QD_HAMILTON, LIST(1, 1), LIST(-INT64_MAX, NONE), LIST(NONE, INT64_MAX - 1), NO),
		   LIST(50, 50), "bounds at the ends of 64 bits");
	for (r = QD_HAMILTON; r <= QD_CUMULATIVE; r++)
	{
		partition  *p = make(3, INT64_MAX - 5, r, LIST(half, half / 3, 1), LIST(NONE, NONE, INT64_MAX / 4), NO, NO);
		source		s = {NULL, 0, 3};
		verdict		v;

		if (!ok(check_partition(p, &s, &v), "rounding %d near the end of 64 bits", (int) r))
			printf("# %s\n", v.message);
		partition_free(p);
	}
}

/* ---- brute force: the plainest thing that could be right, on small input ---- */

/* fills by trying every combination of who is at a bound; p/q of the ratio */
static bool
brute_fill(const partition *p, int *state, int64_t *pool, int64_t *pool_weight)
{
	int			combination;
	int			combinations = 1;
	int32_t		i;

	for (i = 0; i < p->n; i++)
		combinations *= 3;
	for (combination = 0; combination < combinations; combination++)
	{
		int			c = combination;
		int64_t		held = 0;
		int64_t		weight = 0;
		bool		fits = true;

		for (i = 0; i < p->n; i++, c /= 3)
		{
			state[i] = c % 3;
			if (state[i] == 0 && p->weight[i] == 0)
				fits = false;
			else if (state[i] == 0)
				weight += p->weight[i];
			else if (state[i] == 1)
				held += p->floor[i];
			else if (p->weight[i] == 0)
				fits = false;
			else
				held += p->cap[i];
		}
		*pool = p->total - held;
		*pool_weight = weight;
		if (!fits || (weight == 0 && *pool != 0))
			continue;
		for (i = 0; i < p->n && fits; i++)
		{
			/* compare pool * w / weight with the bounds */
			int64_t		share = *pool * p->weight[i];

			if (state[i] == 0)
				fits = share >= p->floor[i] * weight && share <= p->cap[i] * weight;
			else if (weight == 0 || p->weight[i] == 0)
				continue;
			else if (state[i] == 1)
				fits = share <= p->floor[i] * weight;
			else
				fits = share >= p->cap[i] * weight;
		}
		if (fits && weight > 0)
			return true;
		if (fits)
		{
			/* everybody at a bound: one ratio must fit all */
			int32_t		j;

			for (i = 0; i < p->n; i++)
				for (j = 0; j < p->n; j++)
					if (state[i] == 2 && state[j] == 1 && p->weight[j] > 0 &&
						p->cap[i] * p->weight[j] > p->floor[j] * p->weight[i])
						fits = false;
			if (fits)
				return true;
		}
	}
	return false;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void
brute_hamilton(const partition *p, int64_t *amount)
{
	int			state[8];
	bool		served[8] = {false};
	int64_t		pool;
	int64_t		weight;
	int64_t		left;
	int32_t		i;

	if (!brute_fill(p, state, &pool, &weight))
		abort();
	left = pool;
	for (i = 0; i < p->n; i++)
	{
		amount[i] = state[i] == 1 ? p->floor[i] : state[i] == 2 ? p->cap[i] :
			floor_div(pool * p->weight[i], weight);
		if (state[i] == 0)
			left -= amount[i];
	}
	for (; left > 0; left--)
	{
		int32_t		best = -1;

		for (i = 0; i < p->n; i++)
		{
			int64_t		r;
			int64_t		b;

			if (state[i] != 0 || served[i])
				continue;
			if (best < 0)
			{
				best = i;
				continue;
			}
			r = pool * p->weight[i] - floor_div(pool * p->weight[i], weight) * weight;
			b = pool * p->weight[best] - floor_div(pool * p->weight[best], weight) * weight;
			if (r > b || (r == b && p->weight[i] > p->weight[best]))
				best = i;
		}
		served[best] = true;
		amount[best]++;
	}
}

/* one unit after the other to the lowest signpost; from the floors up */
static void
brute_webster(const partition *p, int64_t *amount)
{
	int64_t		left = p->total;
	int32_t		i;

	for (i = 0; i < p->n; i++)
	{
		amount[i] = p->floor[i];
		left -= amount[i];
	}
	for (; left > 0; left--)
	{
		int32_t		best = -1;

		for (i = 0; i < p->n; i++)
		{
			int64_t		a;
			int64_t		b;

			if (p->weight[i] == 0 || amount[i] >= p->cap[i])
				continue;
			if (best < 0)
			{
				best = i;
				continue;
			}
			a = (2 * amount[i] + 1) * p->weight[best];
			b = (2 * amount[best] + 1) * p->weight[i];
			if (a < b || (a == b && p->weight[i] > p->weight[best]))
				best = i;
		}
		amount[best]++;
	}
}

static void
brute_force(void)
{
	source		s = {NULL, 0, 99};
	int			wrong_hamilton = 0;
	int			wrong_webster = 0;
	int			runs = 0;

	while (runs < 3000)
	{
		int32_t		n = 1 + (int32_t) draw(&s, 5);
		partition  *p = partition_new(n);
		int64_t		low = 0;
		int64_t		high = 0;
		int64_t		weights = 0;
		int64_t		amount[8];
		int32_t		i;

		for (i = 0; i < n; i++)
		{
			p->flags[i] = QD_HAS_WEIGHT | QD_HAS_FLOOR | QD_HAS_CAP;
			p->weight[i] = (int64_t) draw(&s, 12);
			p->floor[i] = (int64_t) draw(&s, 8) - (draw(&s, 4) == 0 ? 4 : 0);
			p->cap[i] = p->floor[i] + (int64_t) draw(&s, draw(&s, 2) ? 200 : 6);
			weights += p->weight[i];
			low += p->floor[i];
			high += p->weight[i] ? p->cap[i] : p->floor[i];
		}
		if (weights > 0 && high >= 0)
		{
			outcome    *o;

			p->total = low + (int64_t) draw(&s, (uint64_t) (high - low + 1));
			if (p->total < 0)
				p->total = 0;
			runs++;

			p->rounding = QD_HAMILTON;
			o = run_partition(p, NULL, false);
			brute_hamilton(p, amount);
			if (o->status != QD_OK || memcmp(o->rows.amount, amount, sizeof(int64_t) * (size_t) n) != 0)
				wrong_hamilton++;
			outcome_free(o);

			p->rounding = QD_WEBSTER;
			o = run_partition(p, NULL, false);
			brute_webster(p, amount);
			if (o->status != QD_OK || memcmp(o->rows.amount, amount, sizeof(int64_t) * (size_t) n) != 0)
				wrong_webster++;
			outcome_free(o);
		}
		partition_free(p);
	}
	ok(wrong_hamilton == 0, "hamilton as by brute force on %d small partitions (%d differ)", runs, wrong_hamilton);
	ok(wrong_webster == 0, "webster as by brute force on %d small partitions (%d differ)", runs, wrong_webster);
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	qd_rounding r;

	for (r = QD_HAMILTON; r <= QD_CUMULATIVE; r++)
	{
		int			fail;
		int			met = 0;
		bool		fine = true;

		for (fail = 1; fail < 100; fail++)
		{
			partition  *p = make(5, 1001, r, LIST(5, 3, 2, 7, NONE), LIST(400, NONE, NONE, NONE, NONE),
								 LIST(NONE, 50, NONE, NONE, NONE), NO);
			test_env	env;
			outcome    *o;
			bool		done;

			test_env_init(&env);
			env.fail_at = fail;
			o = run_partition(p, &env, true);
			done = env.allocs < fail;
			if (env.live != 0 || o->status != (done ? QD_OK : QD_NOMEM))
				fine = false;
			if (!done)
				met++;
			outcome_free(o);
			partition_free(p);
			if (done)
				break;
		}
		ok(fine && met > 0 && fail < 100, "rounding %d: each of %d allocations may fail", (int) r, met);
	}
}

/* a large partition polls often, whatever the input */
static void
polls(void)
{
	static const char *const kind[] = {"all alike", "random", "bounded", "money"};
	int			k;
	qd_rounding r;
	int32_t		n = 2000000;

	for (k = 0; k < 4; k++)
		for (r = QD_HAMILTON; r <= QD_CUMULATIVE; r++)
		{
			partition  *p = partition_new(n);
			source		s = {NULL, 0, (uint64_t) k};
			test_env	env;
			outcome    *o;
			int32_t		i;

			p->total = INT64_C(12345678901234567);
			p->rounding = r;
			for (i = 0; i < n; i++)
			{
				p->flags[i] = QD_HAS_WEIGHT;
				p->weight[i] = k == 0 ? 1 : 1 + (int64_t) draw(&s, k == 3 ? 100000 : 2000000000);
				if (k == 2)
				{
					p->flags[i] |= QD_HAS_FLOOR | QD_HAS_CAP;
					p->floor[i] = (int64_t) draw(&s, INT64_C(5000000000));
					p->cap[i] = INT64_C(6000000000) + (int64_t) draw(&s, INT64_C(9000000000));
				}
			}
			test_env_init(&env);
			env.watch = true;
			o = run_partition(p, &env, true);
			ok(o->status == QD_OK && env.polls >= 3 * (n / 65536), "%s, rounding %d: %lld polls", kind[k],
			   (int) r, (long long) env.polls);
#ifndef QD_SLOW
			ok(env.longest < 0.05, "%s, rounding %d: at most %.1f ms without a poll", kind[k], (int) r,
			   env.longest * 1000);
#endif
			outcome_free(o);
			partition_free(p);
		}
}

int
main(void)
{
	known_cases();
	rules();
	rules_in_any_order();
	refusals();
	big_numbers();
	brute_force();
	out_of_memory();
	polls();
	return tap_done();
}
