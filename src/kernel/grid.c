/*
 * grid.c
 *		From cells to a network of those still open, and back: bounds and locks
 *		taken out, feasibility, fit, rounding; rules and exact values.
 */
#include "kernel/net.h"

#include <string.h>

/* what is done with a cell, before the network is asked */
#define CELL_NONE		0		/* takes no part */
#define CELL_HELD		1		/* a lock, or weight 0: has its amount */
#define CELL_OPEN		2

/* all totals, locks and floors together stay below this */
#define MOST_TOGETHER	((qd_int128) 1 << 61)

/*
 * Exchanges floors and caps and the signs of all: from a grand total below 0
 * to one above and back.  The flags stay the caller's: has_floor and has_cap
 * are asked for by these.
 */
static uint8_t
floor_flag(bool mirrored)
{
	return mirrored ? QD_HAS_CAP : QD_HAS_FLOOR;
}

static uint8_t
cap_flag(bool mirrored)
{
	return mirrored ? QD_HAS_FLOOR : QD_HAS_CAP;
}

typedef struct setup
{
	const qd_env *env;
	qd_grid    *grid;
	qd_net	   *net;
	bool		mirrored;
	bool		equal;
	bool		below_zero;		/* some open cell may go there */
	qd_problem *problem;
} setup;

static inline int32_t
column_line(const qd_grid *grid, int32_t cell)
{
	return grid->rows + grid->column[cell];
}

static inline qd_int128
magnitude(int64_t x)
{
	return x < 0 ? -(qd_int128) x : x;
}

/* sums of both margins; which domain */
static qd_status
add_totals(setup *s)
{
	const qd_grid *grid = s->grid;
	int64_t    *need = s->net->need;
	qd_int128	rows_sum = 0;
	qd_int128	columns_sum = 0;
	qd_int128	together = 0;
	int32_t		i;

	for (i = 0; i < grid->rows; i++)
	{
		QD_POLL(s->env, i);
		rows_sum += grid->row_total[i];
		together += magnitude(grid->row_total[i]);
	}
	for (i = 0; i < grid->columns; i++)
	{
		QD_POLL(s->env, i);
		columns_sum += grid->column_total[i];
		together += magnitude(grid->column_total[i]);
	}
	if (rows_sum != columns_sum)
	{
		s->problem->subject = QD_ON_SUMS;
		s->problem->row = -1;
		s->problem->asked = rows_sum;
		s->problem->low = columns_sum;
		return QD_INFEASIBLE;
	}
	if (together >= MOST_TOGETHER)
		return QD_OVERFLOW;
	s->mirrored = s->net->mirrored = rows_sum < 0;
	for (i = 0; i < grid->rows; i++)
		need[i] = s->mirrored ? -grid->row_total[i] : grid->row_total[i];
	for (i = 0; i < grid->columns; i++)
		need[grid->rows + i] = s->mirrored ? -grid->column_total[i] : grid->column_total[i];
	return QD_OK;
}

/* where an open cell begins: what is below 0 is for when there is no other way */
static int64_t
begin_of(int64_t low, int64_t high)
{
	return low >= 0 ? low : high < 0 ? high : 0;
}

/* the bounds of a cell in the mirrored domain */
static void
cell_bounds(const setup *s, int32_t cell, int64_t *low, int64_t *high)
{
	uint8_t		flags = s->grid->flags[cell];

	*low = 0;
	*high = QD_NO_CAP;
	if (flags & floor_flag(s->mirrored))
		*low = s->mirrored ? -s->grid->cap[cell] : s->grid->floor[cell];
	if (flags & cap_flag(s->mirrored))
		*high = s->mirrored ? -s->grid->floor[cell] : s->grid->cap[cell];
}

static qd_status
bad_cell(const setup *s, qd_subject subject, int32_t cell, int64_t asked, int64_t low, int64_t high)
{
	uint8_t		flags = s->grid->flags[cell];

	s->problem->subject = subject;
	s->problem->row = cell;
	s->problem->asked = s->mirrored ? -asked : asked;
	s->problem->low = s->mirrored ? -(qd_int128) high : low;
	s->problem->high = s->mirrored ? -(qd_int128) low : high;
	s->problem->unbounded_low = !(flags & QD_HAS_FLOOR);
	s->problem->unbounded_high = !(flags & QD_HAS_CAP);
	return QD_INFEASIBLE;
}

/* x cut to whole units and millionths, rounded */
static void
put_exact(qd_grid *grid, int32_t cell, long double x, bool mirrored)
{
	int64_t		whole;
	long double fraction;
	int32_t		millionths;

	if (!grid->exact)
		return;
	if (mirrored)
		x = -x;
	whole = (int64_t) x;
	if ((long double) whole > x)
		whole--;
	fraction = x - (long double) whole;
	millionths = (int32_t) (fraction * 1000000.0L + 0.5L);
	if (millionths >= 1000000)
	{
		whole++;
		millionths = 0;
	}
	grid->exact[cell] = whole;
	grid->exact_millionths[cell] = millionths;
}

static void
put_amount(setup *s, int32_t cell, int64_t amount)
{
	s->grid->amount[cell] = amount;
	if (s->grid->exact)
	{
		s->grid->exact[cell] = s->mirrored ? -amount : amount;
		s->grid->exact_millionths[cell] = 0;
	}
}

/*
 * What becomes of each cell; the amounts of those that are held are taken from
 * the needs of their lines.  open: how many are left.
 */
static qd_status
settle_cells(setup *s, uint8_t *kind, int32_t *open)
{
	qd_grid    *grid = s->grid;
	int64_t    *need = s->net->need;
	qd_int128	together = 0;
	bool		any_weight = false;
	int32_t		i;

	s->equal = false;
	for (i = 0; i < grid->n; i++)
	{
		uint8_t		flags = grid->flags[i];

		QD_POLL(s->env, i);
		if ((flags & QD_HAS_WEIGHT) && !(flags & QD_LOCKED))
		{
			s->equal = true;
			if (grid->weight[i] > 0)
				any_weight = true;
		}
	}
	s->equal = s->equal && !any_weight;

	*open = 0;
	for (i = 0; i < grid->n; i++)
	{
		uint8_t		flags = grid->flags[i];
		int64_t		low;
		int64_t		high;
		int64_t		held;

		QD_POLL(s->env, i);
		kind[i] = CELL_NONE;
		grid->rule[i] = QD_RULE_NONE;
		if (!(flags & (QD_HAS_WEIGHT | QD_LOCKED)))
			continue;
		cell_bounds(s, i, &low, &high);
		if (flags & QD_LOCKED)
		{
			held = s->mirrored ? -grid->amount[i] : grid->amount[i];
			/* only against bounds that were given */
			if (((flags & floor_flag(s->mirrored)) && held < low) ||
				((flags & cap_flag(s->mirrored)) && held > high))
				return bad_cell(s, QD_ON_LOCK, i, held, low, high);
		}
		else if (high < low)
			return bad_cell(s, QD_ON_BOUND, i, (flags & cap_flag(s->mirrored)) ? high : low,
							low, high);
		else
			held = low;
		if (s->equal && !(flags & QD_LOCKED))
			grid->weight[i] = 1;
		kind[i] = (flags & QD_LOCKED) || grid->weight[i] == 0 ? CELL_HELD : CELL_OPEN;
		together += magnitude(held);
		if (kind[i] == CELL_OPEN && held < 0)
		{
			held = begin_of(low, high);
			s->below_zero = true;
		}
		if (together >= MOST_TOGETHER)
			return QD_OVERFLOW;
		need[grid->row[i]] -= held;
		need[column_line(grid, i)] -= held;
		if (kind[i] == CELL_HELD)
		{
			put_amount(s, i, held);
			grid->rule[i] = (flags & QD_LOCKED) ? QD_RULE_LOCKED :
				(flags & floor_flag(s->mirrored)) && held != 0 ? QD_RULE_FLOOR : QD_RULE_ZERO;
		}
		else
			(*open)++;
	}
	return QD_OK;
}

/* a line that cannot have its total, and what its cells can hold */
static qd_status
report_line(const setup *s, const uint8_t *kind, int32_t line)
{
	const qd_grid *grid = s->grid;
	qd_int128	low = 0;
	qd_int128	high = 0;
	bool		open = false;
	int32_t		i;

	for (i = 0; i < grid->n; i++)
	{
		int64_t		cell_low;
		int64_t		cell_high;

		QD_POLL(s->env, i);
		if (kind[i] == CELL_NONE || (line < grid->rows ? grid->row[i] : column_line(grid, i)) != line)
			continue;
		cell_bounds(s, i, &cell_low, &cell_high);
		if (kind[i] == CELL_HELD)
			cell_low = cell_high = grid->amount[i];
		low += cell_low;
		if (cell_high == QD_NO_CAP)
			open = true;
		else
			high += cell_high;
	}
	s->problem->subject = QD_ON_LINE;
	s->problem->row = line;
	s->problem->asked = line < grid->rows ? grid->row_total[line] : grid->column_total[line - grid->rows];
	s->problem->low = s->mirrored ? -high : low;
	s->problem->high = s->mirrored ? -low : high;
	s->problem->unbounded_low = s->mirrored && open;
	s->problem->unbounded_high = !s->mirrored && open;
	return QD_INFEASIBLE;
}

/*
 * A line whose bounds and locks alone are above its total.  Where amounts may go
 * below 0, many lines can look so and be none: one pass over the cells finds the
 * first that is, another says what it can hold.
 */
static qd_status
check_needs(setup *s, const uint8_t *kind)
{
	const qd_env *env = s->env;
	const qd_grid *grid = s->grid;
	int64_t    *over;			/* need less what is below 0 */
	int32_t		line;
	int32_t		i;

	over = qd_net_alloc(env, sizeof(int64_t) * ((size_t) s->net->lines + 1));
	if (!over)
		return QD_NOMEM;
	memcpy(over, s->net->need, sizeof(int64_t) * (size_t) s->net->lines);
	for (i = 0; i < grid->n && s->below_zero; i++)
	{
		int64_t		cell_low;
		int64_t		cell_high;

		QD_POLL(env, i);
		if (kind[i] != CELL_OPEN)
			continue;
		cell_bounds(s, i, &cell_low, &cell_high);
		cell_low = begin_of(cell_low, cell_high) - cell_low;
		over[grid->row[i]] += cell_low;
		over[column_line(grid, i)] += cell_low;
	}
	for (line = 0; line < s->net->lines && over[line] >= 0; line++)
		QD_POLL(env, line);
	qd_net_release(env, over);
	if (line == s->net->lines)
		return QD_OK;

	return report_line(s, kind, line);
}

/* start, and across from row and column, which are in order of rows, then columns */
static void
index_slots(qd_net *net)
{
	int32_t		line;
	int32_t		slot;

	memset(net->start, 0, sizeof(int32_t) * ((size_t) net->lines + 1));
	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(net->env, slot);
		net->start[net->row[slot] + 1]++;
		net->start[net->rows + net->column[slot] + 1]++;
	}
	for (line = 0; line < net->lines; line++)
		net->start[line + 1] += net->start[line];
	/* filled from each column's begin, which is put back afterwards */
	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(net->env, slot);
		net->across[net->start[net->rows + net->column[slot]]++ - net->slots] = slot;
	}
	for (line = net->lines; line > net->rows; line--)
		net->start[line] = net->start[line - 1];
	net->start[net->rows] = net->slots;
}

void
qd_net_filter(qd_net *net, const uint8_t *keep)
{
	int32_t		to = 0;
	int32_t		slot;

	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(net->env, slot);
		if (!keep[slot])
			continue;
		net->row[to] = net->row[slot];
		net->column[to] = net->column[slot];
		net->cell[to] = net->cell[slot];
		net->above[to] = net->above[slot];
		if (net->low)
			net->low[to] = net->low[slot];
		if (net->room)
			net->room[to] = net->room[slot];
		if (net->spare)
			net->spare[to] = net->spare[slot];
		to++;
	}
	if (to < net->slots)
		net->full = false;
	net->slots = to;
	index_slots(net);
}

/* the network of the open cells, by row and then by column */
static qd_status
build_net(setup *s, const uint8_t *kind, int32_t open)
{
	const qd_env *env = s->env;
	qd_grid    *grid = s->grid;
	qd_net	   *net = s->net;
	int32_t    *by_column = qd_net_alloc(env, sizeof(int32_t) * ((size_t) open + 1));
	int32_t    *count = qd_net_alloc(env, sizeof(int32_t) * ((size_t) net->lines + 1));
	int32_t		i;
	int32_t		line;

	net->slots = open;
	net->start = qd_net_alloc(env, sizeof(int32_t) * ((size_t) net->lines + 1));
	net->across = qd_net_alloc(env, sizeof(int32_t) * ((size_t) open + 1));
	net->row = qd_net_alloc(env, sizeof(int32_t) * ((size_t) open + 1));
	net->column = qd_net_alloc(env, sizeof(int32_t) * ((size_t) open + 1));
	net->cell = qd_net_alloc(env, sizeof(int32_t) * ((size_t) open + 1));
	net->above = qd_net_alloc(env, sizeof(int64_t) * ((size_t) open + 1));
	if (!by_column || !count || !net->start || !net->across || !net->row || !net->column ||
		!net->cell || !net->above)
	{
		qd_net_release(env, by_column);
		qd_net_release(env, count);
		return QD_NOMEM;
	}

	/* a radix sort by column, then by row */
	memset(count, 0, sizeof(int32_t) * ((size_t) net->lines + 1));
	for (i = 0; i < grid->n; i++)
	{
		QD_POLL(env, i);
		if (kind[i] != CELL_OPEN)
			continue;
		count[grid->row[i] + 1]++;
		/* the first column's count would be the last row's end */
		if (column_line(grid, i) + 1 < net->lines)
			count[column_line(grid, i) + 1]++;
	}
	count[net->rows] = 0;
	for (line = 1; line < net->lines; line++)
		if (line != net->rows)
			count[line] += count[line - 1];
	for (i = 0; i < grid->n; i++)
	{
		QD_POLL(env, i);
		if (kind[i] == CELL_OPEN)
			by_column[count[column_line(grid, i)]++] = i;
	}
	for (i = 0; i < open; i++)
	{
		int32_t		cell = by_column[i];
		int32_t		slot = count[grid->row[cell]]++;

		QD_POLL(env, i);
		net->cell[slot] = cell;
		net->row[slot] = grid->row[cell];
		net->column[slot] = grid->column[cell];
	}
	qd_net_release(env, count);
	qd_net_release(env, by_column);
	memset(net->above, 0, sizeof(int64_t) * ((size_t) open + 1));
	index_slots(net);

	for (i = 0; i < open && !net->bounded; i++)
	{
		QD_POLL(env, i);
		net->bounded = (grid->flags[net->cell[i]] & (QD_HAS_FLOOR | QD_HAS_CAP)) != 0;
	}
	net->full = !net->bounded && (int64_t) open == (int64_t) net->rows * (net->lines - net->rows);
	if (!net->bounded)
		return QD_OK;
	net->low = qd_net_alloc(env, sizeof(int64_t) * ((size_t) open + 1));
	net->room = qd_net_alloc(env, sizeof(int64_t) * ((size_t) open + 1));
	if (s->below_zero)
		net->spare = qd_net_alloc(env, sizeof(int64_t) * ((size_t) open + 1));
	if (!net->low || !net->room || (s->below_zero && !net->spare))
		return QD_NOMEM;
	for (i = 0; i < open; i++)
	{
		int64_t		low;
		int64_t		high;

		QD_POLL(env, i);
		cell_bounds(s, net->cell[i], &low, &high);
		net->low[i] = begin_of(low, high);
		if (net->spare)
			net->spare[i] = net->low[i] - low;
		net->room[i] = high == QD_NO_CAP || (qd_int128) high - net->low[i] > QD_NET_ROOM ?
			QD_NET_ROOM : high - net->low[i];
	}
	return QD_OK;
}

/* lets cells go below 0, or no longer; by = 1 or -1 */
static void
lower_begin(qd_net *net, int32_t slot, int64_t by)
{
	int64_t		spare = by * net->spare[slot];

	net->low[slot] -= spare;
	if (net->room[slot] < QD_NET_ROOM)
		net->room[slot] += spare;
	net->above[slot] += spare;
	net->need[net->row[slot]] += spare;
	net->need[net->rows + net->column[slot]] += spare;
}

/*
 * A way to meet all needs.  Where there is none without amounts below 0, cells
 * with a floor there go as far as they must and leave the network: factors
 * above 0 can fit the others only.
 */
static qd_status
find_flow(setup *s, uint8_t *keep)
{
	qd_net	   *net = s->net;
	qd_status	status = qd_net_flow(net, s->problem);
	int32_t		slot;

	if (status != QD_INFEASIBLE || !net->spare)
		return status;
	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(s->env, slot);
		lower_begin(net, slot, 1);
	}
	status = qd_net_flow(net, s->problem);
	for (slot = 0; slot < net->slots && status == QD_OK; slot++)
	{
		int32_t		cell = net->cell[slot];
		int64_t		above = net->above[slot];

		QD_POLL(s->env, slot);
		keep[slot] = above >= net->spare[slot];
		if (keep[slot])
			lower_begin(net, slot, -1);
		else
		{
			put_amount(s, cell, net->low[slot] + above);
			s->grid->rule[cell] = above == 0 ? QD_RULE_FLOOR : QD_RULE_UNFITTED;
			net->need[net->row[slot]] -= above;
			net->need[net->rows + net->column[slot]] -= above;
		}
	}
	if (status == QD_OK)
		qd_net_filter(net, keep);
	return status;
}

/* cells that have only one amount in all solutions; they leave the network */
static void
settle_forced(setup *s, uint8_t *forced, const int64_t *need, qd_rounding rounding)
{
	qd_net	   *net = s->net;
	qd_grid    *grid = s->grid;
	int32_t		slot;

	for (slot = 0; slot < net->slots; slot++)
	{
		int32_t		cell = net->cell[slot];
		uint8_t		flags = grid->flags[cell];
		int64_t		above = net->above[slot];

		QD_POLL(net->env, slot);
		if (forced[slot])
		{
			put_amount(s, cell, qd_net_low(net, slot) + above);
			if (above > 0)
				grid->rule[cell] = (flags & cap_flag(s->mirrored)) ? QD_RULE_CAP :
					QD_RULE_UNFITTED;
			else if (net->spare && net->spare[slot] > 0 && net->room[slot] == 0)
				grid->rule[cell] = QD_RULE_CAP; /* one below 0 */
			else if (qd_net_low(net, slot) != 0)
				grid->rule[cell] = QD_RULE_FLOOR;
			else if (need[net->row[slot]] != 0 && need[net->rows + net->column[slot]] != 0)
				grid->rule[cell] = QD_RULE_UNFITTED;
			else				/* a share of nothing is a share */
				grid->rule[cell] = s->equal ? QD_RULE_EQUAL :
					rounding == QD_WEBSTER ? QD_RULE_WEBSTER : QD_RULE_SHARE;
			net->need[net->row[slot]] -= above;
			net->need[net->rows + net->column[slot]] -= above;
		}
		forced[slot] = !forced[slot];
	}
	qd_net_filter(net, forced);
}

/*
 * A cap that the needs of the cell's lines imply is none, a net without bounds
 * is fitted the simple way.
 */
static void
drop_idle_bounds(qd_net *net)
{
	bool		any = false;
	int32_t		slot;

	for (slot = 0; slot < net->slots && net->bounded; slot++)
	{
		QD_POLL(net->env, slot);
		if (net->room[slot] >= net->need[net->row[slot]] ||
			net->room[slot] >= net->need[net->rows + net->column[slot]])
			net->room[slot] = QD_NET_ROOM;
		any = any || net->low[slot] != 0 || net->room[slot] != QD_NET_ROOM;
	}
	net->bounded = any;
}

/* why a fitted cell has what it has */
static qd_rule
fitted_rule(const setup *s, const qd_wide * factor, int32_t slot, qd_rounding rounding, bool tied)
{
	const qd_net *net = s->net;
	int32_t		cell = net->cell[slot];
	uint8_t		flags = s->grid->flags[cell];
	long double fitted = qd_net_clamped(net, factor, slot);
	int64_t		amount = s->grid->amount[cell];

	if (net->unsettled && ((long double) amount - fitted >= 1.0L || fitted - (long double) amount >= 1.0L))
		return QD_RULE_UNFITTED;
	if (net->bounded)
	{
		long double x = qd_net_fitted(net, factor, slot);

		if ((flags & floor_flag(s->mirrored)) && net->above[slot] == 0 &&
			x <= (long double) net->low[slot])
			return QD_RULE_FLOOR;
		if ((flags & cap_flag(s->mirrored)) && net->above[slot] == net->room[slot] && net->room[slot] < QD_NET_ROOM &&
			x >= (long double) net->low[slot] + (long double) net->room[slot])
			return QD_RULE_CAP;
	}
	if (s->equal)
		return QD_RULE_EQUAL;
	if (tied)
		return QD_RULE_TIE;
	return rounding == QD_WEBSTER ? QD_RULE_WEBSTER : QD_RULE_SHARE;
}

/*
 * tied: cells that could as well have another amount; a tie where the window's
 * ORDER BY does not tell one from another of them.  Peers are neighbours.
 */
static void
keep_open_ties(const setup *s, uint8_t *tied_cell)
{
	const qd_env *env = s->env;
	int32_t		last = -1;
	int32_t		i;

	for (i = 0; i < s->grid->n; i++)
	{
		QD_POLL(env, i);
		if (!(tied_cell[i] & 1))
			continue;
		if (last >= 0 && env->peers(env->arg, last, i))
		{
			tied_cell[last] |= 2;
			tied_cell[i] |= 2;
		}
		last = i;
	}
}

/* fit, rounding, and what comes of them */
static qd_status
share_net(setup *s, qd_rounding rounding, bool explain)
{
	const qd_env *env = s->env;
	qd_grid    *grid = s->grid;
	qd_net	   *net = s->net;
	qd_wide    *factor = qd_net_alloc(env, sizeof(qd_wide) * ((size_t) net->lines + 1));
	uint8_t    *tied = NULL;
	uint8_t    *tied_cell = NULL;
	bool		ties = explain && env->peers && !s->equal;
	qd_status	status = factor ? QD_OK : QD_NOMEM;
	int32_t		slot;

	if (status == QD_OK)
		status = qd_net_fit(net, factor);
	if (status == QD_OK && ties)
	{
		tied = qd_net_alloc(env, (size_t) net->slots + 1);
		tied_cell = qd_net_alloc(env, (size_t) grid->n + 1);
		if (!tied || !tied_cell)
			status = QD_NOMEM;
	}
	if (status == QD_OK)
		status = qd_net_round(net, factor, rounding, tied);
	if (status == QD_OK && ties)
	{
		memset(tied_cell, 0, (size_t) grid->n);
		for (slot = 0; slot < net->slots; slot++)
			tied_cell[net->cell[slot]] = tied[slot];
		keep_open_ties(s, tied_cell);
	}
	for (slot = 0; slot < net->slots && status == QD_OK; slot++)
	{
		int32_t		cell = net->cell[slot];

		QD_POLL(env, slot);
		grid->amount[cell] = qd_net_low(net, slot) + net->above[slot];
		grid->rule[cell] = (uint8_t) fitted_rule(s, factor, slot, rounding,
												 ties && (tied_cell[cell] & 2));
		put_exact(grid, cell, qd_net_clamped(net, factor, slot), s->mirrored);
	}
	qd_net_release(env, tied_cell);
	qd_net_release(env, tied);
	qd_net_release(env, factor);
	return status;
}

/* the promise itself: both margins, in whole units; then the sign back */
static qd_status
finish(const setup *s)
{
	qd_grid    *grid = s->grid;
	int64_t    *sum = s->net->need;
	int32_t		i;

	for (i = 0; i < s->net->lines; i++)
		sum[i] = 0;
	for (i = 0; i < grid->n; i++)
	{
		QD_POLL(s->env, i);
		if (grid->rule[i] == QD_RULE_NONE)
			continue;
		if (s->mirrored)
			grid->amount[i] = -grid->amount[i];
		sum[grid->row[i]] += grid->amount[i];
		sum[column_line(grid, i)] += grid->amount[i];
		/* of the mirrored domain: the other way round */
		if (s->mirrored && grid->rule[i] == QD_RULE_FLOOR)
			grid->rule[i] = QD_RULE_CAP;
		else if (s->mirrored && grid->rule[i] == QD_RULE_CAP)
			grid->rule[i] = QD_RULE_FLOOR;
	}
	for (i = 0; i < grid->rows; i++)
		if (sum[i] != grid->row_total[i])
			return QD_INTERNAL;
	for (i = 0; i < grid->columns; i++)
		if (sum[grid->rows + i] != grid->column_total[i])
			return QD_INTERNAL;
	return QD_OK;
}

qd_status
qd_grid_find_twins(const qd_env *env, const qd_grid *grid, int32_t *first, int32_t *second)
{
	int32_t    *start = qd_net_alloc(env, sizeof(int32_t) * ((size_t) grid->rows + 1));
	int32_t    *seen = qd_net_alloc(env, sizeof(int32_t) * ((size_t) grid->columns + 1));
	int32_t    *by_row = qd_net_alloc(env, sizeof(int32_t) * ((size_t) grid->n + 1));
	qd_status	status = start && seen && by_row ? QD_OK : QD_NOMEM;
	int32_t		i;

	*first = *second = -1;
	if (status == QD_OK)
	{
		memset(start, 0, sizeof(int32_t) * ((size_t) grid->rows + 1));
		for (i = 0; i < grid->n; i++)
		{
			QD_POLL(env, i);
			start[grid->row[i] + 1]++;
		}
		for (i = 0; i < grid->rows; i++)
			start[i + 1] += start[i];
		for (i = 0; i < grid->n; i++)
		{
			QD_POLL(env, i);
			by_row[start[grid->row[i]]++] = i;
		}
		for (i = 0; i < grid->columns; i++)
			seen[i] = -1;
		/* seen: the last cell of a column; a twin if it is of the same row */
		for (i = 0; i < grid->n; i++)
		{
			int32_t		cell = by_row[i];
			int32_t		last = seen[grid->column[cell]];

			QD_POLL(env, i);
			if (last >= 0 && grid->row[last] == grid->row[cell] && (*second < 0 || cell < *second))
			{
				*first = last;
				*second = cell;
			}
			seen[grid->column[cell]] = cell;
		}
	}
	qd_net_release(env, by_row);
	qd_net_release(env, seen);
	qd_net_release(env, start);
	return status;
}

/* the beginnings of a network; what it holds goes with qd_net_close */
static qd_status
begin_net(setup *s, const qd_env *env, qd_grid *grid, qd_net *net, qd_problem *problem)
{
	s->env = net->env = env;
	s->grid = net->grid = grid;
	s->net = net;
	s->problem = problem;
	net->rows = grid->rows;
	net->lines = grid->rows + grid->columns;
	net->need = qd_net_alloc(env, sizeof(int64_t) * ((size_t) net->lines + 1));
	return net->need ? add_totals(s) : QD_NOMEM;
}

/* the first column whose cells cannot hold its total, whatever the rows have */
static qd_status
check_columns(const setup *s, const uint8_t *kind)
{
	const qd_net *net = s->net;
	int32_t		line;
	int32_t		i;

	for (line = net->rows; line < net->lines; line++)
	{
		int64_t		lacking = net->need[line];

		for (i = net->start[line]; i < net->start[line + 1] && lacking > 0; i++)
		{
			QD_POLL(s->env, i);
			lacking -= qd_net_room(net, qd_net_slot(net, line, i));
		}
		if (net->need[line] < 0 || lacking > 0)
			return report_line(s, kind, line);
	}
	return QD_OK;
}

qd_status
qd_net_open(const qd_env *env, qd_grid *grid, qd_net *net, qd_problem *problem)
{
	setup		s = {0};
	uint8_t    *kind = qd_net_alloc(env, (size_t) grid->n + 1);
	int32_t		open = 0;
	qd_status	status = begin_net(&s, env, grid, net, problem);
	int32_t		slot;

	if (status == QD_OK && !kind)
		status = QD_NOMEM;
	if (status == QD_OK)
		status = settle_cells(&s, kind, &open);
	if (status == QD_OK)
		status = build_net(&s, kind, open);
	for (slot = 0; status == QD_OK && net->spare && slot < net->slots; slot++)
	{
		QD_POLL(env, slot);
		lower_begin(net, slot, 1);
		net->above[slot] = 0;
	}
	if (status == QD_OK)
		status = check_columns(&s, kind);
	qd_net_release(env, kind);
	return status;
}

void
qd_net_close(qd_net *net)
{
	const qd_env *env = net->env;

	qd_net_release(env, net->spare);
	qd_net_release(env, net->room);
	qd_net_release(env, net->low);
	qd_net_release(env, net->above);
	qd_net_release(env, net->cell);
	qd_net_release(env, net->column);
	qd_net_release(env, net->row);
	qd_net_release(env, net->across);
	qd_net_release(env, net->start);
	qd_net_release(env, net->need);
}

qd_status
qd_allocate_grid(const qd_env *env, qd_grid *grid, qd_rounding rounding, bool explain,
				 qd_problem *problem)
{
	qd_net		net = {0};
	setup		s = {0};
	uint8_t    *kind;
	uint8_t    *forced = NULL;
	int64_t    *need = NULL;
	int32_t		open = 0;
	qd_status	status;

	if (rounding == QD_CUMULATIVE)
		return QD_INTERNAL;
	kind = qd_net_alloc(env, (size_t) grid->n + 1);
	status = begin_net(&s, env, grid, &net, problem);
	if (status == QD_OK && !kind)
		status = QD_NOMEM;
	if (status == QD_OK)
		status = settle_cells(&s, kind, &open);
	if (status == QD_OK)
		status = check_needs(&s, kind);
	if (status == QD_OK)
		status = build_net(&s, kind, open);
	qd_net_release(env, kind);

	/* a full grid without bounds holds whatever totals agree */
	if (status == QD_OK && !net.full)
	{
		forced = qd_net_alloc(env, (size_t) net.slots + 1);
		need = qd_net_alloc(env, sizeof(int64_t) * ((size_t) net.lines + 1));
		status = forced && need ? find_flow(&s, forced) : QD_NOMEM;
		if (status == QD_OK)
			status = qd_net_forced(&net, forced);
		if (status == QD_OK)
		{
			memcpy(need, net.need, sizeof(int64_t) * (size_t) net.lines);
			settle_forced(&s, forced, need, rounding);
		}
	}
	if (status == QD_OK)
	{
		drop_idle_bounds(&net);
		status = share_net(&s, rounding, explain);
	}
	if (status == QD_OK)
		status = finish(&s);
	qd_net_release(env, need);
	qd_net_release(env, forced);
	qd_net_close(&net);
	return status;
}
