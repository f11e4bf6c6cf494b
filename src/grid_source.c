/*
 * grid_source.c
 *		Reads the cells of a grid: keys and totals of rows and columns, and what
 *		cells of a partition have.  Says what is wrong with them.
 */
#include "compat.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "grid_source.h"

/* slots are counted twice in 31 bits */
#define MOST_CELLS	((1 << 30) - 1)

/* what the kernel takes of totals, or of locks and floors, together */
#define MOST_UNITS	((INT64CONST(1) << 61) - 1)

/* names of lines in a message, and how many more there are */
#define MOST_NAMES	8

/* unit, rounding */
#define MOST_SINGLES	2

/* an error's detail: the cell by its keys */
static char *
cell_describe(qd_source *source, int32 cell)
{
	const qd_grid_source *g = source->extra;

	if (cell >= g->complete)
		return psprintf("Row %d of the partition, in window order.", cell + 1);
	return psprintf("Cell of row %s and column %s.",
					qd_key_map_text(g->rows.keys, g->rows.line[cell]),
					qd_key_map_text(g->columns.keys, g->columns.line[cell]));
}

/* an amount of each line; QD_NO_ARG: none has one */
static void
line_amount_begin(qd_source *source, qd_line_amount *a, int arg, const char *name,
				  const char *word, qd_direction direction)
{
	a->arg = arg;
	a->name = name;
	a->word = word;
	a->direction = direction;
	a->per_row = false;
	a->absent = arg == QD_NO_ARG;
	a->known = 0;
	if (a->absent)
		return;
	a->per_row = !source->constant(source, arg);
	a->room = 64;
	a->value = qd_source_alloc(source, sizeof(Datum) * a->room);
	a->isnull = qd_source_alloc(source, sizeof(bool) * a->room);
	a->count = qd_source_alloc(source, sizeof(int64) * a->room);
	a->first = qd_source_alloc(source, sizeof(int32) * a->room);
}

/* the same of one that no line need have */
static void
line_bound_begin(qd_source *source, qd_line_amount *a, int arg, const char *name,
				 qd_direction direction)
{
	line_amount_begin(source, a, arg, name, name, direction);
	if (!a->absent && !a->per_row)
		source->get(source, arg, 0, &a->absent);
}

static void
margin_begin(qd_source *source, qd_margin *m, const char *what, int key_arg, const char *key_name,
			 int total_arg, const char *total_name)
{
	m->what = what;
	m->keys = qd_key_map_begin(source, key_arg, key_name);
	m->line = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	line_amount_begin(source, &m->total, total_arg, total_name, "total", QD_EXACTLY);
}

static void
read_key(qd_source *source, qd_margin *m, int32 cell)
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
amount_text(Datum value, bool isnull)
{
	return isnull ? pstrdup("NULL") : qd_numeric_text(value);
}

/* a line's amount in units */
static int64
count_amount(qd_source *source, const qd_line_amount *a, const qd_unit *unit, Datum value, int32 cell)
{
	int64		count;
	qd_count_status status = qd_count_units(unit, value, a->direction, &count);

	if (status != QD_COUNT_OK)
		qd_bad_amount(source, unit, a->name, value, status, cell);
	return count;
}

/* the amount of a cell's line: the first is kept, the others must be the same */
static void
read_amount(qd_source *source, const qd_margin *m, qd_line_amount *a, const qd_unit *unit,
			int32 cell)
{
	int32		line = m->line[cell];
	bool		isnull;
	Datum		value;

	if (a->absent)
		return;
	value = source->get(source, a->arg, cell, &isnull);
	if (line == a->known)
	{
		MemoryContext old;

		if (line == a->room)
		{
			a->room = qd_more_room(a->room);
			a->value = repalloc_huge(a->value, sizeof(Datum) * (Size) a->room);
			a->isnull = repalloc_huge(a->isnull, sizeof(bool) * (Size) a->room);
			a->count = repalloc_huge(a->count, sizeof(int64) * (Size) a->room);
			a->first = repalloc_huge(a->first, sizeof(int32) * (Size) a->room);
		}
		old = MemoryContextSwitchTo(source->context);
		a->value[line] = isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		MemoryContextSwitchTo(old);
		a->isnull[line] = isnull;
		a->count[line] = isnull ? 0 : count_amount(source, a, unit, value, cell);
		a->first[line] = cell;
		a->known++;
		return;
	}
	if (isnull == a->isnull[line] && (isnull || qd_same_numeric(value, a->value[line])))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be the same in all cells of %s %s: %s and %s", a->name, m->what,
					qd_key_map_text(m->keys, line), amount_text(a->value[line], a->isnull[line]),
					amount_text(value, isnull)),
			 errhint("A %s has one %s; add what it depends on to PARTITION BY or to the key.",
					 m->what, a->word)));
}

/* a row that can have no total */
static void
check_row_bounds(const qd_grid_source *g)
{
	const qd_line_amount *floor = &g->row_floor;
	const qd_line_amount *cap = &g->row_cap;
	int32		line;

	if (floor->absent || cap->absent)
		return;
	for (line = 0; line < floor->known; line++)
	{
		CHECK_FOR_INTERRUPTS();
		if (floor->isnull[line] || cap->isnull[line] || floor->count[line] <= cap->count[line])
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("row_floor %s of row %s is above row_cap %s",
						qd_numeric_text(floor->value[line]), qd_key_map_text(g->rows.keys, line),
						qd_numeric_text(cap->value[line])),
				 errhint("Floors are rounded up to the unit, caps down.")));
	}
}

/*
 * Numbers that do not depend on the order of the cells: number[line] of each
 * line, after `offset`; and the totals by them.
 */
static int64 *
renumber(qd_source *source, qd_margin *m, int32 *number)
{
	int32		count = qd_key_map_count(m->keys);
	int32	   *sorted = qd_key_map_sorted(source, m->keys);
	int64	   *total = qd_source_alloc(source, sizeof(int64) * (Size) count);
	int32		i;

	for (i = 0; i < count; i++)
	{
		number[sorted[i]] = i;
		total[i] = m->total.count[sorted[i]];
	}
	pfree(sorted);
	return total;
}

/* lines in the order of their first cells, a row before its column */
static void
rank_lines(const qd_grid_source *g, const int32 *row_number, const int32 *column_number, int32 *rank)
{
	int32		rows = qd_key_map_count(g->rows.keys);
	int32		columns = qd_key_map_count(g->columns.keys);
	int32		row = 0;
	int32		column = 0;

	while (row < rows || column < columns)
	{
		if (column == columns || (row < rows && g->rows.total.first[row] <= g->columns.total.first[column]))
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
conflict_names(const qd_margin *m, const int32 *number, const uint8 *conflict, int32 offset, int32 *count)
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

pg_noreturn static void report_lines(const qd_grid_source *g, const qd_unit *unit,
									 const qd_problem *problem);

/* rows (or columns) and columns (or rows) that cannot both have their totals */
static void
report_lines(const qd_grid_source *g, const qd_unit *unit, const qd_problem *problem)
{
	const qd_grid *grid = &g->grid;
	int32		rows;
	int32		columns;
	char	   *row_names = conflict_names(&g->rows, g->row_number, grid->conflict, 0, &rows);
	char	   *column_names = conflict_names(&g->columns, g->column_number, grid->conflict,
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
report_line(const qd_margin *m, const qd_unit *unit, const qd_problem *problem, int32 line)
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
line_of(const qd_margin *m, const int32 *number, int32 wanted)
{
	int32		line = 0;

	while (line < qd_key_map_count(m->keys) && number[line] != wanted)
		line++;
	return line;
}

/* rows whose own bounds the columns cannot serve */
pg_noreturn static void
report_row_bounds(const qd_grid_source *g, const qd_unit *unit, const qd_problem *problem)
{
	int32		rows;
	char	   *names = conflict_names(&g->rows, g->row_number, g->grid.conflict, 0, &rows);
	bool		is_floor = problem->bound == QD_HAS_FLOOR;
	char	   *asked = qd_units_text(unit, problem->asked);
	char	   *held = qd_units_text(unit, is_floor ? problem->high : problem->low);
	const char *limit = is_floor ? "can hold at most" : "must hold at least";

	ereport(ERROR,
			(errcode(ERRCODE_QD_INFEASIBLE),
			 rows == 1 ?
			 errmsg("%s %s of row %s cannot be met: with these column totals it %s %s",
					is_floor ? g->row_floor.name : g->row_cap.name, asked, names, limit, held) :
			 errmsg("%s of rows %s cannot be met: together it is %s, but with these column totals they %s %s",
					is_floor ? g->row_floor.name : g->row_cap.name, names, asked, limit, held),
			 errhint("Weights of 0 or NULL, missing cells, floors, caps and locks leave no other.")));
	pg_unreachable();
}

/* turns a kernel's complaint into an error of the grid's rows, columns and cells */
void
qd_grid_report(qd_source *source, const qd_grid_source *g, const qd_unit *unit, qd_status status,
			   const qd_problem *problem)
{
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_SUMS)
		ereport(ERROR,
				(errcode(ERRCODE_QD_INFEASIBLE),
				 errmsg("row totals sum to %s, column totals to %s",
						qd_units_text(unit, problem->asked), qd_units_text(unit, problem->low)),
				 errhint("Both must have one sum: allocate() splits the sum of the one over the other.")));
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_LINES)
		report_lines(g, unit, problem);
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_ROW_BOUNDS)
		report_row_bounds(g, unit, problem);
	if (status == QD_INFEASIBLE && problem->subject == QD_ON_LINE)
	{
		if (problem->row < g->grid.rows)
			report_line(&g->rows, unit, problem, line_of(&g->rows, g->row_number, problem->row));
		report_line(&g->columns, unit, problem,
					line_of(&g->columns, g->column_number, problem->row - g->grid.rows));
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
read_cells(qd_source *source, qd_grid_source *g, const qd_unit *unit,
		   const qd_single *const *single, int singles)
{
	qd_line_amount *bound[] = {&g->row_floor, &g->row_cap};
	qd_amounts *amounts[] = {&g->locked, &g->floor, &g->cap};
	int			single_lag[MOST_SINGLES];
	int			bound_lag[lengthof(bound)];
	int			amounts_lag[lengthof(amounts)];
	int			weight_lag;
	int			turn = g->columns.total.per_row ? 0 : 1;
	int32		step;
	int			i;

	for (i = 0; i < singles; i++)
		single_lag[i] = qd_next_lag(single[i]->per_row, &turn);
	for (i = 0; i < lengthof(bound); i++)
		bound_lag[i] = qd_next_lag(bound[i]->per_row, &turn);
	for (i = 0; i < lengthof(amounts); i++)
		amounts_lag[i] = qd_next_lag(amounts[i]->per_row, &turn);
	/* a weight does not count beside a lock, so the lock comes first */
	weight_lag = Max(qd_next_lag(g->weights.per_row, &turn), amounts_lag[0]);

	for (step = 0; step <= source->n; step++)
	{
		int32		cell = step - 1;

		qd_next_row(source);
		if (qd_in_rows(source, step))
			read_key(source, &g->rows, step);
		if (qd_in_rows(source, cell))
			read_amount(source, &g->rows, &g->rows.total, unit, cell);
		if (qd_in_rows(source, step))
		{
			read_key(source, &g->columns, step);
			g->complete = step + 1;
		}
		if (qd_in_rows(source, cell))
			read_amount(source, &g->columns, &g->columns.total, unit, cell);
		for (i = 0; i < singles; i++)
			if (single[i]->per_row && qd_in_rows(source, step - single_lag[i]))
				qd_single_check(source, single[i], step - single_lag[i]);
		for (i = 0; i < lengthof(bound); i++)
			if (!bound[i]->absent && qd_in_rows(source, step - bound_lag[i]))
				read_amount(source, &g->rows, bound[i], unit, step - bound_lag[i]);
		for (i = 0; i < lengthof(amounts); i++)
			if (qd_in_rows(source, step - amounts_lag[i]))
				qd_amounts_read(source, amounts[i], unit, step - amounts_lag[i], g->flags);
		if (qd_in_rows(source, step - weight_lag))
			qd_weights_read(source, &g->weights, step - weight_lag, g->flags);
		if (qd_in_rows(source, cell) && (g->flags[cell] & (QD_HAS_FLOOR | QD_HAS_CAP)))
			qd_check_bounds(source, &g->floor, &g->cap, cell, g->flags[cell], true);
	}
	check_row_bounds(g);
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
	const qd_grid_source *g = source->extra;

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

/* before anything is allocated */
void
qd_grid_check_size(const qd_source *source)
{
	if (source->n > MOST_CELLS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("grid of %d cells is too large", source->n),
				 errdetail("A grid can have at most %d cells.", MOST_CELLS),
				 errhint("Use PARTITION BY to split it.")));
}

/*
 * Begins to read all arguments from weight to locked, and bounds of rows' totals
 * where the function has them (or QD_NO_ARG).  *g is {0}.
 */
void
qd_grid_begin(qd_source *source, qd_grid_source *g, const qd_unit *unit, int row_floor_arg,
			  int row_cap_arg)
{
	Size		n = (Size) source->n;
	qd_grid    *grid = &g->grid;

	grid->amount = qd_source_alloc(source, sizeof(int64) * n);
	grid->rule = qd_source_alloc(source, n);
	g->flags = qd_source_alloc(source, n);
	memset(g->flags, 0, n);
	grid->weight = qd_source_alloc(source, sizeof(int64) * n);

	source->extra = g;
	source->describe = cell_describe;
	margin_begin(source, &g->rows, "row", QD_GRID_ROW_KEY, "row_key", QD_GRID_ROW_TOTAL,
				 "row_total");
	margin_begin(source, &g->columns, "column", QD_GRID_COLUMN_KEY, "column_key",
				 QD_GRID_COLUMN_TOTAL, "column_total");
	line_bound_begin(source, &g->row_floor, row_floor_arg, "row_floor", QD_UP);
	line_bound_begin(source, &g->row_cap, row_cap_arg, "row_cap", QD_DOWN);
	qd_amounts_begin(source, &g->locked, QD_GRID_LOCKED, "locked", unit, QD_EXACTLY, QD_LOCKED,
					 grid->amount);
	qd_amounts_begin(source, &g->floor, QD_GRID_FLOOR, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &g->cap, QD_GRID_CAP, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	qd_weights_begin(source, &g->weights, QD_GRID_WEIGHT, QD_LOCKED, grid->weight);
}

/* reads them, and single values to be checked in every row; then grid is complete */
void
qd_grid_read(qd_source *source, qd_grid_source *g, const qd_unit *unit,
			 const qd_single *const *single, int singles)
{
	Size		n = (Size) source->n;
	qd_grid    *grid = &g->grid;
	int32	   *rank;
	int32	   *row;
	int32	   *column;
	qd_env		env;
	int32		cell;

	read_cells(source, g, unit, single, singles);
	qd_weights_end(source, &g->weights, g->flags);

	grid->n = source->n;
	grid->rows = qd_key_map_count(g->rows.keys);
	grid->columns = qd_key_map_count(g->columns.keys);
	g->row_number = qd_source_alloc(source, sizeof(int32) * (Size) grid->rows);
	g->column_number = qd_source_alloc(source, sizeof(int32) * (Size) grid->columns);
	rank = qd_source_alloc(source, sizeof(int32) * ((Size) grid->rows + grid->columns));
	grid->row_total = renumber(source, &g->rows, g->row_number);
	grid->column_total = renumber(source, &g->columns, g->column_number);
	rank_lines(g, g->row_number, g->column_number, rank);
	grid->rank = rank;
	grid->conflict = qd_source_alloc(source, (Size) grid->rows + grid->columns);

	qd_source_env(source, &env);
	grid->row = g->rows.line;
	grid->column = g->columns.line;
	check_twins(source, &env, grid);
	row = qd_source_alloc(source, sizeof(int32) * n);
	column = qd_source_alloc(source, sizeof(int32) * n);
	for (cell = 0; cell < source->n; cell++)
	{
		int32		row_line = g->rows.line[cell];
		int32		column_line = g->columns.line[cell];

		/* a line without a total has no part in anything */
		if (g->rows.total.isnull[row_line] || g->columns.total.isnull[column_line])
			g->flags[cell] = 0;
		row[cell] = g->row_number[row_line];
		column[cell] = g->column_number[column_line];
		CHECK_FOR_INTERRUPTS();
	}
	grid->row = row;
	grid->column = column;
	grid->flags = g->flags;
	grid->floor = g->floor.any ? g->floor.value : NULL;
	grid->cap = g->cap.any ? g->cap.value : NULL;
}

/* what has a part for each cell, but for amounts and rules and the cells' lines */
void
qd_grid_end(qd_grid_source *g)
{
	pfree(g->flags);
	pfree(g->grid.weight);
	pfree((void *) g->grid.row);
	pfree((void *) g->grid.column);
	if (g->floor.value)
		pfree(g->floor.value);
	if (g->cap.value)
		pfree(g->cap.value);
}
