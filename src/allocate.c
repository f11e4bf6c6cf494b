/*
 * allocate.c
 *		allocate, allocate_detail and allocate_array: a total over the rows of
 *		a partition, or over an array.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_allocate);
PG_FUNCTION_INFO_V1(qd_allocate_detail);
PG_FUNCTION_INFO_V1(qd_allocate_array);

enum
{
	ARG_TOTAL,
	ARG_WEIGHT,
	ARG_FLOOR,
	ARG_CAP,
	ARG_LOCKED,
	ARG_UNIT,
	ARG_ROUNDING,
	ARG_COUNT
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct allocation_state
{
	bool		isdone;
	bool		isnull;			/* NULL total: every row is NULL */
	qd_unit		unit;
	qd_rows		rows;
} allocation_state;

/*
 * All columns of all rows, every other one a row behind (see source.c); the
 * bounds of each row are compared when it is complete.
 */
static void
read_columns(qd_source *source, const qd_unit *unit, uint8 *flags, const qd_single *total,
			 const qd_single *unit_value, const qd_single *rounding, qd_amounts *locked,
			 qd_amounts *floor, qd_amounts *cap, qd_weights *weights)
{
	const qd_single *single[] = {total, unit_value, rounding};
	qd_amounts *amounts[] = {locked, floor, cap};
	int			single_lag[lengthof(single)];
	int			amounts_lag[lengthof(amounts)];
	int			weight_lag;
	int			turn = 0;
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
		int32		row;

		qd_next_row(source);
		for (i = 0; i < lengthof(single); i++)
		{
			row = step - single_lag[i];
			if (single[i]->per_row && qd_in_rows(source, row))
				qd_single_check(source, single[i], row);
		}
		for (i = 0; i < lengthof(amounts); i++)
		{
			row = step - amounts_lag[i];
			if (qd_in_rows(source, row))
				qd_amounts_read(source, amounts[i], unit, row, flags);
		}
		row = step - weight_lag;
		if (qd_in_rows(source, row))
			qd_weights_read(source, weights, row, flags);
		row = step - 1;
		if (row >= 0 && (flags[row] & (QD_HAS_FLOOR | QD_HAS_CAP)))
			qd_check_bounds(source, floor, cap, row, flags[row], true);
	}
}

/*
 * Reads the arguments, allocates, and leaves amounts and rules in *state.
 * 8 + 8 + 2 bytes a row are kept (16 more with bounds), as much again is
 * needed for a while.
 */
static void
allocate(qd_source *source, allocation_state *state, bool explain)
{
	qd_rows    *rows = &state->rows;
	Size		n = (Size) source->n;
	const qd_unit *unit = &state->unit;
	qd_single	total;
	qd_single	unit_value;
	qd_single	rounding_value;
	qd_amounts	locked;
	qd_amounts	floor;
	qd_amounts	cap;
	qd_weights	weights;
	qd_rounding rounding;
	bool		plain;			/* nothing to read but weights */
	int64		count;
	uint8	   *flags;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		row;

	qd_single_begin(source, &total, ARG_TOTAL, "total", true);
	if (total.isnull)
	{
		for (row = 1; total.per_row && row < source->n; row++)
		{
			qd_next_row(source);
			qd_single_check(source, &total, row);
		}
		state->isnull = true;
		return;
	}
	qd_single_begin(source, &unit_value, ARG_UNIT, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	qd_single_begin(source, &rounding_value, ARG_ROUNDING, "rounding", false);
	rounding = qd_take_rounding(&rounding_value);
	count = qd_count_total(source, unit, total.value, -1);

	rows->n = source->n;
	rows->weight = qd_source_alloc(source, sizeof(int64) * n);
	rows->amount = qd_source_alloc(source, sizeof(int64) * n);
	rows->rule = qd_source_alloc(source, n);
	rows->state = qd_source_alloc(source, n);
	flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	rows->flags = flags;

	qd_amounts_begin(source, &locked, ARG_LOCKED, "locked", unit, QD_EXACTLY,
					 QD_LOCKED, rows->amount);
	qd_amounts_begin(source, &floor, ARG_FLOOR, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &cap, ARG_CAP, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	qd_weights_begin(source, &weights, ARG_WEIGHT, QD_LOCKED, rows->weight);
	plain = locked.absent && floor.absent && cap.absent &&
		!total.per_row && !unit_value.per_row && !rounding_value.per_row;
	if (plain)
		for (row = 0; row < source->n; row++)
		{
			qd_next_row(source);
			qd_weights_read(source, &weights, row, flags);
		}
	else
		read_columns(source, unit, flags, &total, &unit_value, &rounding_value, &locked, &floor,
					 &cap, &weights);
	qd_weights_end(source, &weights, flags);
	rows->floor = floor.any ? floor.value : NULL;
	rows->cap = cap.any ? cap.value : NULL;

	qd_source_env(source, &env);
	status = qd_allocate_rows(&env, rows, count, rounding, explain, &problem);
	if (status != QD_OK)
		qd_report(source, unit, status, &problem);
	pfree(flags);
	rows->flags = NULL;
	if (!explain)
	{
		pfree(rows->weight);
		pfree(rows->state);
		if (floor.value)
			pfree(floor.value);
		if (cap.value)
			pfree(cap.value);
	}
}

/* at the first row of a partition; apart, for it needs a large stack frame */
static pg_noinline void
begin_partition(FunctionCallInfo fcinfo, allocation_state *state, bool explain)
{
	qd_source	source = {0};

	qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
	allocate(&source, state, explain);
	qd_source_end(&source);
	state->isdone = true;
}

/* the state of the current partition */
static inline allocation_state *
partition_state(FunctionCallInfo fcinfo, bool explain)
{
	allocation_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(),
														 sizeof(allocation_state));

	if (unlikely(!state->isdone))
		begin_partition(fcinfo, state, explain);
	return state;
}

/* allocate(...) OVER (...) → numeric: the amount of the current row */
Datum
qd_allocate(PG_FUNCTION_ARGS)
{
	allocation_state *state = partition_state(fcinfo, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->isnull || state->rows.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->rows.amount[row]));
}

/* allocate_detail(...) OVER (...) → allocation, NULL where the amount is */
Datum
qd_allocate_detail(PG_FUNCTION_ARGS)
{
	allocation_state *state = partition_state(fcinfo, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	int64		whole;
	int64		millionths;

	if (state->isnull || state->rows.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	qd_rows_exact(&state->rows, (int32) row, &whole, &millionths);
	PG_RETURN_DATUM(qd_allocation_datum(fcinfo, &state->unit, state->rows.amount[row],
										(qd_int128) whole * 1000000 + millionths,
										state->rows.rule[row]));
}

/*
 * An allocation as a row: amount, exact (in millionths of the unit), what
 * rounding added, and the rule's name.
 */
Datum
qd_allocation_datum(FunctionCallInfo fcinfo, const qd_unit *unit, int64 amount,
					qd_int128 exact_millionths, uint8 rule)
{
	return qd_allocation_named(fcinfo, unit, amount, exact_millionths, qd_rule_name(rule));
}

/* the same, for what has rules of its own */
Datum
qd_allocation_named(FunctionCallInfo fcinfo, const qd_unit *unit, int64 amount,
					qd_int128 exact_millionths, const char *rule)
{
	TupleDesc	desc = qd_result_desc(fcinfo);
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = qd_units_numeric(unit, amount);
	values[1] = qd_millionths_numeric(unit, exact_millionths);
	values[2] = qd_millionths_numeric(unit, (qd_int128) amount * 1000000 - exact_millionths);
	values[3] = CStringGetTextDatum(rule);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* the blessed descriptor of a function that returns a composite; kept */
TupleDesc
qd_result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc = fcinfo->flinfo->fn_extra;

	if (!desc)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		desc = BlessTupleDesc(desc);
		fcinfo->flinfo->fn_extra = desc;
		MemoryContextSwitchTo(old);
	}
	return desc;
}

/* what arrays are as a source */
typedef struct array_source
{
	Datum	   *values[ARG_COUNT];
	bool	   *nulls[ARG_COUNT];
} array_source;

static Datum
array_get(qd_source *source, int arg, int32 row, bool *isnull)
{
	if (source->values[arg])
	{
		*isnull = source->nulls[arg][row];
		return source->values[arg][row];
	}
	*isnull = source->fcinfo->args[arg].isnull;
	return source->fcinfo->args[arg].value;
}

static bool
array_constant(qd_source *source, int arg)
{
	return source->values[arg] == NULL;
}

static char *
array_describe(qd_source *source, int32 row)
{
	return psprintf("Element %d of the arrays.", row + 1);
}

/* takes argument arg apart; its length must be n unless n is below 0 */
static int
take_array(FunctionCallInfo fcinfo, int arg, const char *name, int n, array_source *arrays)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	int			count;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name),
				 errhint("Use one call of allocate_array per row of it.")));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT,
					  &arrays->values[arg], &arrays->nulls[arg], &count);
	if (n >= 0 && count != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg_plural("%s has %d element, but weights has %d",
							   "%s has %d elements, but weights has %d", count, name, count, n),
				 errhint("Use NULL elements where there is none.")));
	return count;
}

/*
 * allocate_array(...) → numeric[]: the amounts, one an element of weights;
 * NULL where weights is.
 */
Datum
qd_allocate_array(PG_FUNCTION_ARGS)
{
	qd_source	source = {0};
	array_source arrays = {{0}, {0}};
	allocation_state state = {0};
	Datum	   *amounts;
	bool	   *nulls;
	int			lower = 1;
	int			i;

	if (PG_ARGISNULL(ARG_WEIGHT))
		PG_RETURN_NULL();
	source.n = take_array(fcinfo, ARG_WEIGHT, "weights", -1, &arrays);
	if (!PG_ARGISNULL(ARG_FLOOR))
		take_array(fcinfo, ARG_FLOOR, "floors", source.n, &arrays);
	if (!PG_ARGISNULL(ARG_CAP))
		take_array(fcinfo, ARG_CAP, "caps", source.n, &arrays);
	if (!PG_ARGISNULL(ARG_LOCKED))
		take_array(fcinfo, ARG_LOCKED, "locked", source.n, &arrays);
	if (source.n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(NUMERICOID));

	source.fcinfo = fcinfo;
	source.context = CurrentMemoryContext;
	source.values = arrays.values;
	source.nulls = arrays.nulls;
	source.get = array_get;
	source.constant = array_constant;
	source.describe = array_describe;
	allocate(&source, &state, false);

	amounts = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * (Size) source.n);
	nulls = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(bool) * (Size) source.n);
	for (i = 0; i < source.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		nulls[i] = state.isnull || state.rows.rule[i] == QD_RULE_NONE;
		amounts[i] = nulls[i] ? (Datum) 0 : qd_units_numeric(&state.unit, state.rows.amount[i]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(amounts, nulls, 1, &source.n, &lower,
											 NUMERICOID, -1, false, TYPALIGN_INT));
}
