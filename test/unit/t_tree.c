/*
 * t_tree.c
 *		Trees: known cases, refusals and the nodes they name, bounds, depth,
 *		memory that runs out, polls.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tap.h"

#define NONE INT64_MIN

typedef struct row
{
	int32_t		parent;
	int64_t		weight;
	int64_t		floor;
	int64_t		cap;
	int64_t		lock;
	int64_t		uplift;			/* in millionths; 0: none */
} row;

#define W(parent, weight) {parent, weight, NONE, NONE, NONE, 0}
#define I(parent) {parent, NONE, NONE, NONE, NONE, 0}

static forest *
make(const row *rows, int32_t n, int64_t total, qd_rounding rounding)
{
	forest	   *f = forest_new(n);
	int32_t		i;

	f->rounding = rounding;
	f->uplift = calloc((size_t) n + 1, sizeof(int64_t));
	for (i = 0; i < n; i++)
	{
		f->parent[i] = rows[i].parent;
		if (rows[i].parent < 0)
			f->total[i] = total;
		if (rows[i].weight != NONE)
		{
			f->flags[i] |= QD_HAS_WEIGHT;
			f->weight[i] = rows[i].weight;
		}
		if (rows[i].floor != NONE)
		{
			f->flags[i] |= QD_HAS_FLOOR;
			f->floor[i] = rows[i].floor;
		}
		if (rows[i].cap != NONE)
		{
			f->flags[i] |= QD_HAS_CAP;
			f->cap[i] = rows[i].cap;
		}
		if (rows[i].lock != NONE)
		{
			f->flags[i] |= QD_LOCKED;
			f->lock[i] = rows[i].lock;
		}
		f->uplift[i] = rows[i].uplift;
	}
	return f;
}

#define COUNT(rows) ((int32_t) (sizeof(rows) / sizeof((rows)[0])))
#define LIST(...) ((const int64_t[]) {__VA_ARGS__})

static void
expect(forest *f, const int64_t *amount, const char *what)
{
	forest_outcome *o = run_forest(f, NULL, true);
	source		s = {NULL, 0, 1};
	verdict		v;
	bool		same = o->status == QD_OK;
	int32_t		i;

	for (i = 0; i < f->n && same; i++)
		if (o->tree.rule[i] == QD_RULE_NONE ? amount[i] != NONE : o->tree.amount[i] != amount[i])
			same = false;
	ok(same, "%s", what);
	if (!same)
	{
		printf("# status %d:", (int) o->status);
		for (i = 0; i < f->n && o->status == QD_OK; i++)
			printf(" %lld", (long long) o->tree.amount[i]);
		printf("\n");
	}
	if (!ok(check_forest(f, &s, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	forest_outcome_free(o);
	forest_free(f);
}

/* row: what the problem must name, or -2 */
static void
expect_status(forest *f, qd_status status, int32_t row, const char *what)
{
	forest_outcome *o = run_forest(f, NULL, true);

	ok(o->status == status && (row == -2 || o->problem.row == row),
	   "%s: status %d, row %d (is %d, row %d)", what, (int) status, row, (int) o->status, o->problem.row);
	forest_outcome_free(o);
	forest_free(f);
}

static void
known_cases(void)
{
	{
		/* a company, three regions of two; weights at the leaves */
		row			rows[] = {I(-1), I(0), I(0), I(0), W(1, 1), W(1, 1), W(2, 1), W(2, 1), W(3, 1), W(3, 1)};

		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 34, 33, 33, 17, 17, 17, 16, 17, 16),
			   "two levels");
		expect(make(rows, COUNT(rows), -100, QD_HAMILTON), LIST(-100, -34, -33, -33, -17, -17, -17, -16, -17, -16),
			   "two levels, negative");
		expect(make(rows, COUNT(rows), 100, QD_WEBSTER), LIST(100, 34, 33, 33, 17, 17, 17, 16, 17, 16),
			   "two levels, webster");
		expect(make(rows, COUNT(rows), 100, QD_CUMULATIVE), LIST(100, 33, 34, 33, 17, 16, 17, 17, 16, 17),
			   "two levels, cumulative over the leaves");
		expect(make(rows, COUNT(rows), 0, QD_HAMILTON), LIST(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "total 0");
	}
	{
		row			rows[] = {W(-1, 5)};

		expect(make(rows, 1, 42, QD_HAMILTON), LIST(42), "a root alone");
	}
	{
		/* children before parents */
		row			rows[] = {W(2, 1), W(2, 2), I(3), I(-1), W(3, 3)};

		expect(make(rows, COUNT(rows), 60, QD_HAMILTON), LIST(10, 20, 30, 60, 30), "any order of rows");
	}
	{
		/* an interior weight of its own overrules the sum below */
		row			rows[] = {I(-1), W(0, 3), W(0, 1), W(1, 1), W(1, 1), W(2, 10)};

		expect(make(rows, COUNT(rows), 80, QD_HAMILTON), LIST(80, 60, 20, 30, 30, 20), "interior weights");
	}
	{
		row			rows[] = {I(-1), W(0, 0), W(0, 0), W(1, 0), W(1, 0), W(2, 0)};

		expect(make(rows, COUNT(rows), 10, QD_HAMILTON), LIST(10, 5, 5, 3, 2, 5), "all weights 0");
	}
	{
		row			rows[] = {I(-1), I(0), W(0, 2), I(1)};

		expect(make(rows, COUNT(rows), 10, QD_HAMILTON), LIST(10, NONE, 10, NONE), "a branch that takes no part");
	}
	{
		/* a floor deep below is lifted before anything is split */
		row			rows[] = {I(-1), I(0), I(0), W(1, 1), W(1, 1), W(2, 1), W(2, 1)};

		rows[3].floor = 70;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 70, 30, 70, 0, 15, 15), "a floor is lifted");
		rows[3].floor = NONE;
		rows[3].cap = rows[4].cap = 10;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 20, 80, 10, 10, 40, 40), "caps are lifted");
		rows[3].cap = rows[4].cap = NONE;
		rows[3].lock = 45;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 50, 50, 45, 5, 25, 25), "a lock below");
		rows[3].lock = 65;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 65, 35, 65, 0, 18, 17), "a lock is lifted");
		rows[3].lock = NONE;
		rows[1].lock = 11;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 11, 89, 6, 5, 45, 44), "a lock above");
		rows[1].lock = NONE;
		rows[1].floor = 60;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 60, 40, 30, 30, 20, 20), "a floor above");
		rows[1].floor = NONE;
		rows[1].uplift = 100000;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 50, 50, 28, 27, 25, 25), "uplift 10 %");
		rows[3].cap = 20;
		rows[4].cap = 32;
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 50, 50, 20, 32, 25, 25),
			   "uplift stops at what the children can hold");
		rows[3].cap = rows[4].cap = NONE;
		rows[1].uplift = 30000;
		/* 1.03 * 50 = 51.5 goes up, below 0 down */
		expect(make(rows, COUNT(rows), 100, QD_HAMILTON), LIST(100, 50, 50, 26, 26, 25, 25), "uplift rounds halves away");
		expect(make(rows, COUNT(rows), -100, QD_HAMILTON), LIST(-100, -50, -50, -26, -26, -25, -25),
			   "uplift rounds halves away below 0");
	}
	{
		/* two trees at once */
		row			rows[] = {I(-1), I(-1), W(0, 1), W(1, 1), W(1, 2)};

		expect(make(rows, COUNT(rows), 9, QD_HAMILTON), LIST(9, 9, 9, 3, 6), "a forest");
	}
	expect(make(NULL, 0, 9, QD_HAMILTON), LIST(0), "no rows");
}

static void
refusals(void)
{
	row			rows[] = {I(-1), I(0), I(0), W(1, 1), W(1, 1), W(2, 1), W(2, 1)};
	const int32_t n = COUNT(rows);

	rows[2].parent = 5;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_CYCLE, 2, "a cycle names its first row");
	rows[2].parent = 2;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_CYCLE, 2, "a row that is its own parent");
	rows[0].parent = 6;
	rows[2].parent = 0;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_CYCLE, 0, "no root at all");
	rows[0].parent = -1;

	rows[1].weight = 0;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INTERIOR_ZERO, 1, "an interior weight of 0 over positive leaves");
	rows[1].weight = NONE;

	rows[3].floor = 101;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INFEASIBLE, 0, "a floor above the total names the root");
	rows[1].cap = 50;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INFEASIBLE, 1, "a cap below the children's floors names the node");
	rows[1].cap = NONE;
	rows[3].floor = NONE;
	rows[3].cap = rows[4].cap = 5;
	rows[1].lock = 11;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INFEASIBLE, 1, "a lock above the children's caps names the node");
	rows[1].lock = NONE;
	rows[5].cap = rows[6].cap = 44;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INFEASIBLE, 0, "caps below the total name the root");
	rows[3].cap = rows[4].cap = rows[5].cap = rows[6].cap = NONE;
	rows[3].lock = 4;
	rows[3].floor = 5;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_INFEASIBLE, 3, "a lock below its own floor names the row");
	rows[3].lock = rows[3].floor = NONE;

	rows[0].uplift = 1;
	expect_status(make(rows, n, 100, QD_CUMULATIVE), QD_CUMULATIVE_UPLIFT, 0, "cumulative and uplift");
	rows[0].uplift = INT64_MAX / 4;
	expect_status(make(rows, n, INT64_MAX / 2, QD_HAMILTON), QD_OVERFLOW, 0, "an uplift beyond 64 bits");
	rows[0].uplift = 0;
	rows[3].weight = rows[4].weight = QD_MAX_WEIGHT_SUM / 2;
	expect_status(make(rows, n, 100, QD_HAMILTON), QD_WEIGHT_OVERFLOW, -2, "weights of 2^62");
	{
		row			none[] = {I(-1), I(0)};

		expect_status(make(none, 2, 1, QD_HAMILTON), QD_INFEASIBLE, 0, "nobody to take the total");
	}
	{
		/* the numbers of the problem */
		row			few[] = {I(-1), {0, 1, 10, 20, NONE, 0}, {0, 1, 5, 30, NONE, 0}};
		forest	   *f = make(few, 3, 60, QD_HAMILTON);
		forest_outcome *o = run_forest(f, NULL, false);

		ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_TOTAL && o->problem.asked == 60 &&
		   o->problem.low == 15 && o->problem.high == 50 && !o->problem.unbounded_low &&
		   !o->problem.unbounded_high, "the reachable range is told");
		forest_outcome_free(o);
		f->flags[0] |= QD_NO_TOTAL;
		o = run_forest(f, NULL, false);
		ok(o->status == QD_OK && o->tree.rule[0] == QD_RULE_NONE && o->tree.rule[1] == QD_RULE_NONE,
		   "no total: the whole tree is NULL");
		forest_outcome_free(o);
		forest_free(f);
	}
}

static void
bounds(void)
{
	row			rows[] = {I(-1), {0, NONE, 5, NONE, NONE, 0}, I(0), {1, 1, 10, 20, NONE, 0},
		{1, 1, NONE, 7, NONE, 0}, {2, 0, 3, 100, NONE, 0}, {2, 1, NONE, NONE, 8, 0}, {2, 1, NONE, NONE, NONE, 0}};
	const int32_t n = COUNT(rows);
	forest	   *f = make(rows, n, 0, QD_HAMILTON);
	forest_outcome *o = run_forest(f, NULL, false);
	test_env	env;
	int64_t		low[8];
	int64_t		high[8];
	uint8_t		feasible[8];
	qd_problem	problem;
	qd_tree		t = o->tree;

	test_env_init(&env);
	memcpy(t.flags, f->flags, (size_t) n);
	memcpy(t.weight, f->weight, (size_t) n * sizeof(int64_t));
	memcpy(t.amount, f->lock, (size_t) n * sizeof(int64_t));
	t.floor = f->floor;
	t.cap = f->cap;
	ok(qd_bounds_tree(&env.env, &t, low, high, feasible, &problem) == QD_OK, "bounds are had");
	ok(low[3] == 10 && high[3] == 20, "a leaf's own");
	ok(low[1] == 10 && high[1] == 27, "lifted over the own floor");
	ok(low[5] == 3 && high[5] == 100 && low[6] == 8 && high[6] == 8, "weight 0 and a lock by themselves");
	ok(low[2] == 11 && high[2] == QD_NO_CAP, "open where one child is");
	ok(low[0] == 21 && high[0] == QD_NO_CAP && feasible[0], "up to the root");
	f->flags[1] |= QD_HAS_CAP;
	f->cap[1] = 9;
	ok(qd_bounds_tree(&env.env, &t, low, high, feasible, &problem) == QD_OK, "a clash is no error");
	t.flags[1] |= QD_HAS_CAP;
	ok(qd_bounds_tree(&env.env, &t, low, high, feasible, &problem) == QD_OK &&
	   !feasible[1] && !feasible[0] && feasible[2], "but told where it is and above");
	forest_outcome_free(o);
	forest_free(f);
}

/* deep beyond any C stack, wide, and to the last bit */
static void
depth(void)
{
	const int32_t n = 1000000;
	forest	   *f = forest_new(n);
	forest_outcome *o;
	source		s = {NULL, 0, 5};
	verdict		v;
	int32_t		i;

	/* a chain, each with a leaf beside */
	for (i = 0; i < n; i++)
	{
		f->parent[i] = i == 0 ? -1 : (i % 2 ? i - 1 : (i - 2 >= 0 ? i - 2 : 0));
		if (i % 2 || i == n - 2)
		{
			f->flags[i] = QD_HAS_WEIGHT;
			f->weight[i] = 1 + (int64_t) draw(&s, 1000);
		}
	}
	f->total[0] = INT64_C(100000000000000000);
	f->rounding = QD_HAMILTON;
	o = run_forest(f, NULL, true);
	ok(o->status == QD_OK, "half a million levels");
	forest_outcome_free(o);
	if (!ok(check_forest(f, &s, &v), "half a million levels: promises"))
		printf("# %s\n", v.message);
	f->rounding = QD_CUMULATIVE;
	if (!ok(check_forest(f, &s, &v), "half a million levels, cumulative: promises"))
		printf("# %s\n", v.message);
	f->parent[0] = n - 1;
	o = run_forest(f, NULL, true);
	ok(o->status == QD_CYCLE && o->problem.row == 0, "a cycle of half a million");
	forest_outcome_free(o);
	forest_free(f);
}

static void
out_of_memory(void)
{
	row			rows[] = {I(-1), I(0), I(0), {1, 1, 20, NONE, NONE, 0}, W(1, 1), W(2, 3), {2, 1, NONE, 9, NONE, 0}};
	qd_rounding r;

	for (r = QD_HAMILTON; r <= QD_CUMULATIVE; r++)
	{
		int			fail;
		int			met = 0;
		bool		fine = true;

		for (fail = 1; fail < 100; fail++)
		{
			forest	   *f = make(rows, COUNT(rows), 1001, r);
			test_env	env;
			forest_outcome *o;
			bool		done;

			test_env_init(&env);
			env.fail_at = fail;
			o = run_forest(f, &env, true);
			done = env.allocs < fail;
			if (env.live != 0 || o->status != (done ? QD_OK : QD_NOMEM))
				fine = false;
			if (!done)
				met++;
			forest_outcome_free(o);
			forest_free(f);
			if (done)
				break;
		}
		ok(fine && met > 0 && fail < 100, "rounding %d: each of %d allocations may fail", (int) r, met);
	}
}

static void
polls(void)
{
	static const char *const kind[] = {"flat", "fan-out 10", "chain", "bounded"};
	const int32_t n = 1000000;
	int			k;

	for (k = 0; k < 4; k++)
	{
		forest	   *f = forest_new(n);
		source		s = {NULL, 0, (uint64_t) k};
		test_env	env;
		forest_outcome *o;
		int32_t		i;

		f->rounding = k == 0 ? QD_WEBSTER : QD_HAMILTON;
		for (i = 0; i < n; i++)
		{
			f->parent[i] = i == 0 ? -1 : k == 0 ? 0 : k == 2 ? i - 1 : (i - 1) / 10;
			f->weight[i] = 1 + (int64_t) draw(&s, 100000);
			if (k == 2 ? i == n - 1 : (int64_t) i * 10 + 1 >= n || (k == 0 && i > 0))
				f->flags[i] = QD_HAS_WEIGHT;
			if (k == 3 && f->flags[i])
			{
				f->flags[i] |= QD_HAS_FLOOR | QD_HAS_CAP;
				f->floor[i] = (int64_t) draw(&s, 10000000000);
				f->cap[i] = 20000000000 + (int64_t) draw(&s, 10000000000);
			}
		}
		f->total[0] = INT64_C(12345678901234567);
		test_env_init(&env);
		env.watch = true;
		o = run_forest(f, &env, true);
		ok(o->status == QD_OK && env.polls >= 3 * (n / 65536), "%s: %lld polls", kind[k], (long long) env.polls);
#ifndef QD_SLOW
		ok(env.longest < 0.05, "%s: at most %.1f ms without a poll", kind[k], env.longest * 1000);
#endif
		forest_outcome_free(o);
		forest_free(f);
	}
}

int
main(void)
{
	known_cases();
	refusals();
	bounds();
	depth();
	out_of_memory();
	polls();
	return tap_done();
}
