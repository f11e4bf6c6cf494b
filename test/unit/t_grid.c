/*
 * t_grid.c
 *		Grids: known cases, refusals and the lines they name, rules, memory that
 *		runs out, polls, time.
 */
#include <stdlib.h>
#include <string.h>

#include "support_grid.h"
#include "tap.h"

/* weights row by row; -1: no such cell */
static board *
make(int32_t rows, int32_t columns, const int64_t *weight, const int64_t *row_total,
	 const int64_t *column_total, qd_rounding rounding)
{
	board	   *b = board_new(rows, columns);
	int32_t		i;

	b->rounding = rounding;
	for (i = 0; i < b->n; i++)
		if (weight[i] >= 0)
		{
			b->flags[i] = QD_HAS_WEIGHT;
			b->weight[i] = weight[i];
		}
	memcpy(b->row_total, row_total, sizeof(int64_t) * (size_t) rows);
	memcpy(b->column_total, column_total, sizeof(int64_t) * (size_t) columns);
	return b;
}

#define LIST(...) ((const int64_t[]) {__VA_ARGS__})

static bool
gives(const board *b, const int64_t *amount)
{
	board_outcome *o = run_board(b, NULL, true);
	bool		fine = o->status == QD_OK;
	int32_t		i;

	for (i = 0; i < b->n && fine; i++)
		fine = o->grid.rule[i] == QD_RULE_NONE || o->grid.amount[i] == amount[i];
	if (!fine)
		for (i = 0; i < b->n; i++)
			printf("# (%d, %d): %lld\n", (int) b->row[i], (int) b->column[i], (long long) o->grid.amount[i]);
	board_outcome_free(o);
	return fine;
}

static void
known_cases(void)
{
	board	   *b;

	b = make(3, 3, LIST(123, 45, 815, 912, 714, 414, 312, 255, 215), LIST(5, 11, 4), LIST(7, 5, 8),
			 QD_WEBSTER);
	ok(gives(b, LIST(1, 0, 4, 4, 4, 3, 2, 1, 1)), "biproportional apportionment, en.wikipedia");
	board_free(b);
	b = make(3, 3, LIST(5100, 9800, 4500, 6000, 10000, 12000, 6300, 10200, 14400), LIST(4, 5, 6),
			 LIST(4, 5, 6), QD_WEBSTER);
	ok(gives(b, LIST(1, 2, 1, 1, 2, 2, 2, 1, 3)), "biproportional apportionment, de.wikipedia");
	board_free(b);
	b = make(1, 4, LIST(3, 2, 2, 1), LIST(102), LIST(38, 26, 25, 13), QD_HAMILTON);
	ok(gives(b, LIST(38, 26, 25, 13)), "one row has no choice");
	board_free(b);
	b = make(2, 2, LIST(1, 1, 1, 1), LIST(1, 1), LIST(1, 1), QD_HAMILTON);
	ok(gives(b, LIST(1, 0, 0, 1)), "halves: the line that comes first is served first");
	b->rank[2] = 3;
	b->rank[3] = 2;
	ok(gives(b, LIST(0, 1, 1, 0)), "and with another order of the columns, the other");
	board_free(b);
	b = make(2, 2, LIST(0, 0, 0, 0), LIST(6, 3), LIST(6, 3), QD_HAMILTON);
	ok(gives(b, LIST(4, 2, 2, 1)), "all weights 0: as if all were 1");
	board_free(b);
	b = make(2, 2, LIST(3, 1, 1, 2), LIST(-60, -60), LIST(-70, -50), QD_HAMILTON);
	ok(gives(b, LIST(-47, -13, -23, -37)), "negative totals mirror");
	board_free(b);
	b = make(1, 1, LIST(7), LIST((INT64_C(1) << 60) - 1), LIST((INT64_C(1) << 60) - 1), QD_HAMILTON);
	ok(gives(b, LIST((INT64_C(1) << 60) - 1)), "2^60 - 1 units");
	board_free(b);
}

static void
rules(void)
{
	board	   *b = make(2, 2, LIST(1, 1, 0, 1), LIST(1, 1), LIST(1, 1), QD_HAMILTON);
	board_outcome *o = run_board(b, NULL, true);

	ok(o->status == QD_OK && o->grid.amount[0] == 1 && o->grid.amount[1] == 0 && o->grid.amount[3] == 1,
	   "[[1,1],[0,1]], all margins 1: the diagonal");
	ok(o->grid.rule[1] == QD_RULE_UNFITTED && o->grid.rule[2] == QD_RULE_ZERO &&
	   o->grid.rule[0] == QD_RULE_SHARE, "what the fit cannot give up is unfitted");
	board_outcome_free(o);
	board_free(b);

	b = make(2, 3, LIST(1, 1, 1, 1, 1, 1), LIST(9, 9), LIST(6, 6, 6), QD_HAMILTON);
	b->flags[0] |= QD_LOCKED;
	b->lock[0] = 1;
	b->flags[4] |= QD_HAS_CAP;
	b->cap[4] = 1;
	b->flags[5] |= QD_HAS_FLOOR;
	b->floor[5] = 2;
	o = run_board(b, NULL, true);
	ok(o->status == QD_OK && o->grid.amount[0] == 1 && o->grid.rule[0] == QD_RULE_LOCKED, "a lock holds");
	ok(o->grid.amount[4] == 1 && o->grid.rule[4] == QD_RULE_CAP, "a cap holds");
	/* row 1: 5 + 1 + 3 */
	ok(o->grid.amount[3] == 5 && o->grid.amount[5] == 3, "the others have what is left");
	board_outcome_free(o);
	board_free(b);
}

static void
refusals(void)
{
	board	   *b = make(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 11), QD_HAMILTON);
	board_outcome *o = run_board(b, NULL, false);

	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_SUMS && o->problem.asked == 20 &&
	   o->problem.low == 21, "sums that disagree");
	board_outcome_free(o);
	board_free(b);

	b = make(2, 2, LIST(1, 0, 1, 1), LIST(70, 30), LIST(50, 50), QD_HAMILTON);
	o = run_board(b, NULL, false);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINES && o->problem.asked == 70 &&
	   o->problem.high == 50 && o->problem.low == 50, "a row that has one column only");
	ok(o->grid.conflict[0] && !o->grid.conflict[1] && o->grid.conflict[2] && !o->grid.conflict[3],
	   "names row 0 and column 0");
	board_outcome_free(o);
	board_free(b);

	b = make(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 10), QD_HAMILTON);
	b->flags[0] |= QD_LOCKED;
	b->lock[0] = 12;
	o = run_board(b, NULL, false);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINE && o->problem.row == 0 &&
	   o->problem.low == 12, "a lock above its row's total");
	board_outcome_free(o);
	b->flags[0] |= QD_HAS_CAP;
	b->cap[0] = 11;
	o = run_board(b, NULL, false);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LOCK && o->problem.row == 0,
	   "a lock above its own cap");
	board_outcome_free(o);
	board_free(b);

	b = make(1, 1, LIST(1), LIST(INT64_MAX / 2), LIST(INT64_MAX / 2), QD_HAMILTON);
	o = run_board(b, NULL, false);
	ok(o->status == QD_OVERFLOW, "2^62 units are too many");
	board_outcome_free(o);
	b->rounding = QD_CUMULATIVE;
	o = run_board(b, NULL, false);
	ok(o->status == QD_INTERNAL, "cumulative rounding is the caller's to refuse");
	board_outcome_free(o);
	board_free(b);
}

static void
twins(void)
{
	board	   *b = board_new(3, 3);
	test_env	env;
	qd_grid		grid = {0};
	int32_t		first;
	int32_t		second;

	test_env_init(&env);
	grid.n = b->n;
	grid.rows = 3;
	grid.columns = 3;
	grid.row = b->row;
	grid.column = b->column;
	ok(qd_grid_find_twins(&env.env, &grid, &first, &second) == QD_OK && first == -1, "no twins");
	b->row[7] = 0;
	b->column[7] = 2;
	b->row[5] = 0;
	b->column[5] = 0;
	ok(qd_grid_find_twins(&env.env, &grid, &first, &second) == QD_OK && first == 0 && second == 5 && env.live == 0,
	   "the earliest twins");
	board_free(b);
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	int			kind;

	for (kind = 0; kind < 6; kind++)
	{
		int			fail;
		int			met = 0;
		bool		fine = true;

		for (fail = 1; fail < 200; fail++)
		{
			board	   *b = make(3, 3, LIST(5, 1000000, 1, 1, 1, 1, kind % 3 == 1 ? 0 : 1, 3, 1), LIST(7, 8, 9),
								 LIST(8, 8, 8), kind < 3 ? QD_HAMILTON : QD_WEBSTER);
			test_env	env;
			board_outcome *o;
			bool		done;

			if (kind % 3 == 2)
			{
				b->flags[0] |= QD_HAS_FLOOR | QD_HAS_CAP;
				b->floor[0] = -1;
				b->cap[0] = 3;
			}
			test_env_init(&env);
			env.fail_at = fail;
			o = run_board(b, &env, true);
			done = env.allocs < fail;
			if (env.live != 0 || o->status != (done ? QD_OK : QD_NOMEM))
				fine = false;
			if (!done)
				met++;
			board_outcome_free(o);
			board_free(b);
			if (done)
				break;
		}
		ok(fine && met > 20 && fail < 200, "kind %d: each of %d allocations may fail", kind, met);
	}
}

/* large grids poll often and end soon */
static void
large(void)
{
	static const char *const kind[] = {"dense", "dense, webster", "half empty", "capped", "equal, few units"};
	int			k;

	for (k = 0; k < 5; k++)
	{
		int32_t		lines = 600;
		board	   *b = board_new(lines, lines);
		source		s = {NULL, 0, (uint64_t) k};
		test_env	env;
		board_outcome *o;
		double		began;
		int32_t		i;

		b->rounding = k == 1 ? QD_WEBSTER : QD_HAMILTON;
		for (i = 0; i < b->n; i++)
		{
			int64_t		amount = k == 4 ? 0 : (int64_t) draw(&s, 20000);

			if (k == 2 && draw(&s, 2))
				continue;
			b->flags[i] = QD_HAS_WEIGHT;
			b->weight[i] = k == 4 ? 1 : 1 + (int64_t) draw(&s, 10000);
			b->row_total[b->row[i]] += amount;
			b->column_total[b->column[i]] += amount;
			if (k == 3 && draw(&s, 10) == 0)
			{
				b->flags[i] |= QD_HAS_CAP;
				b->cap[i] = amount + (int64_t) draw(&s, 10);
			}
		}
		for (i = 0; k == 4 && i < lines; i++)
			b->row_total[i] = b->column_total[i] = 5;
		test_env_init(&env);
		env.watch = true;
		began = env.last_poll = test_clock();
		o = run_board(b, &env, true);
		ok(o->status == QD_OK && env.polls >= b->n / 65536, "%s: %lld polls", kind[k], (long long) env.polls);
#ifndef QD_SLOW
		ok(env.longest < 0.05, "%s: at most %.1f ms without a poll", kind[k], env.longest * 1000);
		ok(test_clock() - began < 2.0, "%s: %.0f ms", kind[k], (test_clock() - began) * 1000);
#else
		(void) began;
#endif
		board_outcome_free(o);
		board_free(b);
	}
}

/*
 * Floors far above what is left to share: small differences of large numbers.
 * Whether the fit settles or not, the answer comes soon, and holds.
 */
static void
large_floors(void)
{
	int64_t		much = INT64_C(1) << 50;
	board	   *b = make(2, 2, LIST(1, 3, 5, 2), LIST(2 * much + 50, 2 * much + 50),
						 LIST(2 * much + 40, 2 * much + 60), QD_HAMILTON);
	board_outcome *o;
	double		began;
	bool		holds = true;
	int32_t		i;

	for (i = 0; i < 4; i++)
	{
		b->flags[i] |= QD_HAS_FLOOR;
		b->floor[i] = much;
	}
	began = test_clock();
	o = run_board(b, NULL, true);
	for (i = 0; i < 4; i++)
		holds = holds && o->grid.amount[i] >= much;
	ok(o->status == QD_OK && holds, "floors of 2^50, 100 units to share");
#ifndef QD_SLOW
	ok(test_clock() - began < 4.0, "large floors: %.0f ms", (test_clock() - began) * 1000);
#else
	(void) began;
#endif
	board_outcome_free(o);
	board_free(b);
}

/* bounds a unit around a plan that the weights know nothing of: many kinks */
static void
tight_bounds(void)
{
	board	   *b = board_new(100, 30);
	source		s = {NULL, 0, 7};
	test_env	env;
	board_outcome *o;
	int32_t		i;

	for (i = 0; i < b->n; i++)
	{
		int64_t		amount = 5000 + (int64_t) draw(&s, 10000);

		b->flags[i] = QD_HAS_WEIGHT | QD_HAS_FLOOR | QD_HAS_CAP;
		b->weight[i] = 1 + (int64_t) draw(&s, 10000);
		b->floor[i] = amount - (int64_t) draw(&s, 2);
		b->cap[i] = amount + (int64_t) draw(&s, 2);
		b->row_total[b->row[i]] += amount;
		b->column_total[b->column[i]] += amount;
	}
	test_env_init(&env);
	o = run_board(b, &env, true);
	ok(o->status == QD_OK, "bounds of a unit around a plan");
	/* a poll is some 65,000 looks at a cell */
	ok(env.polls < 600, "tight bounds: %lld polls", (long long) env.polls);
	board_outcome_free(o);
	board_free(b);
}

/* many rows below 0, which only negative floors allow: linear all the same */
static void
many_below_zero(void)
{
	int32_t		rows = 60000;
	board	   *b = board_new(rows, 1);
	board_outcome *o;
	double		began;
	int32_t		i;

	for (i = 0; i < rows; i++)
	{
		b->flags[i] = QD_HAS_WEIGHT | QD_HAS_FLOOR;
		b->weight[i] = 1;
		b->floor[i] = -10;
		b->row_total[i] = i == 0 ? 3 * (int64_t) rows : -2;
		b->column_total[0] += b->row_total[i];
	}
	began = test_clock();
	o = run_board(b, NULL, true);
	ok(o->status == QD_OK && o->grid.amount[0] == 3 * (int64_t) rows && o->grid.amount[rows - 1] == -2,
	   "rows below 0 by their floors");
#ifndef QD_SLOW
	ok(test_clock() - began < 1.0, "many rows below 0: %.0f ms", (test_clock() - began) * 1000);
#else
	(void) began;
#endif
	board_outcome_free(o);
	b->row_total[rows - 1] = -11;
	b->row_total[1] = 7;
	o = run_board(b, NULL, true);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINE && o->problem.row == rows - 1 &&
	   o->problem.low == -10, "the one below its floor is named");
	board_outcome_free(o);
	board_free(b);
}

/* many short lines by few long ones, the other way round too */
static void
narrow(void)
{
	int			k;

	for (k = 0; k < 4; k++)
	{
		bool		wide = k % 2 == 1;
		board	   *b = wide ? board_new(12, 20000) : board_new(20000, 12);
		source		s = {NULL, 0, (uint64_t) k};
		test_env	env;
		board_outcome *o;
		double		began = test_clock();
		int32_t		i;

		b->rounding = k < 2 ? QD_HAMILTON : QD_WEBSTER;
		for (i = 0; i < b->n; i++)
		{
			int64_t		amount = (int64_t) draw(&s, 100000);

			b->flags[i] = QD_HAS_WEIGHT;
			b->weight[i] = 1 + (int64_t) draw(&s, 10000);
			b->row_total[b->row[i]] += amount;
			b->column_total[b->column[i]] += amount;
		}
		test_env_init(&env);
		o = run_board(b, &env, true);
		ok(o->status == QD_OK, "%s, rounding %d", wide ? "12 x 20000" : "20000 x 12", (int) b->rounding);
#ifndef QD_SLOW
		/* seconds, when every unit was to find a path of its own */
		ok(test_clock() - began < 1.0, "%.0f ms", (test_clock() - began) * 1000);
#else
		(void) began;
#endif
		board_outcome_free(o);
		board_free(b);
	}
}

int
main(void)
{
	known_cases();
	large_floors();
	tight_bounds();
	many_below_zero();
	rules();
	refusals();
	twins();
	out_of_memory();
	large();
	narrow();
	return tap_done();
}
