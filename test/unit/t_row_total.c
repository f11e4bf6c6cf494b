/*
 * t_row_total.c
 *		Row totals: known cases, refusals, memory that runs out, polls, time.
 */
#include <stdlib.h>
#include <string.h>

#include "support_row_total.h"
#include "tap.h"

#define LIST(...) ((const int64_t[]) {__VA_ARGS__})

/* weights row by row; -1: no such cell */
static sheet *
make(int32_t rows, int32_t columns, const int64_t *weight, const int64_t *row_total,
	 const int64_t *column_total)
{
	sheet	   *s = test_zeroed(1, sizeof(sheet));
	board	   *b = s->board = board_new(rows, columns);
	int32_t		i;

	for (i = 0; i < b->n; i++)
		if (weight[i] >= 0)
		{
			b->flags[i] = QD_HAS_WEIGHT;
			b->weight[i] = weight[i];
		}
	memcpy(b->row_total, row_total, sizeof(int64_t) * (size_t) rows);
	memcpy(b->column_total, column_total, sizeof(int64_t) * (size_t) columns);
	return s;
}

static void
lock(sheet *s, int32_t cell, int64_t amount)
{
	s->board->flags[cell] |= QD_LOCKED;
	s->board->lock[cell] = amount;
}

static void
cap(sheet *s, int32_t cell, int64_t amount)
{
	s->board->flags[cell] |= QD_HAS_CAP;
	s->board->cap[cell] = amount;
}

static void
row_bounds(sheet *s, const int64_t *low, const int64_t *high)
{
	size_t		rows = (size_t) s->board->rows;

	free(s->row_floor);
	free(s->row_cap);
	s->row_floor = low ? test_copied(low, rows, sizeof(int64_t)) : NULL;
	s->row_cap = high ? test_copied(high, rows, sizeof(int64_t)) : NULL;
}

/* and the promises hold */
static bool
gives(const sheet *s, const int64_t *amount)
{
	sheet_outcome *o = run_sheet(s, NULL);
	bool		fine = o->status == QD_OK;
	source		order = {NULL, 0, 1};
	verdict		v = {""};
	int32_t		i;

	for (i = 0; i < s->board->rows && fine; i++)
		fine = o->amount[i] == amount[i];
	for (i = 0; i < s->board->rows && !fine; i++)
		printf("# row %d: %lld, status %d\n", (int) i, (long long) o->amount[i], (int) o->status);
	sheet_outcome_free(o);
	if (!fine || !check_sheet(s, &order, &v))
	{
		printf("# %s\n", v.message);
		return false;
	}
	return true;
}

static void
known_cases(void)
{
	sheet	   *s;
	int32_t		i;

	s = make(3, 2, LIST(1, 1, 1, 1, 1, 1), LIST(50, 30, 20), LIST(60, 40));
	ok(gives(s, LIST(50, 30, 20)), "a dense grid holds what is asked for");
	s->board->row_total[0] = 51;
	{
		sheet_outcome *o = run_sheet(s, NULL);

		ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_SUMS && o->problem.asked == 101 &&
		   o->problem.low == 100, "sums that disagree");
		sheet_outcome_free(o);
	}
	sheet_free(s);

	s = make(3, 3, LIST(1, -1, -1, 1, 1, 1, 1, 1, 1), LIST(40, 30, 30), LIST(20, 40, 40));
	ok(gives(s, LIST(20, 40, 40)), "a specialist who asks for more than his product");
	s->board->row_total[1] = 40;
	s->board->row_total[2] = 20;
	ok(gives(s, LIST(20, 53, 27)), "what is freed goes by what is asked for");
	sheet_free(s);

	/* two specialists of one product, who share what it has */
	s = make(3, 2, LIST(1, -1, 1, -1, 1, 1), LIST(60, 30, 10), LIST(45, 55));
	ok(gives(s, LIST(30, 15, 55)), "two of one product share it by what they ask for");
	sheet_free(s);

	/* sets within sets */
	s = make(4, 3, LIST(1, -1, -1, 1, 1, -1, 1, 1, -1, 1, 1, 1), LIST(50, 20, 20, 10), LIST(10, 30, 60));
	ok(gives(s, LIST(10, 15, 15, 60)), "sets within sets");
	sheet_free(s);

	/* asks for too little: the product is his alone */
	s = make(2, 2, LIST(1, 1, -1, 1), LIST(10, 90), LIST(40, 60));
	ok(gives(s, LIST(40, 60)), "a row must take what nobody else can");
	sheet_free(s);

	s = make(3, 2, LIST(1, -1, 1, 1, 1, 1), LIST(100, 0, 0), LIST(40, 60));
	ok(gives(s, LIST(40, 30, 30)), "rows that ask for nothing share alike what they must take");
	sheet_free(s);
	s = make(3, 2, LIST(1, -1, 1, 1, 1, 1), LIST(70, 30, 0), LIST(40, 60));
	ok(gives(s, LIST(40, 60, 0)), "who asks for nothing gets nothing while others can");
	sheet_free(s);

	s = make(2, 2, LIST(1, 1, 1, 1), LIST(70, 30), LIST(50, 50));
	lock(s, 0, 10);
	lock(s, 1, 20);
	ok(gives(s, LIST(30, 70)), "locks leave a row no choice");
	sheet_free(s);
	s = make(2, 2, LIST(1, 1, 1, 1), LIST(70, 30), LIST(50, 50));
	cap(s, 0, 5);
	cap(s, 1, 7);
	ok(gives(s, LIST(12, 88)), "caps");
	sheet_free(s);
	s = make(2, 2, LIST(0, 1, 1, 1), LIST(70, 30), LIST(50, 50));
	ok(gives(s, LIST(50, 50)), "a weight of 0 stays at its floor");
	sheet_free(s);
	s = make(2, 2, LIST(0, 0, 0, 0), LIST(70, 30), LIST(50, 50));
	ok(gives(s, LIST(70, 30)), "all weights 0: as if all were 1");
	sheet_free(s);

	s = make(3, 3, LIST(1, -1, -1, 1, 1, 1, 1, 1, 1), LIST(-40, -30, -30), LIST(-20, -40, -40));
	ok(gives(s, LIST(-20, -40, -40)), "negative totals mirror");
	sheet_free(s);
	s = make(2, 1, LIST(1, 1), LIST(60, -10), LIST(50));
	ok(gives(s, LIST(50, 0)), "a row cannot be below 0 without a floor there");
	sheet_free(s);
	s = make(2, 1, LIST(1, 1), LIST(60, -10), LIST(50));
	s->board->flags[1] |= QD_HAS_FLOOR;
	s->board->floor[1] = -20;
	ok(gives(s, LIST(60, -10)), "with one it can");
	sheet_free(s);

	/* thirds: the first row is served first */
	s = make(4, 2, LIST(1, -1, 1, 1, 1, 1, 1, 1), LIST(7, 1, 1, 1), LIST(2, 8));
	ok(gives(s, LIST(2, 3, 3, 2)), "thirds of a unit: whoever comes first");
	s->board->rank[1] = 3;
	s->board->rank[3] = 1;
	ok(gives(s, LIST(2, 2, 3, 3)), "and with another order, another");
	sheet_free(s);

	/* three fifths each; the first three would be rounded up, but have 2 together */
	s = make(6, 3, LIST(1, -1, -1, 1, -1, -1, 1, -1, -1, 1, 1, -1, 1, 1, -1, -1, -1, 1), LIST(0, 0, 0, 0, 0, 4),
			 LIST(2, 1, 1));
	ok(gives(s, LIST(1, 1, 0, 1, 0, 1)), "whoever can be rounded up beside those before him");
	for (i = 0; i < 6; i++)
		s->board->rank[i] = 5 - i;
	ok(gives(s, LIST(0, 0, 1, 1, 1, 1)), "from the other end");
	sheet_free(s);
	s = make(4, 3, LIST(1, -1, -1, -1, 1, -1, -1, 1, -1, -1, -1, 1), LIST(4, 2, 1, 1), LIST(4, 3, 1));
	ok(gives(s, LIST(4, 2, 1, 1)), "whole units that fit");
	sheet_free(s);

	s = make(2, 1, LIST(1, 1), LIST((INT64_C(1) << 59) - 1, 0), LIST((INT64_C(1) << 59) - 1));
	row_bounds(s, LIST(QD_NO_FLOOR, 1), NULL);
	ok(gives(s, LIST((INT64_C(1) << 59) - 2, 1)), "2^59 units");
	sheet_free(s);
}

static void
bounds_of_rows(void)
{
	sheet	   *s = make(3, 2, LIST(1, 1, 1, 1, 1, 1), LIST(50, 30, 20), LIST(60, 40));
	sheet_outcome *o;

	row_bounds(s, LIST(QD_NO_FLOOR, 30, QD_NO_FLOOR), LIST(50, 30, QD_NO_CAP));
	ok(gives(s, LIST(50, 30, 20)), "bounds that hold anyway");
	row_bounds(s, LIST(QD_NO_FLOOR, 40, QD_NO_FLOOR), NULL);
	ok(gives(s, LIST(43, 40, 17)), "a floor takes from the others by what they ask for");
	row_bounds(s, NULL, LIST(40, QD_NO_CAP, QD_NO_CAP));
	ok(gives(s, LIST(40, 36, 24)), "a cap gives to the others");
	row_bounds(s, LIST(QD_NO_FLOOR, QD_NO_FLOOR, 25), LIST(40, QD_NO_CAP, QD_NO_CAP));
	ok(gives(s, LIST(40, 35, 25)), "both");
	row_bounds(s, LIST(60, 30, 20), NULL);
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_ROW_BOUNDS && o->problem.bound == QD_HAS_FLOOR &&
	   o->problem.asked == 110 && o->problem.high == 100 && o->conflict[0] && o->conflict[1] && o->conflict[2],
	   "floors that are too much together");
	sheet_outcome_free(o);
	row_bounds(s, NULL, LIST(10, 30, 20));
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_ROW_BOUNDS && o->problem.bound == QD_HAS_CAP &&
	   o->problem.asked == 60 && o->problem.low == 100, "caps that are too little together");
	sheet_outcome_free(o);
	s->board->flags[1] = s->board->flags[3] = 0;
	row_bounds(s, LIST(QD_NO_FLOOR, QD_NO_FLOOR, 45), LIST(10, QD_NO_CAP, QD_NO_CAP));
	ok(gives(s, LIST(10, 45, 45)), "a cap, a floor, and cells that are not there");
	row_bounds(s, LIST(41, 20, QD_NO_FLOOR), NULL);
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.asked == 61 && o->problem.high == 60 && o->conflict[0] &&
	   o->conflict[1] && !o->conflict[2], "names the rows in conflict only");
	sheet_outcome_free(o);
	row_bounds(s, NULL, LIST(QD_NO_CAP, QD_NO_CAP, 39));
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.bound == QD_HAS_CAP && o->problem.asked == 39 &&
	   o->problem.low == 40 && !o->conflict[0] && !o->conflict[1] && o->conflict[2],
	   "a cap below what a row must take");
	sheet_outcome_free(o);
	sheet_free(s);

	s = make(2, 1, LIST(1, 1), LIST(-60, -40), LIST(-100));
	row_bounds(s, NULL, LIST(-70, -40));
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.bound == QD_HAS_CAP && o->problem.asked == -110 &&
	   o->problem.low == -100, "negative totals: the bound that was given");
	sheet_outcome_free(o);
	sheet_free(s);
}

static void
refusals(void)
{
	sheet	   *s = make(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 10));
	sheet_outcome *o;

	lock(s, 0, 12);
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINE && o->problem.row == 2 &&
	   o->problem.asked == 10 && o->problem.low == 12 && o->problem.unbounded_high, "a lock above its column's total");
	sheet_outcome_free(o);
	cap(s, 0, 11);
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LOCK && o->problem.row == 0,
	   "a lock above its own cap");
	sheet_outcome_free(o);
	sheet_free(s);

	s = make(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 10));
	cap(s, 1, 3);
	cap(s, 3, 4);
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINE && o->problem.row == 3 &&
	   o->problem.low == 0 && o->problem.high == 7, "caps below their column's total");
	sheet_outcome_free(o);
	sheet_free(s);

	s = make(2, 2, LIST(1, -1, 1, -1), LIST(10, 10), LIST(15, 5));
	o = run_sheet(s, NULL);
	ok(o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_LINE && o->problem.row == 3 &&
	   o->problem.high == 0, "a column that nobody can take");
	sheet_outcome_free(o);
	sheet_free(s);

	s = make(1, 1, LIST(1), LIST(INT64_MAX / 2), LIST(INT64_MAX / 2));
	o = run_sheet(s, NULL);
	ok(o->status == QD_OVERFLOW, "2^62 units are too many");
	sheet_outcome_free(o);
	sheet_free(s);
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	int			fail;
	int			met = 0;
	bool		fine = true;

	for (fail = 1; fail < 200; fail++)
	{
		sheet	   *s = make(3, 3, LIST(1, -1, -1, 1, 1, 1, 1, 1, 1), LIST(40, 30, 30), LIST(20, 40, 40));
		test_env	env;
		sheet_outcome *o;
		bool		done;

		s->board->flags[4] |= QD_HAS_FLOOR;
		s->board->floor[4] = -5;
		row_bounds(s, LIST(QD_NO_FLOOR, 41, QD_NO_FLOOR), NULL);
		test_env_init(&env);
		env.fail_at = fail;
		o = run_sheet(s, &env);
		done = env.allocs < fail;
		if (env.live != 0 || o->status != (done ? QD_OK : QD_NOMEM))
			fine = false;
		if (!done)
			met++;
		sheet_outcome_free(o);
		sheet_free(s);
		if (done)
			break;
	}
	ok(fine && met > 20 && fail < 200, "each of %d allocations may fail", met);
}

/* large grids poll often and end soon */
static void
large(void)
{
	static const char *const kind[] = {"dense", "half empty", "specialists", "stairs", "bounds of rows"};
	int			k;

	for (k = 0; k < 5; k++)
	{
		int32_t		lines = k == 3 ? 200 : 500;
		sheet	   *sh = test_zeroed(1, sizeof(sheet));
		board	   *b = sh->board = board_new(lines, lines);
		source		s = {NULL, 0, (uint64_t) k};
		test_env	env;
		sheet_outcome *o;
		double		began;
		int64_t		total = 0;
		int32_t		i;

		for (i = 0; i < b->n; i++)
		{
			bool		has = k == 1 ? draw(&s, 2) == 0 :
				k == 2 ? b->row[i] % 2 == 0 || b->column[i] < 5 :
				k == 3 ? b->column[i] <= b->row[i] : true;

			if (!has)
				continue;
			b->flags[i] = QD_HAS_WEIGHT;
			b->weight[i] = 1 + (int64_t) draw(&s, 10000);
		}
		for (i = 0; i < lines; i++)
		{
			b->column_total[i] = k == 3 ? 100 + i : 1 + (int64_t) draw(&s, 1000000);
			total += b->column_total[i];
		}
		for (i = 0; i < lines; i++)
			b->row_total[i] = k == 3 ? total / lines : total / lines + (i & 1) * 1000 - 500;
		/* the last one asks for what is left */
		{
			int64_t		rest = total;

			for (i = 0; i < lines - 1; i++)
				rest -= b->row_total[i];
			b->row_total[lines - 1] = rest;
		}
		if (k == 4)
		{
			sh->row_cap = test_copied(b->row_total, (size_t) lines, sizeof(int64_t));
			for (i = 0; i < lines; i++)
				sh->row_cap[i] += i % 3 == 0 ? -i : i % 7 == 0 ? 10000 : 100000;
		}
		test_env_init(&env);
		env.watch = true;
		began = env.last_poll = test_clock();
		o = run_sheet(sh, &env);
		ok(o->status == QD_OK && env.polls >= b->n / 65536, "%s: status %d, %lld polls", kind[k], (int) o->status,
		   (long long) env.polls);
#ifndef QD_SLOW
		ok(env.longest < 0.05, "%s: at most %.1f ms without a poll", kind[k], env.longest * 1000);
		ok(test_clock() - began < 2.0, "%s: %.0f ms", kind[k], (test_clock() - began) * 1000);
#else
		(void) began;
#endif
		sheet_outcome_free(o);
		sheet_free(sh);
	}
}

int
main(void)
{
	known_cases();
	bounds_of_rows();
	refusals();
	out_of_memory();
	large();
	return tap_done();
}
