/*
 * support_row_total.c
 *		See support_row_total.h.  On small grids the best base is found by the
 *		monotone algorithm, set by set over all subsets of the rows, and every
 *		way to round it is tried.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_row_total.h"

#define MOST_PROVEN 6			/* rows */
#define INFINITE 1e15

int64_t		seen_unchanged = 0;
int64_t		seen_moved = 0;
int64_t		seen_proven = 0;

void
sheet_free(sheet *s)
{
	board_free(s->board);
	free(s->row_floor);
	free(s->row_cap);
	free(s);
}

sheet_outcome *
run_sheet(const sheet *s, test_env *given)
{
	const board *b = s->board;
	sheet_outcome *o = test_zeroed(1, sizeof(sheet_outcome));
	size_t		n = (size_t) b->n;
	size_t		rows = (size_t) b->rows;
	uint8_t		all = test_all_flags(b->flags, b->n);
	qd_grid		g = {0};
	int64_t    *floor = s->row_floor ? test_copied(s->row_floor, rows, sizeof(int64_t)) : NULL;
	int64_t    *cap = s->row_cap ? test_copied(s->row_cap, rows, sizeof(int64_t)) : NULL;
	test_env	own;
	test_env   *env;

	g.n = b->n;
	g.rows = b->rows;
	g.columns = b->columns;
	g.row = b->row;
	g.column = b->column;
	g.rank = b->rank;
	g.flags = b->flags;
	g.row_total = b->row_total;
	g.column_total = b->column_total;
	g.weight = test_copied(b->weight, n, sizeof(int64_t));
	g.floor = (all & QD_HAS_FLOOR) ? test_copied(b->floor, n, sizeof(int64_t)) : NULL;
	g.cap = (all & QD_HAS_CAP) ? test_copied(b->cap, n, sizeof(int64_t)) : NULL;
	g.amount = test_copied(b->lock, n, sizeof(int64_t));
	g.rule = test_zeroed(n, 1);
	g.conflict = o->conflict = test_zeroed(rows + (size_t) b->columns, 1);
	o->amount = test_zeroed(rows, sizeof(int64_t));
	env = test_env_begin(given, &own);
	o->status = qd_grid_row_totals(&env->env, &g, floor, cap, o->amount, &o->problem);
	test_env_end(env, &own);
	free(g.weight);
	free(g.floor);
	free(g.cap);
	free(g.amount);
	free(g.rule);
	free(floor);
	free(cap);
	return o;
}

void
sheet_outcome_free(sheet_outcome *o)
{
	free(o->amount);
	free(o->conflict);
	free(o);
}

static void
shuffle(source *s, int32_t *from, int32_t n)
{
	int32_t		i;

	for (i = 0; i < n; i++)
		from[i] = i;
	for (i = n - 1; i > 0; i--)
	{
		int32_t		j = (int32_t) draw(s, (uint64_t) i + 1);
		int32_t		was = from[i];

		from[i] = from[j];
		from[j] = was;
	}
}

/*
 * Few units for rows alike in few columns each, and one that wants all: shares
 * that cannot all be rounded by their fractions.
 */
static sheet *
draw_crowd(source *s)
{
	sheet	   *sh = test_zeroed(1, sizeof(sheet));
	int32_t		rows = 4 + (int32_t) draw(s, 3);
	int32_t		columns = 2 + (int32_t) draw(s, 3);
	board	   *b = sh->board = board_new(rows, columns);
	int64_t		each = (int64_t) draw(s, 3);
	int64_t		total = 0;
	int32_t		i;

	for (i = 0; i < b->n; i++)
	{
		bool		last = b->row[i] == rows - 1;
		bool		own = b->column[i] == columns - 1;

		/* the last has its own column */
		if (last != own || (!own && b->row[i] > 0 && draw(s, 5) < 2))
			continue;
		b->flags[i] = QD_HAS_WEIGHT;
		b->weight[i] = 1;
		if (draw(s, 12) == 0)
		{
			b->flags[i] |= QD_HAS_CAP;
			b->cap[i] = (int64_t) draw(s, 3);
		}
	}
	for (i = 0; i < columns; i++)
		total += b->column_total[i] = 1 + (int64_t) draw(s, 3);
	for (i = 0; i < rows - 1; i++)
		b->row_total[i] = each * (1 + (int64_t) draw(s, 2));
	for (i = 0; i < rows - 1; i++)
		total -= b->row_total[i];
	b->row_total[rows - 1] = total;
	shuffle(s, b->rank, rows + columns);
	return sh;
}

/* totals asked for that a grid drawn with a solution may not hold */
sheet *
draw_sheet(source *s, int32_t most_lines, int64_t most_amount)
{
	sheet	   *sh;
	board	   *b;
	int64_t    *held;
	qd_int128	total = 0;
	uint64_t	kind = draw(s, 6);
	uint64_t	bounds = draw(s, 3) == 0 ? 1 + draw(s, 3) : 0;
	int32_t		i;

	if (draw(s, 8) == 0)
		return draw_crowd(s);
	sh = test_zeroed(1, sizeof(sheet));
	b = sh->board = draw_board(s, most_lines, most_amount);
	held = test_copied(b->row_total, (size_t) b->rows, sizeof(int64_t));
	for (i = 0; i < b->columns; i++)
		total += b->column_total[i];
	if (kind > 0)
	{
		/* all to one; evenly; at random; of what is there, more and less */
		qd_int128	left = total;

		for (i = 0; i < b->rows; i++)
		{
			int64_t		rest = (int64_t) left;

			b->row_total[i] = kind == 1 ? 0 : kind == 2 ? (int64_t) (total / b->rows) :
				kind == 3 && draw(s, 4) ? b->row_total[i] + (int64_t) draw(s, 5) - 2 :
				draw(s, 5) == 0 ? 0 :
				rest >= 0 ? (int64_t) draw(s, (uint64_t) rest / 2 + 1) :
				-(int64_t) draw(s, (uint64_t) -rest / 2 + 1);
			left -= b->row_total[i];
		}
		b->row_total[draw(s, (uint64_t) b->rows)] += (int64_t) left;
	}
	if (bounds > 0)
	{
		sh->row_floor = test_zeroed((size_t) b->rows, sizeof(int64_t));
		sh->row_cap = test_zeroed((size_t) b->rows, sizeof(int64_t));
		for (i = 0; i < b->rows; i++)
		{
			int64_t		slack = (held[i] < 0 ? -held[i] : held[i]) / 4 + 2;

			sh->row_floor[i] = QD_NO_FLOOR;
			sh->row_cap[i] = QD_NO_CAP;
			if ((bounds & 1) && draw(s, 2))
				sh->row_floor[i] = held[i] - (int64_t) draw(s, (uint64_t) slack);
			if ((bounds & 2) && draw(s, 2))
				sh->row_cap[i] = held[i] + (int64_t) draw(s, (uint64_t) slack);
			/* now and then what cannot be */
			if (draw(s, 30) == 0 && sh->row_cap[i] == QD_NO_CAP)
				sh->row_floor[i] = held[i] + (int64_t) draw(s, (uint64_t) slack);
			if (draw(s, 30) == 0 && sh->row_floor[i] == QD_NO_FLOOR)
				sh->row_cap[i] = held[i] - (int64_t) draw(s, (uint64_t) slack);
		}
	}
	free(held);
	return sh;
}

void
print_sheet(const sheet *s)
{
	int32_t		i;

	print_board(s->board);
	for (i = 0; i < s->board->rows && s->row_floor; i++)
		if (s->row_floor[i] != QD_NO_FLOOR)
			printf("row %d: at least %" PRId64 "\n", (int) i, s->row_floor[i]);
	for (i = 0; i < s->board->rows && s->row_cap; i++)
		if (s->row_cap[i] != QD_NO_CAP)
			printf("row %d: at most %" PRId64 "\n", (int) i, s->row_cap[i]);
}

/* ------------------------------------------------- all subsets of the rows */

typedef struct base
{
	int			rows;
	double		asked[MOST_PROVEN];
	double		weight[MOST_PROVEN];
	double		most[1 << MOST_PROVEN]; /* what a set of rows can hold */
} base;

static double
near(qd_int128 x)
{
	return x >= FAR ? INFINITE : x <= -FAR ? -INFINITE : (double) x;
}

/* negative grids are turned around */
static void
make_base(const sheet *s, const range *r, bool negative, base *m)
{
	const board *b = s->board;
	double		sign = negative ? -1.0 : 1.0;
	double		alone[1 << MOST_PROVEN];
	int			sets = 1 << b->rows;
	bool		equal = true;
	int			set;
	int			other;
	int32_t		i;

	m->rows = b->rows;
	for (i = 0; i < b->rows; i++)
	{
		m->asked[i] = sign * (double) b->row_total[i];
		equal = equal && b->row_total[i] == 0;
	}
	/* those who ask for nothing share what they must take: nearly no weight */
	for (i = 0; i < b->rows; i++)
		m->weight[i] = equal ? 1.0 : b->row_total[i] == 0 ? 1e-7 : fabs(m->asked[i]);
	for (set = 0; set < sets; set++)
	{
		double	   *inside = test_zeroed((size_t) b->columns, sizeof(double));
		double	   *outside = test_zeroed((size_t) b->columns, sizeof(double));

		for (i = 0; i < b->n; i++)
		{
			double		low = !r[i].part ? 0.0 : negative ? -near(r[i].high) : near(r[i].low);
			double		high = !r[i].part ? 0.0 : negative ? -near(r[i].low) : near(r[i].high);

			if (set & (1 << b->row[i]))
				inside[b->column[i]] += high;
			else
				outside[b->column[i]] += low;
		}
		alone[set] = 0.0;
		for (i = 0; i < b->columns; i++)
			alone[set] += fmin(inside[i], sign * (double) b->column_total[i] - outside[i]);
		free(inside);
		free(outside);
	}
	/* with bounds of rows: the least over all other sets */
	for (set = 0; set < sets; set++)
	{
		m->most[set] = INFINITE;
		for (other = 0; other < sets; other++)
		{
			double		x = alone[other];

			for (i = 0; i < b->rows; i++)
			{
				bool		in_set = (set & (1 << i)) != 0;
				bool		in_other = (other & (1 << i)) != 0;
				double		low = !s->row_floor || s->row_floor[i] == QD_NO_FLOOR ? -INFINITE : (double) s->row_floor[i];
				double		high = !s->row_cap || s->row_cap[i] == QD_NO_CAP ? INFINITE : (double) s->row_cap[i];

				if (in_set && !in_other)
					x += negative ? -low : high;
				if (!in_set && in_other)
					x -= negative ? -high : low;
			}
			m->most[set] = fmin(m->most[set], x);
		}
	}
}

/*
 * Raises all in proportion; the first set that is full stays, the others go on.
 * steps: the sets that were full when the others had more.
 */
static int
raise_all(const base *m, double *best, int *step)
{
	int			all = (1 << m->rows) - 1;
	int			fixed = 0;
	int			steps = 0;
	double		last = -INFINITY;
	int			i;

	while (fixed != all)
	{
		double		least = INFINITY;
		int			full = 0;
		int			set;

		for (set = 1; set <= all; set++)
		{
			double		asked = 0.0;
			double		weight = 0.0;
			double		factor;

			if (set & fixed)
				continue;
			for (i = 0; i < m->rows; i++)
				if (set & (1 << i))
				{
					asked += m->asked[i];
					weight += m->weight[i];
				}
			factor = (m->most[set | fixed] - m->most[fixed] - asked) / weight;
			if (factor < least)
			{
				least = factor;
				full = set;
			}
		}
		if (fixed != 0 && least > last + 1e-10 * fmax(1.0, fabs(least)))
			step[steps++] = fixed;
		last = least;
		for (i = 0; i < m->rows; i++)
			if (full & (1 << i))
				best[i] = m->asked[i] + least * m->weight[i];
		fixed |= full;
	}
	return steps;
}

/* whole units that can be, and in which the same sets are full */
static bool
can_be(const base *m, const double *amount, const int *step, int steps)
{
	int			set;
	int			i;
	int			k;

	for (set = 1; set < 1 << m->rows; set++)
	{
		double		sum = 0.0;

		for (i = 0; i < m->rows; i++)
			if (set & (1 << i))
				sum += amount[i];
		if (sum > m->most[set] + 0.5)
			return false;
		for (k = 0; k < steps; k++)
			if (set == step[k] && sum < m->most[set] - 0.5)
				return false;
	}
	return true;
}

static bool
check_best(const sheet *s, const range *r, const sheet_outcome *o, bool negative, verdict *v)
{
	base		m;
	double		best[MOST_PROVEN];
	double		amount[MOST_PROVEN];
	double		whole[MOST_PROVEN];
	double		total = 0.0;
	double		distance = 0.0;
	double		least = INFINITY;
	int			step[MOST_PROVEN];
	int			steps;
	int			up;
	int			i;

	make_base(s, r, negative, &m);
	steps = raise_all(&m, best, step);
	for (i = 0; i < m.rows; i++)
	{
		amount[i] = (negative ? -1.0 : 1.0) * (double) o->amount[i];
		total += amount[i];
		distance += fabs(amount[i] - best[i]);
		if (fabs(amount[i] - best[i]) >= 1.0 + 1e-3)
			return test_broken(v, "row %d has %.0f, a unit or more from %.6f", i, amount[i], best[i]);
	}
	for (up = 0; up < 1 << m.rows; up++)
	{
		double		sum = 0.0;
		double		far = 0.0;

		for (i = 0; i < m.rows; i++)
		{
			whole[i] = floor(best[i] + 1e-4) + ((up & (1 << i)) ? 1.0 : 0.0);
			sum += whole[i];
			far += fabs(whole[i] - best[i]);
		}
		if (fabs(sum - total) < 0.5 && far < least && can_be(&m, whole, step, steps))
			least = far;
	}
	if (!can_be(&m, amount, step, steps))
		return test_broken(v, "a set of rows has not all it can hold, or more");
	if (distance > least + 1e-2)
		return test_broken(v, "rounded to a distance of %.6f, where %.6f can be", distance, least);
	seen_proven++;
	return true;
}

/* --------------------------------------------------------------- promises */

static bool
is_within(const sheet *s, const int64_t *amount)
{
	int32_t		i;

	for (i = 0; i < s->board->rows; i++)
		if ((s->row_floor && amount[i] < s->row_floor[i]) ||
			(s->row_cap && amount[i] > s->row_cap[i]))
			return false;
	return true;
}

/* the answer as totals of the grid: there is a solution, and the kernel finds it */
static bool
check_held(const sheet *s, const range *r, const sheet_outcome *o, verdict *v)
{
	board		other = *s->board;
	board_outcome *held;
	bool		fine = true;

	other.row_total = o->amount;
	other.rounding = QD_HAMILTON;
	if (!is_within(s, o->amount))
		return test_broken(v, "a row is outside its bounds");
	if (!has_solution(&other, r))
		return test_broken(v, "the grid does not hold these row totals");
	held = run_board(&other, NULL, false);
	if (held->status != QD_OK)
		fine = test_broken(v, "allocate_margins: status %d", (int) held->status);
	board_outcome_free(held);
	return fine;
}

/* what the rows in conflict can hold at most, or must at least */
static bool
check_bounds_conflict(const sheet *s, const range *r, const sheet_outcome *o, verdict *v)
{
	const board *b = s->board;
	bool		most = o->problem.bound == QD_HAS_FLOOR;
	qd_int128	asked = 0;
	qd_int128	held = 0;
	int32_t		column;
	int32_t		i;

	for (i = 0; i < b->rows; i++)
		if (o->conflict[i])
			asked += most ? s->row_floor[i] : s->row_cap[i];
	for (column = 0; column < b->columns; column++)
	{
		qd_int128	inside = 0;
		qd_int128	outside = 0;

		for (i = 0; i < b->n; i++)
		{
			if (b->column[i] != column || !r[i].part)
				continue;
			if (o->conflict[b->row[i]])
				inside += most ? r[i].high : r[i].low;
			else
				outside += most ? r[i].low : r[i].high;
		}
		outside = b->column_total[column] - outside;
		held += most ? (inside < outside ? inside : outside) : (inside > outside ? inside : outside);
	}
	if (asked != o->problem.asked || held != (most ? o->problem.high : o->problem.low))
		return test_broken(v, "bounds of rows: other numbers than reported");
	if (most ? asked <= held : asked >= held)
		return test_broken(v, "bounds of rows that are not in conflict");
	return true;
}

static bool
check_refusal(const sheet *s, const range *r, const sheet_outcome *o, verdict *v)
{
	const board *b = s->board;
	const qd_problem *p = &o->problem;
	qd_int128	low = 0;
	qd_int128	high = 0;
	int32_t		i;

	switch (p->subject)
	{
		case QD_ON_LOCK:
		case QD_ON_BOUND:
			seen_other++;
			return true;
		case QD_ON_SUMS:
			for (i = 0; i < b->rows; i++)
				low += b->row_total[i];
			for (i = 0; i < b->columns; i++)
				high += b->column_total[i];
			return low != high ? true : test_broken(v, "sums that agree");
		case QD_ON_LINE:
			if (p->row < b->rows)
				return test_broken(v, "a row in conflict");
			for (i = 0; i < b->n; i++)
				if (b->rows + b->column[i] == p->row && r[i].part)
				{
					low += r[i].low;
					high += r[i].high;
				}
			if (p->asked >= low && p->asked <= high)
				return test_broken(v, "column %d is not in conflict", (int) p->row - b->rows);
			if ((!p->unbounded_low && p->low != low) || (!p->unbounded_high && p->high != high))
				return test_broken(v, "a column's range is not as reported");
			return true;
		case QD_ON_ROW_BOUNDS:
			return check_bounds_conflict(s, r, o, v);
		default:
			return test_broken(v, "infeasible by %d", (int) p->subject);
	}
}

/* other numbers of the lines, another order of the cells: the same answer */
static bool
check_order(const sheet *s, const sheet_outcome *o, source *src, verdict *v)
{
	const board *b = s->board;
	board	   *other = board_new(b->rows, b->columns);
	sheet		turned = {other, NULL, NULL};
	int32_t    *cell = test_zeroed((size_t) b->n, sizeof(int32_t));
	int32_t    *row = test_zeroed((size_t) b->rows, sizeof(int32_t));
	int32_t    *column = test_zeroed((size_t) b->columns, sizeof(int32_t));
	sheet_outcome *again;
	bool		fine;
	int32_t		i;

	shuffle(src, cell, b->n);
	shuffle(src, row, b->rows);
	shuffle(src, column, b->columns);
	if (s->row_floor)
		turned.row_floor = test_zeroed((size_t) b->rows, sizeof(int64_t));
	if (s->row_cap)
		turned.row_cap = test_zeroed((size_t) b->rows, sizeof(int64_t));
	for (i = 0; i < b->rows; i++)
	{
		other->row_total[row[i]] = b->row_total[i];
		other->rank[row[i]] = b->rank[i];
		if (s->row_floor)
			turned.row_floor[row[i]] = s->row_floor[i];
		if (s->row_cap)
			turned.row_cap[row[i]] = s->row_cap[i];
	}
	for (i = 0; i < b->columns; i++)
	{
		other->column_total[column[i]] = b->column_total[i];
		other->rank[b->rows + column[i]] = b->rank[b->rows + i];
	}
	for (i = 0; i < b->n; i++)
	{
		other->row[i] = row[b->row[cell[i]]];
		other->column[i] = column[b->column[cell[i]]];
		other->flags[i] = b->flags[cell[i]];
		other->weight[i] = b->weight[cell[i]];
		other->floor[i] = b->floor[cell[i]];
		other->cap[i] = b->cap[cell[i]];
		other->lock[i] = b->lock[cell[i]];
	}
	again = run_sheet(&turned, NULL);
	fine = again->status == o->status;
	for (i = 0; i < b->rows && fine && o->status == QD_OK; i++)
		fine = again->amount[row[i]] == o->amount[i];
	for (i = 0; i < b->rows && fine && o->status == QD_INFEASIBLE && o->problem.subject == QD_ON_ROW_BOUNDS; i++)
		fine = again->conflict[row[i]] == o->conflict[i];
	sheet_outcome_free(again);
	board_free(other);
	free(turned.row_floor);
	free(turned.row_cap);
	free(cell);
	free(row);
	free(column);
	return fine ? true : test_broken(v, "another order, another answer");
}

bool
check_sheet(const sheet *s, source *src, verdict *v)
{
	const board *b = s->board;
	sheet_outcome *o = run_sheet(s, NULL);
	range	   *r = ranges_of(b);
	bool		fine = true;
	bool		asked;
	double		size = 0.0;
	int64_t		total = 0;
	int32_t		i;

	seen_rows += b->n;
	switch (o->status)
	{
		case QD_OK:
			seen_ok++;
			asked = has_solution(b, r) && is_within(s, b->row_total);
			if (memcmp(o->amount, b->row_total, sizeof(int64_t) * (size_t) b->rows) == 0)
				seen_unchanged++;
			else if (asked)
				fine = test_broken(v, "what can be held was changed");
			else
				seen_moved++;
			fine = fine && check_held(s, r, o, v);
			for (i = 0; i < b->columns; i++)
				total += b->column_total[i];
			for (i = 0; i < b->n; i++)
				size = fmax(size, fabs((double) b->floor[i]) + fabs((double) b->cap[i]) + fabs((double) b->lock[i]));
			for (i = 0; i < b->rows; i++)
				size = fmax(size, fabs((double) b->row_total[i]));
			if (fine && b->rows <= MOST_PROVEN && size < 1e4)
				fine = check_best(s, r, o, total < 0, v);
			break;
		case QD_INFEASIBLE:
			seen_infeasible++;
			fine = check_refusal(s, r, o, v);
			break;
		case QD_OVERFLOW:
			seen_overflow++;
			break;
		default:
			fine = test_broken(v, "status %d", (int) o->status);
	}
	fine = fine && check_order(s, o, src, v);
	sheet_outcome_free(o);
	free(r);
	return fine;
}
