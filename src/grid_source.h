/*
 * grid_source.h
 *		The cells of a grid, one row of a window partition each, as the kernels
 *		of grids take them; and what these complain about.
 */
#ifndef QD_GRID_SOURCE_H
#define QD_GRID_SOURCE_H

#include "compat.h"

#include "decimal.h"
#include "kernel/grid.h"
#include "key_map.h"
#include "source.h"

/* the arguments that all functions of a grid begin with */
enum
{
	QD_GRID_WEIGHT,
	QD_GRID_ROW_KEY,
	QD_GRID_ROW_TOTAL,
	QD_GRID_COLUMN_KEY,
	QD_GRID_COLUMN_TOTAL,
	QD_GRID_FLOOR,
	QD_GRID_CAP,
	QD_GRID_LOCKED,
	QD_GRID_UNIT,
	QD_GRID_NEXT
};

/* an amount that is one in all cells of a row, or of a column */
typedef struct qd_line_amount
{
	const char *name;			/* "row_total" */
	const char *word;			/* what a row has one of */
	int			arg;
	qd_direction direction;
	bool		per_row;
	bool		absent;			/* NULL in all cells */
	int32		known;			/* lines whose amount has been read */
	int32		room;			/* lines that fit the arrays */
	Datum	   *value;			/* [room] as given; 0 where NULL */
	bool	   *isnull;			/* [room] */
	int64	   *count;			/* [room] in units */
	int32	   *first;			/* [room] the cell that came first */
} qd_line_amount;

/* the rows of a grid, or its columns */
typedef struct qd_margin
{
	const char *what;			/* "row", "column" */
	qd_key_map *keys;
	int32	   *line;			/* [n] the number of each cell's key */
	qd_line_amount total;
} qd_margin;

typedef struct qd_grid_source
{
	qd_margin	rows;
	qd_margin	columns;
	qd_line_amount row_floor;	/* of rows' totals */
	qd_line_amount row_cap;
	int32		complete;		/* cells whose both keys are known */
	qd_amounts	locked;
	qd_amounts	floor;
	qd_amounts	cap;
	qd_weights	weights;
	uint8	   *flags;			/* [n] */
	int32	   *row_number;		/* by line: numbers that do not depend on the
								 * order of the cells, as grid has them */
	int32	   *column_number;
	qd_grid		grid;			/* amount, rule: [n], for the caller to keep */
} qd_grid_source;

extern void qd_grid_check_size(const qd_source *source);
extern void qd_grid_begin(qd_source *source, qd_grid_source *g, const qd_unit *unit,
						  int row_floor_arg, int row_cap_arg);
extern void qd_grid_read(qd_source *source, qd_grid_source *g, const qd_unit *unit,
						 const qd_single *const *single, int singles);
extern void qd_grid_end(qd_grid_source *g);
pg_noreturn extern void qd_grid_report(qd_source *source, const qd_grid_source *g,
									   const qd_unit *unit, qd_status status,
									   const qd_problem *problem);

#endif							/* QD_GRID_SOURCE_H */
