/*
 * net.h
 *		What the kernels of a grid share.  Internal.
 *
 * The cells that are still open (a weight above 0, no lock) are the slots of a
 * network from rows to columns.  Lines are numbered through: rows, then
 * columns.  All is in the mirrored domain (grand total >= 0).
 */
#ifndef QD_NET_H
#define QD_NET_H

#include "kernel/grid.h"
#include "kernel/group.h"

/* no amount of a cell reaches it: all totals and floors together are below 2^61 */
#define QD_NET_ROOM	((int64_t) 1 << 62)

/* in arrays: palloc aligns to 8 bytes, see kernel.h */
typedef long double qd_wide __attribute__((aligned(8)));

typedef struct qd_net
{
	const qd_env *env;
	qd_grid    *grid;
	int32_t		rows;
	int32_t		lines;			/* rows + columns */
	int32_t		slots;
	bool		full;			/* every row meets every column, no bounds */
	bool		bounded;		/* low and room are given */
	bool		mirrored;		/* the grand total is below 0 */
	int32_t    *start;			/* [lines + 1]: a row's slots are start[row]
								 * .. start[row + 1] - 1; a column's stand
								 * there in `across` */
	int32_t    *across;			/* [slots], at start[column] - slots */
	int32_t    *row;			/* [slots] */
	int32_t    *column;			/* [slots], from 0 */
	int32_t    *cell;			/* [slots] */
	int64_t    *low;			/* [slots] or NULL: 0; not below 0 if the cell
								 * need not be */
	int64_t    *spare;			/* [slots] or NULL: how far below low the cell
								 * may go if it must */
	int64_t    *room;			/* [slots] or NULL: QD_NET_ROOM; how far above
								 * low it may go */
	int64_t    *above;			/* [slots], the amount, less low */
	int64_t    *need;			/* [lines], what the slots of a line have to
								 * sum to, less low */
	bool		unsettled;		/* the fit did not converge */
} qd_net;

static inline int64_t
qd_net_low(const qd_net *net, int32_t slot)
{
	return net->low ? net->low[slot] : 0;
}

static inline int64_t
qd_net_room(const qd_net *net, int32_t slot)
{
	return net->room ? net->room[slot] : QD_NET_ROOM;
}

/* slot i of a line: of a row by itself, of a column by way of across */
static inline int32_t
qd_net_slot(const qd_net *net, int32_t line, int32_t i)
{
	return line < net->rows ? i : net->across[i - net->slots];
}

/* the line at the other end */
static inline int32_t
qd_net_other(const qd_net *net, int32_t line, int32_t slot)
{
	return line < net->rows ? net->rows + net->column[slot] : net->row[slot];
}

/* all from env->alloc; NULL when it was out of memory, or for nothing */
static inline void *
qd_net_alloc(const qd_env *env, size_t size)
{
	return env->alloc(env->arg, size ? size : 1);
}

static inline void
qd_net_release(const qd_env *env, void *ptr)
{
	if (ptr)
		env->release(env->arg, ptr);
}

/*
 * The network of a grid whose rows may have any totals: every cell at its least
 * (below 0, too), held cells taken out, above[] 0.  QD_INFEASIBLE: as
 * qd_allocate_grid for sums, locks and bounds of cells, and QD_ON_LINE for a
 * column whose cells cannot hold its total.  net is {0}; close it whatever the
 * status.
 */
extern qd_status qd_net_open(const qd_env *env, qd_grid *grid, qd_net *net, qd_problem *problem);
extern void qd_net_close(qd_net *net);

/* takes slots out whose `keep` is 0, in place; start, across follow */
extern void qd_net_filter(qd_net *net, const uint8_t *keep);

/*
 * Changes above[] so that every line's needs are met within the rooms, by
 * maximum flow from what is there; QD_INFEASIBLE with the lines in conflict if
 * there is no way.
 */
extern qd_status qd_net_flow(qd_net *net, qd_problem *problem);

/*
 * forced[slot] = 1 where the slot has the amount it has in above[] in every
 * solution (after qd_net_flow), else 0.
 */
extern qd_status qd_net_forced(qd_net *net, uint8_t *forced);

/*
 * Numbers the strongly connected components of the lines, along slots that
 * `forward` (row to column) and `backward` allow.
 */
extern qd_status qd_net_components(const qd_net *net,
								   bool (*forward) (const void *arg, int32_t slot),
								   bool (*backward) (const void *arg, int32_t slot),
								   const void *arg, int32_t *component);

/*
 * The fit: x = clamp(factor of the row * factor of the column * weight, low,
 * low + room) with every line's sum as needed.  Needs a solution in which no
 * slot is at a bound.  Sets unsettled where it does not converge.
 */
extern qd_status qd_net_fit(qd_net *net, qd_wide * factor);

/* the fitted value of a slot before it is clamped; factor as qd_net_fit left it */
static inline long double
qd_net_fitted(const qd_net *net, const qd_wide * factor, int32_t slot)
{
	return factor[net->row[slot]] * factor[net->rows + net->column[slot]] *
		(long double) net->grid->weight[net->cell[slot]];
}

/* the same within its bounds */
static inline long double
qd_net_clamped(const qd_net *net, const qd_wide * factor, int32_t slot)
{
	long double x = qd_net_fitted(net, factor, slot);

	if (net->bounded)
	{
		long double low = (long double) net->low[slot];
		int64_t		room = net->room[slot];

		if (x < low)
			x = low;
		else if (room < QD_NET_ROOM && x > low + (long double) room)
			x = low + (long double) room;
	}
	return x;
}

/*
 * Integers in above[] with every line's sum as needed, nearest to the fit: at
 * most a unit away and with the least sum of distances (QD_HAMILTON), or at the
 * fit's own factors rounded, up to one factor a line (QD_WEBSTER).  tied[slot]
 * = 1 where another solution is as good; NULL: nobody asks.
 */
extern qd_status qd_net_round(qd_net *net, const qd_wide * factor, qd_rounding rounding,
							  uint8_t *tied);

#endif							/* QD_NET_H */
