/*
 * allocate_margins.c
 *		allocate_margins and allocate_margins_detail: the cells of a grid, one
 *		row of the partition each, whose rows and whose columns have totals.
 */
#include "compat.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "kernel/grid.h"
#include "key_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_allocate_margins);
PG_FUNCTION_INFO_V1(qd_allocate_margins_detail);

enum
{
	ARG_WEIGHT,
	ARG_ROW_KEY,
	ARG_ROW_TOTAL,
	ARG_COLUMN_KEY,
	ARG_COLUMN_TOTAL,
	ARG_FLOOR,
	ARG_CAP,
	ARG_LOCKED,
	ARG_UNIT,
	ARG_ROUNDING
};

/* slots are counted twice in 31 bits */
#define MOST_CELLS	((1 << 30) - 1)

/* what the kernel takes of totals, or of locks and floors, together */
#define MOST_UNITS	((INT64CONST(1) << 61) - 1)

/* names of lines in a message, and how many more there are */
#define MOST_NAMES	8

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

/* the rows of a grid, or its columns */
typedef struct margin
{
	const char *what;			/* "row", "column" */
	const char *total_name;		/* "row_total", "column_total" */
	int			total_arg;
	bool		per_row;
	qd_key_map *keys;
	int32	   *line;			/* [n] the number of each cell's key */
	int32		known;			/* lines whose total has been read */
	int32		room;			/* lines that fit the arrays */
	Datum	   *total;			/* [room] as given; 0 where NULL */
	bool	   *isnull;			/* [room] */
	int64	   *count;			/* [room] in units */
	int32	   *first;			/* [room] the cell that came first */
} margin;

typedef struct grid_source
{
	margin		rows;
	margin		columns;
	int32		complete;		/* cells whose both keys are known */
} grid_source;

/* an error's detail: the cell by its keys */
static char *
cell_describe(qd_source *source, int32 cell)
{
	const grid_source *g = source->extra;

	if (cell >= g->complete)
		return psprintf("Row %d of the partition, in window order.", cell + 1);
	return psprintf("Cell of row %s and column %s.",
					qd_key_map_text(g->rows.keys, g->rows.line[cell]),
					qd_key_map_text(g->columns.keys, g->columns.line[cell]));
}

static void
margin_begin(qd_source *source, margin *m, const char *what, int key_arg, const char *key_name,
			 int total_arg, const char *total_name)
{
	m->what = what;
	m->total_name = total_name;
	m->total_arg = total_arg;
	m->per_row = !source->constant(source, total_arg);
	m->keys = qd_key_map_begin(source, key_arg, key_name);
	m->line = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	m->known = 0;
	m->room = 64;
	m->total = qd_source_alloc(source, sizeof(Datum) * m->room);
	m->isnull = qd_source_alloc(source, sizeof(bool) * m->room);
	m->count = qd_source_alloc(source, sizeof(int64) * m->room);
	m->first = qd_source_alloc(source, sizeof(int32) * m->room);
}

static void
read_key(qd_source *source, margin *m, int32 cell)
{
	m->line[cell] = qd_key_map_read(source, m->keys, cell);
	if (m->line[cell] == QD_NULL_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s_key must not be null", m->what),
				 errdetail("Row %d of the partition, in window order.", cell + 1),
				 errhint("Leave such rows out by a WHERE clause.")));
}

static char *
total_text(Datum value, bool isnull)
{
	return isnull ? pstrdup("NULL") : qd_numeric_text(value);
}

/* a line's total in units */
static int64
count_total(qd_source *source, const margin *m, const qd_unit *unit, Datum value, int32 cell)
{
	int64		count;
	qd_count_status status = qd_count_units(unit, value, QD_EXACTLY, &count);

	if (status != QD_COUNT_OK)
		qd_bad_amount(source, unit, m->total_name, value, status, cell);
	return count;
}

/* the total of a cell's line: the first is kept, the others must be the same */
static void
read_total(qd_source *source, margin *m, const qd_unit *unit, int32 cell)
{
	int32		line = m->line[cell];
	bool		isnull;
	Datum		value = source->get(source, m->total_arg, cell, &isnull);

	if (line == m->known)
	{
		MemoryContext old;

		if (line == m->room)
		{
			m->room = qd_more_room(m->room);
			m->total = repalloc_huge(m->total, sizeof(Datum) * (Size) m->room);
			m->isnull = repalloc_huge(m->isnull, sizeof(bool) * (Size) m->room);
			m->count = repalloc_huge(m->count, sizeof(int64) * (Size) m->room);
			m->first = repalloc_huge(m->first, sizeof(int32) * (Size) m->room);
		}
		old = MemoryContextSwitchTo(source->context);
		m->total[line] = isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		MemoryContextSwitchTo(old);
		m->isnull[line] = isnull;
		m->count[line] = isnull ? 0 : count_total(source, m, unit, value, cell);
		m->first[line] = cell;
		m->known++;
		return;
	}
	if (isnull == m->isnull[line] && (isnull || qd_same_numeric(value, m->total[line])))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be the same in all cells of %s %s: %s and %s", m->total_name, m->what,
					qd_key_map_text(m->keys, line), total_text(m->total[line], m->isnull[line]),
					total_text(value, isnull)),
			 errhint("A %s has one total; add what it depends on to PARTITION BY or to the key.",
					 m->what)));
}

/*
 * Numbers that do not depend on the order of the cells: number[line] of each
 * line, after `offset`; and the totals by them.
 */
static int64 *
renumber(qd_source *source, margin *m, int32 *number)
{
	int32		count = qd_key_map_count(m->keys);
	int32	   *sorted = qd_key_map_sorted(source, m->keys);
	int64	   *total = qd_source_alloc(source, sizeof(int64) * (Size) count);
	int32		i;

	for (i = 0; i < count; i++)
	{
		number[sorted[i]] = i;
		total[i] = m->count[sorted[i]];
	}
	pfree(sorted);
	return total;
}

/* lines in the order of their first cells, a row before its column */
static void
rank_lines(const grid_source *g, const int32 *row_number, const int32 *column_number, int32 *rank)
{
	int32		rows = qd_key_map_count(g->rows.keys);
	int32		columns = qd_key_map_count(g->columns.keys);
	int32		row = 0;
	int32		column = 0;

	while (row < rows || column < columns)
	{
		if (column == columns || (row < rows && g->rows.first[row] <= g->columns.first[column]))
		{
			rank[row_number[row]] = row + column;
			row++;
		}
		else
		{
			rank[rows + column_number[column]] = row + column;
			column++;
		}
	}
}

/* "East", "West" and 3 more; conflict is by number, from offset on */
static char *
conflict_names(const margin *m, const int32 *number, const uint8 *conflict, int32 offset, int32 *count)
{
	StringInfoData names;
	int32		lines = qd_key_map_count(m->keys);
	int32		i;

	initStringInfo(&names);
	*count = 0;
	for (i = 0; i < lines; i++)
	{
		if (!conflict[offset + number[i]])
			continue;
		if (*count < MOST_NAMES)
			appendStringInfo(&names, "%s%s", *count > 0 ? ", " : "", qd_key_map_text(m->keys, i));
		(*count)++;
	}
	if (*count > MOST_NAMES)
		appendStringInfo(&names, " and %d more", *count - MOST_NAMES);
	return names.data;
}

pg_noreturn static void report_lines(const grid_source *g, const qd_unit *unit,
									 const qd_grid *grid, const qd_problem *problem,
									 const int32 *row_number, const int32 *column_number);

/* rows (or columns) and columns (or rows) that cannot both have their totals */
static void
report_lines(const grid_source *g, const qd_unit *unit, const qd_grid *grid,
			 const qd_problem *problem, const int32 *row_number, const int32 *column_number)
{
	int32		rows;
	int32		columns;
	char	   *row_names = conflict_names(&g->rows, row_number, grid->conflict, 0, &rows);
	char	   *column_names = conflict_names(&g->columns, column_number, grid->conflict,
											  grid->rows, &columns);
	bool		by_columns = problem->row == 1;
	const char *what = by_columns ? "column" : "row";
	const char *other = by_columns ? "row" : "column";
	const char *names = by_columns ? column_names : row_names;
	const char *other_names = by_columns ? row_names : column_names;
	int32		count = by_columns ? columns : rows;
	int32		other_count = by_columns ? rows : columns;
	const char *bound = problem->high < problem->asked ? "most" : "least";
	char	   *asked = qd_units_text(unit, problem->asked);
	char	   *most = qd_units_text(unit, problem->high);
	char	   *elsewhere = qd_units_text(unit, problem->elsewhere);
	qd_int128	taken = problem->low + problem->elsewhere - problem->high;
	StringInfoData detail;

	initStringInfo(&detail);
	if (other_count > 0)
	{
		appendStringInfo(&detail, "%c%s%s %s %s %s", pg_toupper(other[0]), other + 1,
						 other_count == 1 ? "" : "s", other_names,
						 other_count == 1 ? "has" : "have together",
						 qd_units_text(unit, problem->low));
		if (taken != 0)
			appendStringInfo(&detail, ", of which floors and locks of other %ss take %s", what,
							 qd_units_text(unit, taken));
		appendStringInfo(&detail, "; in other %ss ", other);
	}
	else
		appendStringInfo(&detail, "In all %ss ", other);
	if (problem->elsewhere == 0)
		appendStringInfo(&detail, "%s no room.", count == 1 ? "it has" : "they have");
	else
		appendStringInfo(&detail, "caps and locks leave %s at %s %s.", count == 1 ? "it" : "them",
						 bound, elsewhere);
	ereport(ERROR,
			(errcode(ERRCODE_QD_INFEASIBLE),
			 errmsg("row and column totals cannot both be met: %s%s %s %s %s, but can hold at %s %s",
					what, count == 1 ? "" : "s", names, count == 1 ? "has" : "have together",
					asked, bound, most),
			 errdetail("%s", detail.data),
			 errhint("Weights of 0 or NULL, missing cells, floors, caps and locks leave no other.")));
	pg_unreachable();
}

/* a line that its own cells cannot serve */
pg_noreturn static void
report_line(const margin *m, const qd_unit *unit, const qd_problem *problem, int32 line)
{
	char	   *low = qd_units_text(unit, problem->low);
	char	   *high = qd_units_text(unit, problem->high);

	ereport(ERROR,
			(errcode(ERRCODE_QD_INFEASIBLE),
			 errmsg("total %s of %s %s cannot be met: its cells can hold %s",
					qd_units_text(unit, problem->asked), m->what, qd_key_map_text(m->keys, line),
					problem->unbounded_high ? psprintf("at least %s", low) :
					problem->unbounded_low ? psprintf("at most %s", high) :
					problem->low == problem->high ? psprintf("exactly %s", low) :
					psprintf("%s to %s", low, high)),
			 errhint("Floors, caps and locks leave no other; cells with a null weight take no part.")));
	pg_unreachable();
}

/* the line that has a number */
static int32
line_of(const margin *m, const int32 *number, int32 wanted)
{
	int32		line = 0;

	while (line < qd_key_map_count(m->keys) && number[line] != wanted)
		line++;
	return line;
}

pg_noreturn static void
report(qd_source *source, const qd_unit *unit, qd_status status, const qd_problem *problem,
	   const qd_grid *grid, const int32 *row_number, const int32 *column_number)
{
	const grid_source *g = source->extra;

	if (status == QD_INFEASIBLE && problem->subject == QD_ON_SUMS)
		ereport(ERROR,
				(errcode(ERRCODE_QD_INFEASIBLE),
				 errmsg("row totals sum to %s, column totals to %s",
						qd_units_text(unit, problem->asked), qd_units_text(unit, problem->low)),
				 errhint("Both must have one sum: allocate() splits the sum of the one over the other.")));
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_LINES)
		report_lines(g, unit, grid, problem, row_number, column_number);
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_LINE)
	{
		if (problem->row < grid->rows)
			report_line(&g->rows, unit, problem, line_of(&g->rows, row_number, problem->row));
		report_line(&g->columns, unit, problem,
					line_of(&g->columns, column_number, problem->row - grid->rows));
	}
	if (status == QD_OVERFLOW)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amounts are too large together in units of %s", qd_units_text(unit, 1)),
				 errdetail("Totals of both margins are counted together, and so are locks and floors: at most " INT64_FORMAT " units.",
						   MOST_UNITS),
				 errhint("Use a coarser unit.")));
	qd_report(source, unit, status, problem);
}

/*
 * All columns of all cells, every other one a cell behind (see source.c): the
 * keys of a cell, the totals of the cell before, then the others by turns.
 */
static void
read_cells(qd_source *source, grid_source *g, const qd_unit *unit, const qd_single *unit_value,
		   const qd_single *rounding_value, qd_amounts *locked, qd_amounts *floor,
		   qd_amounts *cap, qd_weights *weights, uint8 *flags)
{
	const qd_single *single[] = {unit_value, rounding_value};
	qd_amounts *amounts[] = {locked, floor, cap};
	int			single_lag[lengthof(single)];
	int			amounts_lag[lengthof(amounts)];
	int			weight_lag;
	int			turn = g->columns.per_row ? 0 : 1;
	int32		step;
	int			i;

	for (i = 0; i < lengthof(single); i++)
		single_lag[i] = qd_next_lag(single[i]->per_row, &turn);
	for (i = 0; i < lengthof(amounts); i++)
		amounts_lag[i] = qd_next_lag(amounts[i]->per_row, &turn);
	/* a weight does not count beside a lock, so the lock comes first */
	weight_lag = Max(qd_next_lag(weights->per_row, &turn), amounts_lag[0]);

	for (step = 0; step <= source->n; step++)
	{
		int32		cell = step - 1;

		qd_next_row(source);
		if (qd_in_rows(source, step))
			read_key(source, &g->rows, step);
		if (qd_in_rows(source, cell))
			read_total(source, &g->rows, unit, cell);
		if (qd_in_rows(source, step))
		{
			read_key(source, &g->columns, step);
			g->complete = step + 1;
		}
		if (qd_in_rows(source, cell))
			read_total(source, &g->columns, unit, cell);
		for (i = 0; i < lengthof(single); i++)
			if (single[i]->per_row && qd_in_rows(source, step - single_lag[i]))
				qd_single_check(source, single[i], step - single_lag[i]);
		for (i = 0; i < lengthof(amounts); i++)
			if (qd_in_rows(source, step - amounts_lag[i]))
				qd_amounts_read(source, amounts[i], unit, step - amounts_lag[i], flags);
		if (qd_in_rows(source, step - weight_lag))
			qd_weights_read(source, weights, step - weight_lag, flags);
		if (qd_in_rows(source, cell) && (flags[cell] & (QD_HAS_FLOOR | QD_HAS_CAP)))
			qd_check_bounds(source, floor, cap, cell, flags[cell], true);
	}
}

/* two rows of the partition for one cell */
static void
check_twins(qd_source *source, const qd_env *env, const qd_grid *grid)
{
	int32		first;
	int32		second;
	qd_problem	problem = {0};
	const qd_unit one = {1, 0, 0};
	qd_status	status = qd_grid_find_twins(env, grid, &first, &second);
	const grid_source *g = source->extra;

	if (status != QD_OK)
		qd_report(source, &one, status, &problem);
	if (first >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cell of row %s and column %s appears more than once",
						qd_key_map_text(g->rows.keys, g->rows.line[first]),
						qd_key_map_text(g->columns.keys, g->columns.line[first])),
				 errdetail("Rows %d and %d of the partition, in window order.", first + 1,
						   second + 1),
				 errhint("Sum them by GROUP BY, or add what tells them apart to PARTITION BY.")));
}

/*
 * Reads the arguments, allocates, and leaves amounts and rules in *state: 9
 * bytes a cell (12 more for the detail).  60 to 90 are needed for a while.
 */
static void
allocate(qd_source *source, margins_state *state, bool explain)
{
	Size		n = (Size) source->n;
	const qd_unit *unit = &state->unit;
	grid_source g = {{0}};
	qd_grid		grid = {0};
	qd_single	unit_value;
	qd_single	rounding_value;
	qd_amounts	locked;
	qd_amounts	floor;
	qd_amounts	cap;
	qd_weights	weights;
	qd_rounding rounding;
	uint8	   *flags;
	int32	   *row_number;
	int32	   *column_number;
	int32	   *rank;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		cell;

	if (source->n > MOST_CELLS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("grid of %d cells is too large", source->n),
				 errdetail("A grid can have at most %d cells.", MOST_CELLS),
				 errhint("Use PARTITION BY to split it.")));
	qd_single_begin(source, &unit_value, ARG_UNIT, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	qd_single_begin(source, &rounding_value, ARG_ROUNDING, "rounding", false);
	rounding = qd_take_rounding(&rounding_value);
	if (rounding == QD_CUMULATIVE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cumulative rounding is not offered for both margins of a grid"),
				 errhint("Use 'hamilton' or 'webster'.")));

	state->amount = qd_source_alloc(source, sizeof(int64) * n);
	state->rule = qd_source_alloc(source, n);
	flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	grid.weight = qd_source_alloc(source, sizeof(int64) * n);

	source->extra = &g;
	source->describe = cell_describe;
	margin_begin(source, &g.rows, "row", ARG_ROW_KEY, "row_key", ARG_ROW_TOTAL, "row_total");
	margin_begin(source, &g.columns, "column", ARG_COLUMN_KEY, "column_key", ARG_COLUMN_TOTAL,
				 "column_total");
	qd_amounts_begin(source, &locked, ARG_LOCKED, "locked", unit, QD_EXACTLY, QD_LOCKED,
					 state->amount);
	qd_amounts_begin(source, &floor, ARG_FLOOR, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &cap, ARG_CAP, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	qd_weights_begin(source, &weights, ARG_WEIGHT, QD_LOCKED, grid.weight);
	read_cells(source, &g, unit, &unit_value, &rounding_value, &locked, &floor, &cap, &weights,
			   flags);
	qd_weights_end(source, &weights, flags);

	grid.n = source->n;
	grid.rows = qd_key_map_count(g.rows.keys);
	grid.columns = qd_key_map_count(g.columns.keys);
	row_number = qd_source_alloc(source, sizeof(int32) * (Size) grid.rows);
	column_number = qd_source_alloc(source, sizeof(int32) * (Size) grid.columns);
	rank = qd_source_alloc(source, sizeof(int32) * ((Size) grid.rows + grid.columns));
	grid.row_total = renumber(source, &g.rows, row_number);
	grid.column_total = renumber(source, &g.columns, column_number);
	rank_lines(&g, row_number, column_number, rank);
	grid.rank = rank;
	grid.conflict = qd_source_alloc(source, (Size) grid.rows + grid.columns);

	qd_source_env(source, &env);
	grid.row = g.rows.line;
	grid.column = g.columns.line;
	check_twins(source, &env, &grid);
	for (cell = 0; cell < source->n; cell++)
	{
		/* a line without a total has no part in anything */
		if (g.rows.isnull[g.rows.line[cell]] || g.columns.isnull[g.columns.line[cell]])
			flags[cell] = 0;
		CHECK_FOR_INTERRUPTS();
	}
	{
		int32	   *row = qd_source_alloc(source, sizeof(int32) * n);
		int32	   *column = qd_source_alloc(source, sizeof(int32) * n);

		for (cell = 0; cell < source->n; cell++)
		{
			row[cell] = row_number[g.rows.line[cell]];
			column[cell] = column_number[g.columns.line[cell]];
			CHECK_FOR_INTERRUPTS();
		}
		grid.row = row;
		grid.column = column;
	}
	grid.flags = flags;
	grid.floor = floor.any ? floor.value : NULL;
	grid.cap = cap.any ? cap.value : NULL;
	grid.amount = state->amount;
	grid.rule = state->rule;
	if (explain)
	{
		grid.exact = state->exact = qd_source_alloc(source, sizeof(int64) * n);
		grid.exact_millionths = state->exact_millionths =
			qd_source_alloc(source, sizeof(int32) * n);
	}

	status = qd_allocate_grid(&env, &grid, rounding, explain, &problem);
	if (status != QD_OK)
		report(source, unit, status, &problem, &grid, row_number, column_number);
	pfree(flags);
	pfree(grid.weight);
	pfree((void *) grid.row);
	pfree((void *) grid.column);
	pfree(g.rows.line);
	pfree(g.columns.line);
	if (floor.value)
		pfree(floor.value);
	if (cap.value)
		pfree(cap.value);
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
