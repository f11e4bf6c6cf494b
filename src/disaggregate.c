/*
 * disaggregate.c
 *		disaggregate, disaggregate_detail: totals of long periods spread over
 *		shorter ones, without a step where one ends and the next begins.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "kernel/denton.h"
#include "key_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_disaggregate_window);
PG_FUNCTION_INFO_V1(qd_disaggregate_detail);

enum
{
	ARG_TOTAL,
	ARG_BUCKET,
	ARG_INDICATOR,
	ARG_DAYS,
	ARG_METHOD,
	ARG_UNIT
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct series_state
{
	bool		isdone;
	qd_unit		unit;
	qd_denton_method method;
	qd_series	series;
} series_state;

static const char *const method_name[] = {"proportional", "additive"};

/* the buckets met so far, in window order; their keys' numbers are theirs */
typedef struct bucket_list
{
	qd_key_map *keys;
	int32		count;
	int32		room;
	int32	   *start;			/* [room + 1] */
	int64	   *total;			/* [room] */
	uint8	   *has_total;		/* [room] */
} bucket_list;

/* error: a type that cannot be hashed */
static void
buckets_begin(qd_source *source, bucket_list *list)
{
	list->keys = qd_key_map_begin(source, ARG_BUCKET, "the bucket");
	list->count = 0;
	list->room = 64;
	list->start = qd_source_alloc(source, sizeof(int32) * ((Size) list->room + 1));
	list->total = qd_source_alloc(source, sizeof(int64) * (Size) list->room);
	list->has_total = qd_source_alloc(source, (Size) list->room);
}

/* reads a row's bucket; errors: NULL, one that was left behind already */
static void
buckets_read(qd_source *source, bucket_list *list, int32 row)
{
	int32		bucket = qd_key_map_read(source, list->keys, row);

	if (bucket == QD_NULL_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bucket must not be null"),
				 errdetail("%s", source->describe(source, row)),
				 errhint("A bucket without a total is a bucket all the same: leave its total null.")));
	if (bucket < list->count - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bucket %s begins twice", qd_key_map_text(list->keys, bucket)),
				 errdetail("Rows %d and %d of the partition, in window order, with another bucket between them.",
						   list->start[bucket] + 1, row + 1),
				 errhint("The window needs an ORDER BY in order of time; add what tells several series apart to PARTITION BY.")));
	if (bucket == list->count - 1)
		return;
	if (list->count == list->room)
	{
		list->room = qd_more_room(list->room);
		list->start = repalloc_huge(list->start, sizeof(int32) * ((Size) list->room + 1));
		list->total = repalloc_huge(list->total, sizeof(int64) * (Size) list->room);
		list->has_total = repalloc_huge(list->has_total, (Size) list->room);
	}
	list->start[bucket] = row;
	list->has_total[bucket] = false;
	list->total[bucket] = 0;
	list->count++;
}

/* reads a row's total; it is that of all rows of the bucket, the last one met */
static void
totals_read(qd_source *source, bucket_list *list, const qd_unit *unit, int32 row, int32 bucket)
{
	bool		isnull;
	Datum		value = source->get(source, ARG_TOTAL, row, &isnull);
	int64		count = isnull ? 0 : qd_count_total(source, unit, value, row);

	if (list->start[bucket] == row)
	{
		list->total[bucket] = count;
		list->has_total[bucket] = !isnull;
		return;
	}
	if (list->total[bucket] == count && list->has_total[bucket] == !isnull)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("total must be the same in all rows of a bucket: %s and %s",
					list->has_total[bucket] ? qd_units_text(unit, list->total[bucket]) : "NULL",
					isnull ? "NULL" : qd_units_text(unit, count)),
			 errdetail("Bucket %s. %s", qd_key_map_text(list->keys, bucket),
					   source->describe(source, row)),
			 errhint("Every row has the total of its bucket; a bucket is what one total is spread over.")));
}

/* indicators or days */
typedef struct measure_column
{
	int			arg;
	const char *name;
	bool		per_row;
	bool		isnull;			/* where not per_row */
	double		constant;
	double		factor;			/* to what the kernel counts in */
	double	   *value;			/* [n]; NULL: the same everywhere */
} measure_column;

#define LEAST_MEASURE	1e-300
#define MOST_MEASURE	1e300

/* a number as floating point, which only steers the fit; no other becomes 0 */
static double
measure(qd_source *source, const measure_column *m, Datum datum, int32 row)
{
	int64		mantissa;
	int			scale;
	qd_decimal	d;
	double		x;

	if (qd_decimal_small(datum, &mantissa, &scale))
		return (double) mantissa / (double) qd_power10[scale] * m->factor;
	qd_decimal_decode(datum, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number: %s", m->name, qd_numeric_text(datum)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Use a null indicator to leave the row out.")));
	x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
	if (!(fabs(x) >= LEAST_MEASURE && fabs(x) <= MOST_MEASURE && fabs(x * m->factor) <= MOST_MEASURE))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range: its magnitude must be between 10^-300 and 10^300",
						m->name),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Only ratios matter: use a coarser or finer measure.")));
	return x * m->factor;
}

static void
measures_begin(qd_source *source, measure_column *m, int arg, const char *name, double factor)
{
	m->arg = arg;
	m->name = name;
	m->factor = factor;
	m->per_row = !source->constant(source, arg);
	m->isnull = false;
	m->constant = 1;
	m->value = NULL;
	if (!m->per_row)
	{
		Datum		datum = source->get(source, arg, 0, &m->isnull);

		if (!m->isnull)
			m->constant = measure(source, m, datum, 0);
		/* one indicator above 0 for all is as good as any other */
		if (m->isnull || (m->constant > 0 && arg == ARG_INDICATOR) || m->constant == 1)
			return;
	}
	m->value = qd_source_alloc(source, sizeof(double) * (Size) source->n);
}

/* reads a row; false where it is NULL */
static bool
measures_read(qd_source *source, measure_column *m, int32 row)
{
	bool		isnull;
	Datum		datum;

	if (!m->per_row)
	{
		if (m->value)
			m->value[row] = m->constant;
		return !m->isnull;
	}
	datum = source->get(source, m->arg, row, &isnull);
	m->value[row] = isnull ? 0 : measure(source, m, datum, row);
	return !isnull;
}

/* two rows that the ORDER BY cannot tell apart have no order in time */
static void
check_order(qd_source *source, int32 row)
{
	if (WinRowsArePeers(source->winobj, row - 1, row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the window's ORDER BY does not put the rows in order of time"),
				 errdetail("Rows %d and %d of the partition are peers.", row, row + 1),
				 errhint("ORDER BY the period; add what tells several series apart to PARTITION BY.")));
}

/* a row of which all has been read */
static void
check_row(qd_source *source, qd_denton_method method, const measure_column *indicator,
		  const measure_column *days, bool no_days, int32 row, uint8 flags)
{
	bool		isnull;

	if (!(flags & QD_HAS_WEIGHT))
		return;
	if (no_days)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("days must not be null"),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Days are how long the piece is; to leave it out make its indicator null.")));
	if (days->value && days->value[row] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("days must not be negative: %s",
						qd_numeric_text(source->get(source, days->arg, row, &isnull))),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Days are how long the piece is.")));
	if (method == QD_DENTON_PROPORTIONAL && indicator->value && indicator->value[row] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("indicator must not be negative with the method 'proportional': %s",
						qd_numeric_text(source->get(source, indicator->arg, row, &isnull))),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Use method => 'additive'.")));
}

#define NO_DAYS 0x80			/* a flag of a row while it is read */

/* all columns of all rows, every other one a row behind (see source.c) */
static void
read_columns(qd_source *source, const qd_unit *unit, qd_denton_method method, uint8 *flags,
			 bucket_list *buckets, measure_column *indicator, measure_column *days,
			 const qd_single *method_value, const qd_single *unit_value)
{
	const qd_single *single[] = {method_value, unit_value};
	int			single_lag[lengthof(single)];
	int			indicator_lag;
	int			days_lag;
	int			turn = 0;
	int32		before = 0;		/* the bucket of the row before */
	int32		step;
	int			i;

	(void) qd_next_lag(true, &turn);	/* the bucket: 0 */
	(void) qd_next_lag(true, &turn);	/* the total: 1 */
	days_lag = qd_next_lag(days->per_row, &turn);
	indicator_lag = qd_next_lag(indicator->per_row, &turn);
	for (i = 0; i < lengthof(single); i++)
		single_lag[i] = qd_next_lag(single[i]->per_row, &turn);

	for (step = 0; step <= source->n; step++)
	{
		int32		row;

		qd_next_row(source);
		if (step < source->n)
			buckets_read(source, buckets, step);
		if (step > 0)
			totals_read(source, buckets, unit, step - 1, before);
		before = buckets->count - 1;
		row = step - days_lag;
		if (qd_in_rows(source, row) && !measures_read(source, days, row))
			flags[row] |= NO_DAYS;
		row = step - indicator_lag;
		if (qd_in_rows(source, row) && measures_read(source, indicator, row))
			flags[row] |= QD_HAS_WEIGHT;
		for (i = 0; i < lengthof(single); i++)
		{
			row = step - single_lag[i];
			if (single[i]->per_row && qd_in_rows(source, row))
				qd_single_check(source, single[i], row);
		}
		row = step - 1;
		if (row >= 0)
			check_row(source, method, indicator, days, (flags[row] & NO_DAYS) != 0, row,
					  flags[row]);
		if (step > 0 && step < source->n)
			check_order(source, step);
	}
}

pg_noreturn static void report(qd_source *source, const qd_unit *unit, bucket_list *buckets,
							   qd_status status, const qd_problem *problem);

static void
report(qd_source *source, const qd_unit *unit, bucket_list *buckets, qd_status status,
	   const qd_problem *problem)
{
	if (status == QD_INFEASIBLE)
	{
		int32		bucket = 0;

		while (bucket + 1 < buckets->count && buckets->start[bucket + 1] <= problem->row)
			bucket++;
		ereport(ERROR,
				(errcode(ERRCODE_QD_INFEASIBLE),
				 errmsg("total %s of bucket %s has nowhere to go",
						qd_units_text(unit, problem->asked),
						qd_key_map_text(buckets->keys, bucket)),
				 errdetail("All its rows have a null indicator, an indicator of 0, or 0 days."),
				 errhint("Use method => 'additive' where the indicator is 0, or give the bucket a total of 0.")));
	}
	if (status == QD_OVERFLOW)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amounts do not fit 64 bits in units of %s", qd_units_text(unit, 1)),
				 errdetail("%s", source->describe(source, problem->row)),
				 errhint("Use a coarser unit.")));
	qd_report(source, unit, status, problem);
}

/*
 * Reads the arguments, spreads the totals, and leaves amounts and rules in
 * *state.  51 bytes a row and about 150 a bucket while it works (12 more a row
 * of the largest bucket); 9 a row (25 for the detail) are kept.
 */
static void
disaggregate(qd_source *source, series_state *state, bool explain)
{
	qd_series  *series = &state->series;
	Size		n = (Size) source->n;
	qd_single	unit_value;
	qd_single	method_value;
	measure_column indicator;
	measure_column days;
	bucket_list buckets;
	uint8	   *flags;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		row;

	qd_single_begin(source, &unit_value, ARG_UNIT, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	qd_single_begin(source, &method_value, ARG_METHOD, "method", false);
	state->method = (qd_denton_method) qd_take_label(&method_value, method_name,
													 lengthof(method_name),
													 "Use 'proportional' or 'additive'.");
	flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	/* what is added to an indicator is in units, so that it has to be, too */
	measures_begin(source, &indicator, ARG_INDICATOR, "indicator",
				   state->method == QD_DENTON_PROPORTIONAL ? 1 :
				   pow(10, state->unit.scale) / (double) state->unit.multiple);
	measures_begin(source, &days, ARG_DAYS, "days", 1);
	buckets_begin(source, &buckets);
	read_columns(source, &state->unit, state->method, flags, &buckets, &indicator, &days,
				 &method_value, &unit_value);
	for (row = 0; row < source->n; row++)
	{
		flags[row] &= ~NO_DAYS;
		CHECK_FOR_INTERRUPTS();
	}
	buckets.start[buckets.count] = source->n;

	series->n = source->n;
	series->buckets = buckets.count;
	series->start = buckets.start;
	series->flags = flags;
	series->indicator = indicator.value;
	series->days = days.value;
	series->total = buckets.total;
	series->has_total = buckets.has_total;
	series->amount = qd_source_alloc(source, sizeof(int64) * n);
	series->exact = qd_source_alloc(source, sizeof(int64) * n);
	series->exact_fraction = qd_source_alloc(source, sizeof(uint64) * n);
	series->rule = qd_source_alloc(source, n);

	qd_source_env(source, &env);
	status = qd_disaggregate(&env, series, state->method, &problem);
	if (status != QD_OK)
		report(source, &state->unit, &buckets, status, &problem);
	pfree(flags);
	if (indicator.value)
		pfree(indicator.value);
	if (days.value)
		pfree(days.value);
	pfree(buckets.start);
	pfree(buckets.total);
	pfree(buckets.has_total);
	qd_key_map_end(buckets.keys);
	if (!explain)
	{
		pfree(series->exact);
		pfree(series->exact_fraction);
	}
}

/* the state of the current partition */
static series_state *
partition_state(FunctionCallInfo fcinfo, bool explain)
{
	series_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(series_state));

	if (unlikely(!state->isdone))
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		disaggregate(&source, state, explain);
		qd_source_end(&source);
		state->isdone = true;
	}
	return state;
}

/* disaggregate(...) OVER (...) → numeric: the amount of the current row */
Datum
qd_disaggregate_window(PG_FUNCTION_ARGS)
{
	series_state *state = partition_state(fcinfo, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->series.rule[row] == QD_PIECE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->series.amount[row]));
}

/* disaggregate_detail(...) OVER (...) → allocation, NULL where the amount is */
Datum
qd_disaggregate_detail(PG_FUNCTION_ARGS)
{
	series_state *state = partition_state(fcinfo, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	const char *rule = NULL;

	switch ((qd_piece_rule) state->series.rule[row])
	{
		case QD_PIECE_NONE:
			PG_RETURN_NULL();
		case QD_PIECE_ZERO:
			rule = "zero";
			break;
		case QD_PIECE_FITTED:
			rule = method_name[state->method];
			break;
		case QD_PIECE_INTERPOLATED:
			rule = "interpolated";
			break;
		case QD_PIECE_EXTRAPOLATED:
			rule = "extrapolated";
			break;
	}
	PG_RETURN_DATUM(qd_allocation_named(fcinfo, &state->unit, state->series.amount[row],
										qd_fixed_millionths(state->series.exact[row],
															state->series.exact_fraction[row]),
										rule));
}
