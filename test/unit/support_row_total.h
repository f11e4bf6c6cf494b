/*
 * support_row_total.h
 *		Row totals of grids, for unit tests, random tests and the fuzzer.
 */
#ifndef QD_SUPPORT_ROW_TOTAL_H
#define QD_SUPPORT_ROW_TOTAL_H

#include "kernel/row_total.h"
#include "support_grid.h"

typedef struct sheet
{
	board	   *board;			/* row_total: what is asked for */
	int64_t    *row_floor;		/* [rows] or NULL */
	int64_t    *row_cap;
} sheet;

typedef struct sheet_outcome
{
	qd_status	status;
	qd_problem	problem;
	int64_t    *amount;			/* [rows] */
	uint8_t    *conflict;
} sheet_outcome;

extern void sheet_free(sheet *s);

/* runs the kernel on a copy */
extern sheet_outcome *run_sheet(const sheet *s, test_env *env);
extern void sheet_outcome_free(sheet_outcome *o);

extern sheet *draw_sheet(source *s, int32_t most_lines, int64_t most_amount);
extern bool check_sheet(const sheet *sheet, source *s, verdict *v);
extern void print_sheet(const sheet *s);

extern int64_t seen_unchanged;
extern int64_t seen_moved;
extern int64_t seen_proven;

#endif							/* QD_SUPPORT_ROW_TOTAL_H */
