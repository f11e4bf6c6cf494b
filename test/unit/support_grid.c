/*
 * support_grid.c
 *		See support_grid.h.  The checker knows the promises: margins, bounds, a
 *		factor a line that explains every fitted cell, and no cycle of moves
 *		that would make the rounding better; and, where the kernel says there
 *		is no solution, a search of its own for one.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_grid.h"

board *
board_new(int32_t rows, int32_t columns)
{
	board	   *b = test_zeroed(1, sizeof(board));
	int32_t		i;

	b->n = rows * columns;
	b->rows = rows;
	b->columns = columns;
	b->row = test_zeroed((size_t) b->n, sizeof(int32_t));
	b->column = test_zeroed((size_t) b->n, sizeof(int32_t));
	b->rank = test_zeroed((size_t) (rows + columns), sizeof(int32_t));
	b->flags = test_zeroed((size_t) b->n, 1);
	b->weight = test_zeroed((size_t) b->n, sizeof(int64_t));
	b->floor = test_zeroed((size_t) b->n, sizeof(int64_t));
	b->cap = test_zeroed((size_t) b->n, sizeof(int64_t));
	b->lock = test_zeroed((size_t) b->n, sizeof(int64_t));
	b->row_total = test_zeroed((size_t) rows, sizeof(int64_t));
	b->column_total = test_zeroed((size_t) columns, sizeof(int64_t));
	for (i = 0; i < b->n; i++)
	{
		b->row[i] = i / columns;
		b->column[i] = i % columns;
	}
	for (i = 0; i < rows + columns; i++)
		b->rank[i] = i;
	return b;
}

void
board_free(board *b)
{
	free(b->row);
	free(b->column);
	free(b->rank);
	free(b->flags);
	free(b->weight);
	free(b->floor);
	free(b->cap);
	free(b->lock);
	free(b->row_total);
	free(b->column_total);
	free(b);
}

board_outcome *
run_board(const board *b, test_env *given, bool explain)
{
	board_outcome *o = test_zeroed(1, sizeof(board_outcome));
	qd_grid    *g = &o->grid;
	size_t		n = (size_t) b->n;
	test_env	own;
	test_env   *env;
	bool		any_floor = false;
	bool		any_cap = false;
	int32_t		i;

	for (i = 0; i < b->n; i++)
	{
		any_floor = any_floor || (b->flags[i] & QD_HAS_FLOOR);
		any_cap = any_cap || (b->flags[i] & QD_HAS_CAP);
	}
	g->n = b->n;
	g->rows = b->rows;
	g->columns = b->columns;
	g->row = test_copied(b->row, n, sizeof(int32_t));
	g->column = test_copied(b->column, n, sizeof(int32_t));
	g->rank = test_copied(b->rank, (size_t) (b->rows + b->columns), sizeof(int32_t));
	g->flags = test_copied(b->flags, n, 1);
	g->weight = test_copied(b->weight, n, sizeof(int64_t));
	g->floor = any_floor ? test_copied(b->floor, n, sizeof(int64_t)) : NULL;
	g->cap = any_cap ? test_copied(b->cap, n, sizeof(int64_t)) : NULL;
	g->amount = test_copied(b->lock, n, sizeof(int64_t));
	g->row_total = test_copied(b->row_total, (size_t) b->rows, sizeof(int64_t));
	g->column_total = test_copied(b->column_total, (size_t) b->columns, sizeof(int64_t));
	g->rule = test_zeroed(n, 1);
	g->conflict = test_zeroed((size_t) (b->rows + b->columns), 1);
	if (explain)
	{
		g->exact = test_zeroed(n, sizeof(int64_t));
		g->exact_millionths = test_zeroed(n, sizeof(int32_t));
	}
	env = test_env_begin(given, &own);
	o->status = qd_allocate_grid(&env->env, g, b->rounding, explain, &o->problem);
	test_env_end(env, &own);
	return o;
}

void
board_outcome_free(board_outcome *o)
{
	qd_grid    *g = &o->grid;

	free((void *) (uintptr_t) g->row);
	free((void *) (uintptr_t) g->column);
	free((void *) (uintptr_t) g->rank);
	free((void *) (uintptr_t) g->flags);
	free((void *) (uintptr_t) g->row_total);
	free((void *) (uintptr_t) g->column_total);
	free(g->weight);
	free(g->floor);
	free(g->cap);
	free(g->amount);
	free(g->rule);
	free(g->conflict);
	free(g->exact);
	free(g->exact_millionths);
	free(o);
}

double
exact_of(const board_outcome *o, int32_t cell)
{
	return (double) o->grid.exact[cell] + o->grid.exact_millionths[cell] * 1e-6;
}

/* ---------------------------------------------------------- random boards */

board *
draw_board(source *s, int32_t most_lines, int64_t most_amount)
{
	int32_t		rows = 1 + (int32_t) draw(s, (uint64_t) most_lines);
	int32_t		columns = 1 + (int32_t) draw(s, (uint64_t) most_lines);
	board	   *b = board_new(rows, columns);
	int64_t		amount = 1 + draw_magnitude(s, most_amount);
	int64_t		weight = 1 + draw_magnitude(s, draw(s, 8) == 0 ? INT64_C(1) << 40 : 1000000);
	uint64_t	kind = draw(s, 4);	/* of weights */
	uint64_t	holes = draw(s, 3) == 0 ? 2 + draw(s, 3) : 0;	/* one in so many */
	uint64_t	bounds = draw(s, 2) ? 0 : 2 + draw(s, 6);
	uint64_t	locks = draw(s, 3) ? 0 : 3 + draw(s, 8);
	bool		negative = draw(s, 6) == 0;
	int64_t    *solution = test_zeroed((size_t) b->n, sizeof(int64_t));
	int32_t		i;

	b->rounding = draw(s, 3) == 0 ? QD_WEBSTER : QD_HAMILTON;
	for (i = 0; i < b->n; i++)
	{
		bool		hole = holes > 0 && draw(s, holes) == 0;
		bool		take = !hole || draw(s, 3) == 0;

		switch (kind)
		{
			case 0:
				b->weight[i] = 1;
				break;
			case 1:
				b->weight[i] = (int64_t) draw(s, 4);
				break;
			case 2:
				b->weight[i] = 1 + (int64_t) draw(s, (uint64_t) weight);
				break;
			default:
				b->weight[i] = 1 + draw_magnitude(s, weight);
		}
		if (hole)
			b->weight[i] = 0;
		if (take)
			b->flags[i] |= QD_HAS_WEIGHT;
		/* what every bound and total is drawn around */
		if (take && b->weight[i] > 0)
			solution[i] = (int64_t) draw(s, draw(s, 4) == 0 ? 2 : (uint64_t) amount + 1);
		if (locks > 0 && draw(s, locks) == 0)
		{
			b->flags[i] |= QD_LOCKED;
			solution[i] = b->lock[i] = (int64_t) draw(s, (uint64_t) amount + 1);
		}
		else if (take && bounds > 0 && draw(s, bounds) == 0)
		{
			if (draw(s, 2))
			{
				b->flags[i] |= QD_HAS_FLOOR;
				b->floor[i] = solution[i] - (int64_t) draw(s, (uint64_t) solution[i] + 1);
				if (draw(s, 8) == 0)
					b->floor[i] -= (int64_t) draw(s, (uint64_t) amount);
				if (b->weight[i] == 0)
					solution[i] = b->floor[i];
			}
			if (draw(s, 2))
			{
				b->flags[i] |= QD_HAS_CAP;
				b->cap[i] = solution[i] + (int64_t) draw(s, (uint64_t) amount + 1);
			}
		}
		if (negative)
		{
			int64_t		was = b->floor[i];
			uint8_t		both = b->flags[i] & (QD_HAS_FLOOR | QD_HAS_CAP);

			solution[i] = -solution[i];
			b->lock[i] = -b->lock[i];
			b->floor[i] = -b->cap[i];
			b->cap[i] = -was;
			if (both == QD_HAS_FLOOR || both == QD_HAS_CAP)
				b->flags[i] ^= QD_HAS_FLOOR | QD_HAS_CAP;
		}
		b->row_total[b->row[i]] += solution[i];
		b->column_total[b->column[i]] += solution[i];
	}
	/* sometimes what may not be there */
	if (draw(s, 4) == 0 && rows > 1)
	{
		int64_t		by = (int64_t) draw(s, (uint64_t) amount + 1);

		b->row_total[0] += by;
		b->row_total[rows - 1] -= by;
	}
	if (draw(s, 40) == 0)
		b->row_total[0]++;
	for (i = rows + columns - 1; i > 0; i--)
	{
		int32_t		j = (int32_t) draw(s, (uint64_t) i + 1);
		int32_t		rank = b->rank[i];

		b->rank[i] = b->rank[j];
		b->rank[j] = rank;
	}
	free(solution);
	return b;
}

void
print_board(const board *b)
{
	int32_t		i;

	printf("rounding %d\n", (int) b->rounding);
	for (i = 0; i < b->n; i++)
	{
		if (b->column[i] == 0)
			printf("row %d, total %" PRId64 ", rank %d:\n", (int) b->row[i], b->row_total[b->row[i]],
				   (int) b->rank[b->row[i]]);
		printf("  [%d", (int) b->column[i]);
		if (b->flags[i] & QD_HAS_WEIGHT)
			printf(" w %" PRId64, b->weight[i]);
		if (b->flags[i] & QD_HAS_FLOOR)
			printf(" floor %" PRId64, b->floor[i]);
		if (b->flags[i] & QD_HAS_CAP)
			printf(" cap %" PRId64, b->cap[i]);
		if (b->flags[i] & QD_LOCKED)
			printf(" lock %" PRId64, b->lock[i]);
		printf("]\n");
	}
	for (i = 0; i < b->columns; i++)
		printf("column %d, total %" PRId64 ", rank %d\n", (int) i, b->column_total[i],
			   (int) b->rank[b->rows + i]);
}

/* --------------------------------------------------------------- promises */

range *
ranges_of(const board *b)
{
	range	   *r = test_zeroed((size_t) b->n, sizeof(range));
	qd_int128	total = 0;
	bool		any = false;
	int32_t		i;

	for (i = 0; i < b->rows; i++)
		total += b->row_total[i];
	for (i = 0; i < b->n; i++)
		any = any || ((b->flags[i] & (QD_HAS_WEIGHT | QD_LOCKED)) == QD_HAS_WEIGHT && b->weight[i] > 0);
	for (i = 0; i < b->n; i++)
	{
		uint8_t		f = b->flags[i];

		r[i].part = (f & (QD_HAS_WEIGHT | QD_LOCKED)) != 0;
		r[i].low = (f & QD_HAS_FLOOR) ? b->floor[i] : total < 0 ? -FAR : 0;
		r[i].high = (f & QD_HAS_CAP) ? b->cap[i] : total < 0 ? 0 : FAR;
		if (f & QD_LOCKED)
			r[i].low = r[i].high = b->lock[i];
		else if (r[i].part && any && b->weight[i] == 0)
		{
			if (total < 0)
				r[i].low = r[i].high;
			else
				r[i].high = r[i].low;
		}
		r[i].open = r[i].part && r[i].low < r[i].high;
	}
	return r;
}

/* a solution by plain augmenting paths, from nothing; slow and simple */
bool
has_solution(const board *b, const range *r)
{
	int32_t		lines = b->rows + b->columns;
	qd_int128  *left = NULL;
	qd_int128  *x = NULL;
	int32_t    *by = test_zeroed((size_t) lines, sizeof(int32_t));
	int32_t    *queue = test_zeroed((size_t) lines, sizeof(int32_t));
	bool		fine = true;
	int32_t		i;

	if (posix_memalign((void **) &left, 16, sizeof(qd_int128) * (size_t) (lines + 1)) ||
		posix_memalign((void **) &x, 16, sizeof(qd_int128) * (size_t) (b->n + 1)))
		abort();
	for (i = 0; i < b->rows; i++)
		left[i] = b->row_total[i];
	for (i = 0; i < b->columns; i++)
		left[b->rows + i] = b->column_total[i];
	for (i = 0; i < b->n; i++)
	{
		/* a far bound stands for none; start at the end that is near */
		x[i] = !r[i].part ? 0 : r[i].low > -FAR ? r[i].low : r[i].high;
		if (r[i].part && r[i].low > r[i].high)
			fine = false;
		left[b->row[i]] -= x[i];
		left[b->rows + b->column[i]] -= x[i];
	}
	while (fine)
	{
		int32_t		head = 0;
		int32_t		tail = 0;
		int32_t		end = -1;
		qd_int128	amount;
		int32_t		line;

		/* from rows that lack or columns with too much to the reverse */
		for (line = 0; line < lines; line++)
			by[line] = -1;
		for (line = 0; line < lines; line++)
			if (line < b->rows ? left[line] > 0 : left[line] < 0)
			{
				by[line] = -2;
				queue[tail++] = line;
			}
		if (tail == 0)
			break;
		while (head < tail && end < 0)
		{
			int32_t		at = queue[head++];

			for (i = 0; i < b->n; i++)
			{
				int32_t		from = at < b->rows ? b->row[i] : b->rows + b->column[i];
				int32_t		to = at < b->rows ? b->rows + b->column[i] : b->row[i];

				if (from != at || by[to] != -1 || !r[i].part ||
					(at < b->rows ? x[i] >= r[i].high : x[i] <= r[i].low))
					continue;
				by[to] = i;
				queue[tail++] = to;
				if (to < b->rows ? left[to] < 0 : left[to] > 0)
				{
					end = to;
					break;
				}
			}
		}
		if (end < 0)
		{
			fine = false;
			break;
		}
		amount = left[end] < 0 ? -left[end] : left[end];
		for (line = end; by[line] >= 0;)
		{
			i = by[line];
			if (line >= b->rows && r[i].high - x[i] < amount)
				amount = r[i].high - x[i];
			if (line < b->rows && x[i] - r[i].low < amount)
				amount = x[i] - r[i].low;
			line = line < b->rows ? b->rows + b->column[i] : b->row[i];
		}
		if ((left[line] < 0 ? -left[line] : left[line]) < amount)
			amount = left[line] < 0 ? -left[line] : left[line];
		for (line = end; by[line] >= 0;)
		{
			i = by[line];
			x[i] += line >= b->rows ? amount : -amount;
			line = line < b->rows ? b->rows + b->column[i] : b->row[i];
		}
		left[line] += left[line] < 0 ? amount : -amount;
		left[end] += left[end] < 0 ? amount : -amount;
	}
	for (i = 0; i < lines && fine; i++)
		fine = left[i] == 0;
	free(left);
	free(x);
	free(by);
	free(queue);
	return fine;
}

/* the set of lines that the kernel names is in conflict indeed */
static bool
check_conflict(const board *b, const range *r, const board_outcome *o, verdict *v)
{
	const qd_problem *p = &o->problem;
	qd_int128	rows = 0;
	qd_int128	columns = 0;
	qd_int128	high = 0;
	qd_int128	low = 0;
	int32_t		i;

	if (p->subject == QD_ON_SUMS)
	{
		for (i = 0; i < b->rows; i++)
			rows += b->row_total[i];
		for (i = 0; i < b->columns; i++)
			columns += b->column_total[i];
		if (rows == columns || p->asked != rows || p->low != columns)
			return test_broken(v, "sums are not as reported");
	}
	else if (p->subject == QD_ON_LINE)
	{
		int64_t		total = p->row < b->rows ? b->row_total[p->row] : b->column_total[p->row - b->rows];

		for (i = 0; i < b->n; i++)
		{
			if ((p->row < b->rows ? b->row[i] : b->rows + b->column[i]) != p->row || !r[i].part)
				continue;
			low += r[i].low;
			high += r[i].high;
		}
		if (p->asked != total || (total >= low && total <= high))
			return test_broken(v, "line %d is not in conflict by itself", (int) p->row);
		if ((!p->unbounded_low && p->low != low) || (!p->unbounded_high && p->high != high))
			return test_broken(v, "line %d: another range than reported", (int) p->row);
	}
	else if (p->subject == QD_ON_LINES)
	{
		qd_int128	most = 0;
		qd_int128	least = 0;
		bool		by_columns = p->row == 1;

		for (i = 0; i < b->rows; i++)
			if (o->grid.conflict[i])
				rows += b->row_total[i];
		for (i = 0; i < b->columns; i++)
			if (o->grid.conflict[b->rows + i])
				columns += b->column_total[i];
		if (by_columns)
		{
			qd_int128	swap = rows;

			rows = columns;
			columns = swap;
		}
		low = high = columns;
		for (i = 0; i < b->n; i++)
		{
			bool		in_row = o->grid.conflict[by_columns ? b->rows + b->column[i] : b->row[i]] != 0;
			bool		in_column = o->grid.conflict[by_columns ? b->row[i] : b->rows + b->column[i]] != 0;

			if (!r[i].part)
				continue;
			if (in_row && !in_column)
			{
				most += r[i].high;
				least += r[i].low;
			}
			if (!in_row && in_column)
			{
				high -= r[i].low;
				low -= r[i].high;
			}
		}
		high += most;
		low += least;
		if (p->asked != rows || p->low != columns)
			return test_broken(v, "lines in conflict total otherwise than reported");
		if (rows >= low && rows <= high)
			return test_broken(v, "the lines named are not in conflict");
		if (p->high != (rows > high ? high : low))
			return test_broken(v, "the lines named can hold otherwise than reported");
		if (p->elsewhere != (rows > high ? most : least))
			return test_broken(v, "other cells can hold otherwise than reported");
	}
	return true;
}

static int64_t
weight_of(const board *b, int32_t cell, bool equal)
{
	return equal ? 1 : b->weight[cell];
}

/*
 * One factor a line explains every fitted value: logarithms of the factors
 * along a tree of cells that no bound holds, then every other cell against
 * them.  Values are known to half a millionth.
 */
static bool
check_fit(const board *b, const range *r, const board_outcome *o, bool equal, verdict *v)
{
	int32_t		lines = b->rows + b->columns;
	double	   *factor = test_zeroed((size_t) lines, sizeof(double));
	double	   *error = test_zeroed((size_t) lines, sizeof(double));
	int32_t    *component = test_zeroed((size_t) lines, sizeof(int32_t));
	bool		fine = true;
	int32_t		root;
	int32_t		i;
	double		sign = 1.0;
	qd_int128	total = 0;

	for (i = 0; i < b->rows; i++)
		total += b->row_total[i];
	if (total < 0)
		sign = -1.0;
	for (root = 0; root < lines; root++)
	{
		bool		grown = true;

		if (component[root] != 0)
			continue;
		component[root] = root + 1;
		while (grown)
		{
			grown = false;
			for (i = 0; i < b->n; i++)
			{
				int32_t		row = b->row[i];
				int32_t		column = b->rows + b->column[i];
				double		x = sign * exact_of(o, i);
				double		gain;

				/* on a bound it may be beyond */
				if (((b->flags[i] & QD_HAS_FLOOR) && fabs(exact_of(o, i) - (double) b->floor[i]) < 1e-6) ||
					((b->flags[i] & QD_HAS_CAP) && fabs(exact_of(o, i) - (double) b->cap[i]) < 1e-6))
					continue;
				if (o->grid.rule[i] < QD_RULE_EQUAL || o->grid.rule[i] == QD_RULE_ZERO ||
					(component[row] == component[column]) || x < 1.0 ||
					(component[row] != root + 1 && component[column] != root + 1))
					continue;
				gain = log(x) - log((double) weight_of(b, i, equal));
				if (component[row] == root + 1)
				{
					if (component[column] != 0)
						continue;
					factor[column] = gain - factor[row];
					error[column] = error[row] + 1e-6 / x + 1e-14;
					component[column] = root + 1;
				}
				else
				{
					if (component[row] != 0)
						continue;
					factor[row] = gain - factor[column];
					error[row] = error[column] + 1e-6 / x + 1e-14;
					component[row] = root + 1;
				}
				grown = true;
			}
		}
	}
	for (i = 0; i < b->n && fine; i++)
	{
		int32_t		row = b->row[i];
		int32_t		column = b->rows + b->column[i];
		double		x = sign * exact_of(o, i);
		double		fitted;
		double		slack;

		if (component[row] != component[column] || !r[i].open || o->grid.rule[i] == QD_RULE_UNFITTED ||
			weight_of(b, i, equal) == 0)
			continue;
		fitted = exp(factor[row] + factor[column]) * (double) weight_of(b, i, equal);
		slack = fitted * (2.0 * (error[row] + error[column]) + 1e-9) + 1e-6;
		if ((sign > 0 ? r[i].low : -r[i].high) > -FAR && fitted < (double) (sign > 0 ? r[i].low : -r[i].high))
			fitted = (double) (sign > 0 ? r[i].low : -r[i].high);
		if ((sign > 0 ? r[i].high : -r[i].low) < FAR && fitted > (double) (sign > 0 ? r[i].high : -r[i].low))
			fitted = (double) (sign > 0 ? r[i].high : -r[i].low);
		if (fabs(fitted - x) > slack)
			fine = test_broken(v, "cell (%d, %d) is fitted to %.6f, its factors say %.6f", (int) row,
						  (int) b->column[i], x, fitted);
	}
	free(factor);
	free(error);
	free(component);
	return fine;
}

/* the cost of a unit more at x, or less; infinite where it is not allowed */
static double
unit_cost(const board *b, const board_outcome *o, int32_t cell, double x, double step, double sign,
		  bool equal)
{
	double		exact = sign * exact_of(o, cell);

	if (b->rounding == QD_WEBSTER)
		return x + step < 0.0 || x < 0.0 ? 1e9 :
			step * log((x + step / 2.0) / (double) weight_of(b, cell, equal));
	if (fabs(x + step - exact) >= 1.0 - 1e-6)
		return 1e9;
	return fabs(x + step - exact) - fabs(x - exact);
}

/* no cycle of moves makes the rounding better (Bellman-Ford) */
static bool
check_best(const board *b, const range *r, const board_outcome *o, bool equal, double sign, verdict *v)
{
	int32_t		lines = b->rows + b->columns;
	double	   *distance = test_zeroed((size_t) lines, sizeof(double));
	bool		changed = true;
	/* exact values are known to half a millionth: a cycle adds that up */
	double		slack = 1e-6 * (lines + 8);
	int32_t		round;
	int32_t		i;

	for (round = 0; round <= lines && changed; round++)
	{
		changed = false;
		for (i = 0; i < b->n; i++)
		{
			int32_t		row = b->row[i];
			int32_t		column = b->rows + b->column[i];
			double		x = sign * (double) o->grid.amount[i];
			double		cost;

			if (!r[i].open || weight_of(b, i, equal) == 0)
				continue;
			cost = unit_cost(b, o, i, x, 1.0, sign, equal);
			if ((sign > 0 ? o->grid.amount[i] < r[i].high : o->grid.amount[i] > r[i].low) && cost < 1e8 &&
				distance[row] + cost < distance[column] - slack)
			{
				distance[column] = distance[row] + cost;
				changed = true;
			}
			cost = unit_cost(b, o, i, x, -1.0, sign, equal);
			if ((sign > 0 ? o->grid.amount[i] > r[i].low : o->grid.amount[i] < r[i].high) && cost < 1e8 &&
				distance[column] + cost < distance[row] - slack)
			{
				distance[row] = distance[column] + cost;
				changed = true;
			}
		}
	}
	free(distance);
	return changed ? test_broken(v, "the rounding could be better") : true;
}

static bool
check_answer(const board *b, const range *r, const board_outcome *o, verdict *v)
{
	const qd_grid *g = &o->grid;
	int32_t		lines = b->rows + b->columns;
	qd_int128	total = 0;
	bool		any = false;
	bool		fine = true;
	double	   *fitted = test_zeroed((size_t) lines, sizeof(double));
	int64_t    *sum = test_zeroed((size_t) lines, sizeof(int64_t));
	double		size = 1.0;
	int32_t		i;

	for (i = 0; i < b->rows; i++)
		total += b->row_total[i];
	for (i = 0; i < b->n; i++)
		any = any || ((b->flags[i] & (QD_HAS_WEIGHT | QD_LOCKED)) == QD_HAS_WEIGHT && b->weight[i] > 0);
	for (i = 0; i < b->n && fine; i++)
	{
		if ((g->rule[i] == QD_RULE_NONE) != !r[i].part)
			fine = test_broken(v, "cell %d takes part, or not", (int) i);
		if (!r[i].part)
			continue;
		sum[b->row[i]] += g->amount[i];
		sum[b->rows + b->column[i]] += g->amount[i];
		fitted[b->row[i]] += exact_of(o, i);
		fitted[b->rows + b->column[i]] += exact_of(o, i);
		size += fabs((double) g->amount[i]);
		if (g->amount[i] < r[i].low || g->amount[i] > r[i].high)
			fine = test_broken(v, "cell %d has %" PRId64 ", outside its bounds", (int) i, g->amount[i]);
		else if ((g->rule[i] == QD_RULE_LOCKED) != ((b->flags[i] & QD_LOCKED) != 0))
			fine = test_broken(v, "cell %d is locked, or not", (int) i);
		else if (b->rounding == QD_HAMILTON && g->rule[i] != QD_RULE_UNFITTED &&
				 fabs((double) g->amount[i] - exact_of(o, i)) >= 1.0 + 2e-6 + 1e-15 * fabs((double) g->amount[i]))
			fine = test_broken(v, "cell %d has %" PRId64 ", a unit or more from %.6f", (int) i, g->amount[i],
						  exact_of(o, i));
	}
	for (i = 0; i < lines && fine; i++)
	{
		int64_t		want = i < b->rows ? b->row_total[i] : b->column_total[i - b->rows];

		if (sum[i] != want)
			fine = test_broken(v, "line %d sums to %" PRId64 ", not %" PRId64, (int) i, sum[i], want);
		else if (fabs(fitted[i] - (double) want) > 1e-6 * lines + 1e-14 * size)
			fine = test_broken(v, "fitted values of line %d sum to %.6f, not %" PRId64, (int) i, fitted[i], want);
	}
	free(fitted);
	free(sum);
	return fine && check_fit(b, r, o, !any, v) && check_best(b, r, o, !any, total < 0 ? -1.0 : 1.0, v);
}

/* another order of the cells, the same lines: the same answer */
static bool
check_order(const board *b, const board_outcome *o, source *s, verdict *v)
{
	board	   *other = board_new(b->rows, b->columns);
	int32_t    *from = test_zeroed((size_t) b->n, sizeof(int32_t));
	board_outcome *again;
	bool		fine;
	int32_t		i;

	other->rounding = b->rounding;
	memcpy(other->rank, b->rank, sizeof(int32_t) * (size_t) (b->rows + b->columns));
	memcpy(other->row_total, b->row_total, sizeof(int64_t) * (size_t) b->rows);
	memcpy(other->column_total, b->column_total, sizeof(int64_t) * (size_t) b->columns);
	for (i = 0; i < b->n; i++)
		from[i] = i;
	for (i = b->n - 1; i > 0; i--)
	{
		int32_t		j = (int32_t) draw(s, (uint64_t) i + 1);
		int32_t		was = from[i];

		from[i] = from[j];
		from[j] = was;
	}
	for (i = 0; i < b->n; i++)
	{
		other->row[i] = b->row[from[i]];
		other->column[i] = b->column[from[i]];
		other->flags[i] = b->flags[from[i]];
		other->weight[i] = b->weight[from[i]];
		other->floor[i] = b->floor[from[i]];
		other->cap[i] = b->cap[from[i]];
		other->lock[i] = b->lock[from[i]];
	}
	again = run_board(other, NULL, false);
	fine = again->status == o->status;
	for (i = 0; i < b->n && fine && o->status == QD_OK; i++)
		fine = again->grid.rule[i] == QD_RULE_NONE ? o->grid.rule[from[i]] == QD_RULE_NONE :
			again->grid.amount[i] == o->grid.amount[from[i]];
	board_outcome_free(again);
	board_free(other);
	free(from);
	return fine ? true : test_broken(v, "another order of the cells, another answer");
}

bool
check_board(const board *b, source *s, verdict *v)
{
	board_outcome *o = run_board(b, NULL, true);
	range	   *r = ranges_of(b);
	bool		fine = true;

	seen_rows += b->n;
	switch (o->status)
	{
		case QD_OK:
			seen_ok++;
			fine = check_answer(b, r, o, v);
			break;
		case QD_INFEASIBLE:
			seen_infeasible++;
			if (o->problem.subject == QD_ON_LOCK || o->problem.subject == QD_ON_BOUND)
				seen_other++;
			else if (has_solution(b, r))
				fine = test_broken(v, "there is a solution");
			else
				fine = check_conflict(b, r, o, v);
			break;
		case QD_OVERFLOW:
			seen_overflow++;
			break;
		default:
			fine = test_broken(v, "status %d", (int) o->status);
	}
	fine = fine && check_order(b, o, s, v);
	board_outcome_free(o);
	free(r);
	return fine;
}
