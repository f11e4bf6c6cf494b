/*
 * row_total.h
 *		The totals of a grid's rows that its cells and the totals of its columns
 *		can hold, nearest in proportion to those asked for.
 */
#ifndef QD_ROW_TOTAL_H
#define QD_ROW_TOTAL_H

#include "kernel/grid.h"

/* a row without a floor; without a cap it has QD_NO_CAP */
#define QD_NO_FLOOR	INT64_MIN

/*
 * grid->row_total is what is asked for; the answer is in row_amount: the same
 * where the grid can be filled so, otherwise the lexicographically optimal base
 * of what it can hold, in proportion to what is asked for, rounded: each row less
 * than a unit from it, rows that have all they can hold together still have, and
 * the fractions rounded up are the largest that can be.  row_floor, row_cap: of a row's total, or NULL where
 * none has one; the caller has checked that floor <= cap.  The order of the
 * cells and the numbers of the lines do not matter, the rank of rows does between
 * equally good roundings.  grid->amount and rule are overwritten, floor and cap
 * are not, grid->exact is not read.
 *
 * QD_INFEASIBLE: as qd_allocate_grid, but QD_ON_LINE of columns only, and
 *	QD_ON_ROW_BOUNDS in place of QD_ON_LINES: the floors of the rows in
 *		conflict (problem->bound = QD_HAS_FLOOR) total asked, but they can
 *		hold at most high; or their caps (QD_HAS_CAP), but must hold at
 *		least low.
 * QD_OVERFLOW: as qd_allocate_grid.
 */
extern qd_status qd_grid_row_totals(const qd_env *env, qd_grid *grid, const int64_t *row_floor,
									const int64_t *row_cap, int64_t *row_amount,
									qd_problem *problem);

#endif							/* QD_ROW_TOTAL_H */
