/*
 * allocate_margins.c
 *		allocate_margins and allocate_margins_detail: the cells of a grid, one
 *		row of the partition each, whose rows and whose columns have totals.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "grid_source.h"

PG_FUNCTION_INFO_V1(qd_allocate_margins);
PG_FUNCTION_INFO_V1(qd_allocate_margins_detail);

/* after those of all grids */
#define ARG_ROUNDING	QD_GRID_NEXT

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct margins_state
{
	bool		isdone;
	qd_unit		unit;
	int64	   *amount;			/* [n] */
	uint8	   *rule;			/* [n] */
	int64	   *exact;			/* [n], for the detail only */
	int32	   *exact_millionths;
} margins_state;

/*
 * Reads the arguments, allocates, and leaves amounts and rules in *state: 9
 * bytes a cell (12 more for the detail).  60 to 90 are needed for a while.
 */
static void
allocate(qd_source *source, margins_state *state, bool explain)
{
	const qd_unit *unit = &state->unit;
	qd_grid_source g = {{0}};
	qd_grid    *grid = &g.grid;
	qd_single	unit_value;
	qd_single	rounding_value;
	const qd_single *const single[] = {&unit_value, &rounding_value};
	qd_rounding rounding;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;

	qd_grid_check_size(source);
	qd_single_begin(source, &unit_value, QD_GRID_UNIT, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	qd_single_begin(source, &rounding_value, ARG_ROUNDING, "rounding", false);
	rounding = qd_take_rounding(&rounding_value);
	if (rounding == QD_CUMULATIVE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cumulative rounding is not offered for both margins of a grid"),
				 errhint("Use 'hamilton' or 'webster'.")));

	qd_grid_begin(source, &g, unit, QD_NO_ARG, QD_NO_ARG);
	qd_grid_read(source, &g, unit, single, lengthof(single));
	if (explain)
	{
		grid->exact = state->exact = qd_source_alloc(source, sizeof(int64) * (Size) source->n);
		grid->exact_millionths = state->exact_millionths =
			qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	}
	qd_source_env(source, &env);
	status = qd_allocate_grid(&env, grid, rounding, explain, &problem);
	if (status != QD_OK)
		qd_grid_report(source, &g, unit, status, &problem);
	state->amount = grid->amount;
	state->rule = grid->rule;
	qd_grid_end(&g);
	pfree(g.rows.line);
	pfree(g.columns.line);
}

/* the state of the current partition, computed at its first row */
static margins_state *
partition_state(FunctionCallInfo fcinfo, bool explain)
{
	margins_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(margins_state));

	if (!state->isdone)
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		allocate(&source, state, explain);
		qd_source_end(&source);
		state->isdone = true;
	}
	return state;
}

/* allocate_margins(...) OVER (...) → numeric: the amount of the current cell */
Datum
qd_allocate_margins(PG_FUNCTION_ARGS)
{
	margins_state *state = partition_state(fcinfo, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->amount[row]));
}

/* allocate_margins_detail(...) OVER (...) → allocation, NULL where the amount is */
Datum
qd_allocate_margins_detail(PG_FUNCTION_ARGS)
{
	margins_state *state = partition_state(fcinfo, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_allocation_datum(fcinfo, &state->unit, state->amount[row],
										(qd_int128) state->exact[row] * 1000000 +
										state->exact_millionths[row],
										state->rule[row]));
}
