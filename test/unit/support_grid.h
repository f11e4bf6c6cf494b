/*
 * support_grid.h
 *		Grids for unit tests, random tests and fuzzers.
 */
#ifndef QD_SUPPORT_GRID_H
#define QD_SUPPORT_GRID_H

#include "kernel/grid.h"
#include "support.h"

typedef struct board
{
	int32_t		n;
	int32_t		rows;
	int32_t		columns;
	qd_rounding rounding;
	int32_t    *row;
	int32_t    *column;
	int32_t    *rank;
	uint8_t    *flags;
	int64_t    *weight;
	int64_t    *floor;
	int64_t    *cap;
	int64_t    *lock;
	int64_t    *row_total;
	int64_t    *column_total;
} board;

/* every cell there, none with a weight; ranks in order */
extern board *board_new(int32_t rows, int32_t columns);
extern void board_free(board *b);

typedef struct board_outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_grid		grid;
} board_outcome;

/* runs the kernel on a copy */
extern board_outcome *run_board(const board *b, test_env *env, bool explain);
extern void board_outcome_free(board_outcome *o);

/* the fitted value of a cell */
extern double exact_of(const board_outcome *o, int32_t cell);

/* what a cell may have, as the rules of a partition say */
typedef struct range
{
	bool		part;
	bool		open;			/* may have more than one amount */
	qd_int128	low;			/* -FAR, FAR: none */
	qd_int128	high;
} range;

#define FAR ((qd_int128) 1 << 100)

extern range *ranges_of(const board *b);

/* whether there is one, by a search of its own */
extern bool has_solution(const board *b, const range *r);

/* with bounds, locks, missing cells and so on; mostly with a solution */
extern board *draw_board(source *s, int32_t most_lines, int64_t most_amount);
extern bool check_board(const board *b, source *s, verdict *v);
extern void print_board(const board *b);

#endif							/* QD_SUPPORT_GRID_H */
