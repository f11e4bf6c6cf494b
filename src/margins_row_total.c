/*
 * margins_row_total.c
 *		margins_row_total: the totals that the rows of a grid can have, nearest
 *		to those asked for.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "decimal.h"
#include "grid_source.h"
#include "kernel/row_total.h"

PG_FUNCTION_INFO_V1(qd_margins_row_total);

/* after those of all grids */
enum
{
	ARG_ROW_FLOOR = QD_GRID_NEXT,
	ARG_ROW_CAP
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct row_total_state
{
	bool		isdone;
	int32	   *line;			/* [n] the row of each cell */
	bool	   *isnull;			/* by row */
	Datum	   *total;
} row_total_state;

/* the bounds of rows by their numbers; NULL where none has one */
static int64 *
number_bounds(qd_source *source, const qd_grid_source *g, const qd_line_amount *bound, int64 none)
{
	int32		rows = g->grid.rows;
	int64	   *value;
	bool		any = false;
	int32		i;

	if (bound->absent)
		return NULL;
	value = qd_source_alloc(source, sizeof(int64) * (Size) rows);
	for (i = 0; i < rows; i++)
	{
		/* a row without a total has no part in anything */
		bool		has = !bound->isnull[i] && !g->rows.total.isnull[i];

		value[g->row_number[i]] = has ? bound->count[i] : none;
		any = any || has;
	}
	if (any)
		return value;
	pfree(value);
	return NULL;
}

/*
 * Reads the arguments and leaves the rows' totals in *state, with 4 bytes a
 * cell.  While it reads it needs what allocate_margins does; where what is asked
 * for cannot be, some 70 bytes more.
 */
static void
find_totals(qd_source *source, row_total_state *state)
{
	qd_unit		units;
	const qd_unit *unit = &units;
	qd_grid_source g = {{0}};
	qd_single	unit_value;
	const qd_single *const single[] = {&unit_value};
	int64	   *row_floor;
	int64	   *row_cap;
	int64	   *amount;			/* by number */
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	MemoryContext old;
	int32		i;

	qd_grid_check_size(source);
	qd_single_begin(source, &unit_value, QD_GRID_UNIT, "unit", true);
	qd_take_unit(&unit_value, &units);
	qd_grid_begin(source, &g, unit, ARG_ROW_FLOOR, ARG_ROW_CAP);
	qd_grid_read(source, &g, unit, single, lengthof(single));
	row_floor = number_bounds(source, &g, &g.row_floor, QD_NO_FLOOR);
	row_cap = number_bounds(source, &g, &g.row_cap, QD_NO_CAP);
	amount = qd_source_alloc(source, sizeof(int64) * (Size) g.grid.rows);

	qd_source_env(source, &env);
	status = qd_grid_row_totals(&env, &g.grid, row_floor, row_cap, amount, &problem);
	if (status != QD_OK)
		qd_grid_report(source, &g, unit, status, &problem);
	state->line = g.rows.line;
	state->isnull = g.rows.total.isnull;
	state->total = qd_source_alloc(source, sizeof(Datum) * (Size) g.grid.rows);
	old = MemoryContextSwitchTo(source->context);
	for (i = 0; i < g.grid.rows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		state->total[i] = qd_units_numeric(unit, amount[g.row_number[i]]);
	}
	MemoryContextSwitchTo(old);
	qd_grid_end(&g);
	pfree(amount);
	pfree(g.grid.amount);
	pfree(g.grid.rule);
	pfree(g.columns.line);
}

/* margins_row_total(...) OVER (...) → numeric: the total of the current cell's row */
Datum
qd_margins_row_total(PG_FUNCTION_ARGS)
{
	row_total_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(row_total_state));
	int32		line;

	if (!state->isdone)
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		find_totals(&source, state);
		qd_source_end(&source);
		state->isdone = true;
	}
	line = state->line[WinGetCurrentPosition(PG_WINDOW_OBJECT())];
	if (state->isnull[line])
		PG_RETURN_NULL();
	PG_RETURN_DATUM(state->total[line]);
}
