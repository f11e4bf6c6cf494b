/*
 * grid.h
 *		A grid of cells whose rows and whose columns both have totals: fitted
 *		in proportion to the weights, rounded so that both margins hold.
 */
#ifndef QD_GRID_H
#define QD_GRID_H

#include "kernel/kernel.h"

/*
 * Cells that the grid does not list do not exist, and none is listed twice.  A cell without a weight
 * takes no part, one of weight 0 stays at its floor.  Bounds: a missing floor
 * is 0 (grand total >= 0) or none (< 0), a missing cap is none or 0.  The
 * caller has checked that floor <= cap in a cell.
 *
 * The answer depends on the numbers of the lines (sums of floating point are
 * taken in that order) and, between equally good roundings, on rank: give
 * lines numbers that do not depend on the order of the cells.
 */
typedef struct qd_grid
{
	int32_t		n;				/* cells */
	int32_t		rows;
	int32_t		columns;
	const int32_t *row;			/* [n], the line of a cell, from 0 */
	const int32_t *column;		/* [n] */
	const int64_t *row_total;	/* [rows] */
	const int64_t *column_total;	/* [columns] */
	const int32_t *rank;		/* [rows + columns], columns after rows: which
								 * line is served first, all different */
	const uint8_t *flags;		/* [n] */
	int64_t    *weight;			/* [n], read where QD_HAS_WEIGHT; set to 1
								 * when all are 0 */
	int64_t    *floor;			/* [n] or NULL when no cell has one;
								 * overwritten */
	int64_t    *cap;			/* [n] or NULL; overwritten */
	int64_t    *amount;			/* [n], in: the lock where QD_LOCKED; out */
	uint8_t    *rule;			/* [n], out */
	int64_t    *exact;			/* [n], out, or NULL: the fitted value, cut */
	int32_t    *exact_millionths;	/* [n], out: and what was cut, >= 0 */
	uint8_t    *conflict;		/* [rows + columns], out where the problem is
								 * QD_ON_LINES: the lines it is about */
} qd_grid;

/*
 * QD_INFEASIBLE: by problem->subject.
 *	QD_ON_SUMS: the rows sum to asked, the columns to low.
 *	QD_ON_LINE: line problem->row (columns count from grid->rows) has the total
 *		asked, its cells can hold low .. high by their bounds alone.
 *	QD_ON_LINES: the rows in conflict total asked, but can hold at most high
 *		(for a grand total below 0: at least): what the floors and locks of
 *		other rows leave of the columns in conflict, which total low, and
 *		elsewhere in the other columns.  With problem->row = 1 the same of
 *		columns, and rows: there are fewer of them.
 *	QD_ON_LOCK, QD_ON_BOUND: as for rows of a partition.
 * QD_OVERFLOW: totals, locks and floors reach 2^61 units together.
 * QD_CUMULATIVE is not offered: QD_INTERNAL.
 */
extern qd_status qd_allocate_grid(const qd_env *env, qd_grid *grid, qd_rounding rounding,
								  bool explain, qd_problem *problem);

/* two cells of one row and one column, the earliest such pair; -1: there are none */
extern qd_status qd_grid_find_twins(const qd_env *env, const qd_grid *grid, int32_t *first,
									int32_t *second);

#endif							/* QD_GRID_H */
