/*
 * calendar.c
 *		calendar(): the periods of a span, with their working days.
 *
 * One row a call, so that a span of any length takes constant memory here and
 * the executor looks for interrupts between rows.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "kernel/period.h"
#include "span.h"

PG_FUNCTION_INFO_V1(qd_calendar);

#define POLL_MASK	0xffff

/* days, ascending, each once */
typedef struct day_list
{
	DateADT    *day;
	int64		size;
} day_list;

typedef struct calendar_state
{
	qd_year_rule rule;
	qd_grain	grain;
	int64		next;			/* where the next period begins */
	int64		end;			/* of the span */
	day_list	exceptions;		/* weekdays off and weekends worked */
	int64		next_exception;
	TypeCacheEntry *range_type;
} calendar_state;

static const struct
{
	const char *name;
	qd_grain	grain;
}			grains[] = {
	{"year", QD_GRAIN_YEAR},
	{"quarter", QD_GRAIN_QUARTER},
	{"month", QD_GRAIN_MONTH},
	{"week", QD_GRAIN_WEEK},
	{"month_week", QD_GRAIN_MONTH_WEEK},
	{"day", QD_GRAIN_DAY}
};

/* the names with hyphens are how everybody writes them */
static const struct
{
	const char *name;
	qd_pattern	pattern;
}			patterns[] = {
	{"month", QD_PATTERN_MONTH},
	{"iso", QD_PATTERN_ISO},
	{"445", QD_PATTERN_445},
	{"454", QD_PATTERN_454},
	{"544", QD_PATTERN_544},
	{"4-4-5", QD_PATTERN_445},
	{"4-5-4", QD_PATTERN_454},
	{"5-4-4", QD_PATTERN_544}
};

static qd_grain
parse_grain(const char *name)
{
	for (size_t i = 0; i < lengthof(grains); i++)
	{
		if (pg_strcasecmp(name, grains[i].name) == 0)
			return grains[i].grain;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized grain: \"%s\"", name),
			 errhint("Grains are year, quarter, month, week, month_week and day.")));
	return QD_GRAIN_DAY;		/* keep compiler quiet */
}

static qd_pattern
parse_pattern(const char *name)
{
	for (size_t i = 0; i < lengthof(patterns); i++)
	{
		if (pg_strcasecmp(name, patterns[i].name) == 0)
			return patterns[i].pattern;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized pattern: \"%s\"", name),
			 errhint("Patterns are month, iso, 445, 454 and 544.")));
	return QD_PATTERN_MONTH;	/* keep compiler quiet */
}

static qd_anchor
parse_anchor(const char *name)
{
	if (pg_strcasecmp(name, "nearest") == 0)
		return QD_ANCHOR_NEAREST;
	if (pg_strcasecmp(name, "last") == 0)
		return QD_ANCHOR_LAST;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized year_anchor: \"%s\"", name),
			 errhint("Anchors are nearest, the week start nearest the 1st of first_month, and last, the last one on or before it.")));
	return QD_ANCHOR_NEAREST;	/* keep compiler quiet */
}

/* The year's rule from the arguments, all of which are checked. */
static void
read_rule(qd_year_rule *rule, const char *pattern, int32 first_month, int32 week_start,
		  const char *year_anchor)
{
	rule->pattern = parse_pattern(pattern);
	rule->anchor = parse_anchor(year_anchor);
	if (first_month < 1 || first_month > 12)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("first_month must be between 1 and 12: %d", first_month),
				 errhint("It is the calendar month that the fiscal year begins with, for example 4 for April.")));
	if (week_start < 1 || week_start > 7)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("week_start must be between 1 and 7: %d", week_start),
				 errhint("Days are numbered as in ISO 8601, from 1 for Monday to 7 for Sunday.")));
	if (rule->pattern == QD_PATTERN_ISO &&
		(first_month != 1 || week_start != 1 || rule->anchor != QD_ANCHOR_NEAREST))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pattern iso has no other first_month, week_start or year_anchor"),
				 errdetail("An ISO year begins on the Monday nearest 1 January."),
				 errhint("Use pattern 445 for a year of weeks with a beginning of its own.")));
	rule->first_month = first_month;
	rule->week_start = week_start;
}

static int
compare_days(const void *a, const void *b)
{
	DateADT		x = *(const DateADT *) a;
	DateADT		y = *(const DateADT *) b;

	return (x > y) - (x < y);
}

/*
 * Sorts days and drops repetitions.  qsort does not look for interrupts: it
 * sorts runs, which are merged here.
 */
static void
sort_days(day_list *list)
{
	DateADT    *from = list->day;
	DateADT    *into;
	int64		n = list->size;
	int64		kept = 0;

	if (n < 2)
		return;
	for (int64 i = 0; i < n; i += POLL_MASK + 1)
	{
		CHECK_FOR_INTERRUPTS();
		qsort(from + i, Min(POLL_MASK + 1, n - i), sizeof(DateADT), compare_days);
	}
	into = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(DateADT));
	for (int64 run = POLL_MASK + 1; run < n; run *= 2)
	{
		DateADT    *swap = from;

		for (int64 start = 0; start < n; start += 2 * run)
		{
			int64		a = start;
			int64		a_end = Min(start + run, n);
			int64		b = a_end;
			int64		b_end = Min(start + 2 * run, n);

			for (int64 i = start; i < b_end; i++)
			{
				if ((i & POLL_MASK) == 0)
					CHECK_FOR_INTERRUPTS();
				if (b == b_end || (a < a_end && from[a] <= from[b]))
					into[i] = from[a++];
				else
					into[i] = from[b++];
			}
		}
		from = into;
		into = swap;
	}
	for (int64 i = 0; i < n; i++)
	{
		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		if (kept == 0 || from[i] != from[kept - 1])
			from[kept++] = from[i];
	}
	pfree(into);
	list->day = from;
	list->size = kept;
}

/*
 * The days of an array that are in the span, in order, each once; of weekdays
 * and weekend days only those asked for.  A NULL array has none: array_agg()
 * over no rows is NULL.
 */
static day_list
read_days(const char *name, ArrayType *array, int64 start, int64 end,
		  bool weekdays, bool weekend)
{
	int			n = array ? ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) : 0;
	const DateADT *data = NULL;
	day_list	list;

	list.day = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(DateADT));
	list.size = 0;
	if (n > 0)
	{
		if (array_contains_nulls(array))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain nulls", name),
					 errhint("Use array_remove(%s, NULL).", name)));
		/* without nulls the elements are a plain C array */
		data = (const DateADT *) ARR_DATA_PTR(array);
	}
	for (int i = 0; i < n; i++)
	{
		DateADT		day = data[i];

		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		if (DATE_NOT_FINITE(day))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not contain infinite dates", name),
					 errhint("Give each day as a date of its own.")));
		if (day < start || day >= end || !(qd_is_weekday(day) ? weekdays : weekend))
			continue;
		list.day[list.size++] = day;
	}
	sort_days(&list);
	return list;
}

/*
 * The days of the span that are not what their day of the week says: holidays
 * from Monday to Friday and extra workdays at a weekend.  A date in both lists
 * is worked: make-up days are published one by one, holidays as ranges.
 */
static day_list
find_exceptions(ArrayType *holidays, ArrayType *extra_workdays, int64 start, int64 end)
{
	day_list	off = read_days("holidays", holidays, start, end, true, false);
	day_list	extra = read_days("extra_workdays", extra_workdays, start, end, true, true);
	day_list	all;
	int64		i = 0;

	all.size = 0;
	all.day = MemoryContextAllocHuge(CurrentMemoryContext,
									 (off.size + extra.size) * sizeof(DateADT));
	for (int64 j = 0; j < extra.size || i < off.size;)
	{
		if (((i + j) & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		if (j == extra.size || (i < off.size && off.day[i] < extra.day[j]))
			all.day[all.size++] = off.day[i++];
		else
		{
			if (i < off.size && off.day[i] == extra.day[j])
				i++;
			if (!qd_is_weekday(extra.day[j]))
				all.day[all.size++] = extra.day[j];
			j++;
		}
	}
	pfree(off.day);
	pfree(extra.day);
	return all;
}

/*
 * Reads the arguments into a state that gives no row where one of them is
 * NULL, other than the lists of days.
 */
static calendar_state *
begin_calendar(FunctionCallInfo fcinfo)
{
	calendar_state *state = palloc0(sizeof(calendar_state));
	ArrayType  *holidays = PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4);
	ArrayType  *extra_workdays = PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5);
	RangeType  *span;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) ||
		PG_ARGISNULL(6) || PG_ARGISNULL(7))
		return state;
	state->grain = parse_grain(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	read_rule(&state->rule, text_to_cstring(PG_GETARG_TEXT_PP(2)), PG_GETARG_INT32(3),
			  PG_GETARG_INT32(6), text_to_cstring(PG_GETARG_TEXT_PP(7)));

	span = PG_GETARG_RANGE_P(0);
	state->range_type = lookup_type_cache(RangeTypeGetOid(span), TYPECACHE_RANGE_INFO);
	(void) qd_span_days(state->range_type, span, &state->next, &state->end);
	state->exceptions = find_exceptions(holidays, extra_workdays, state->next, state->end);
	return state;
}

/*
 * Working days from start to before end.  To be called with rising periods:
 * all the calls together look at each exception once.
 */
static int32
count_working_days(calendar_state *state, int64 start, int64 end)
{
	int64		count = qd_weekdays_before(end) - qd_weekdays_before(start);
	const day_list *exceptions = &state->exceptions;

	while (state->next_exception < exceptions->size &&
		   exceptions->day[state->next_exception] < end)
	{
		if ((state->next_exception & POLL_MASK) == POLL_MASK)
			CHECK_FOR_INTERRUPTS();
		count += qd_is_weekday(exceptions->day[state->next_exception++]) ? -1 : 1;
	}
	return (int32) count;
}

/* [start, end) of the range's type; both must be days the server knows */
static Datum
make_period(TypeCacheEntry *range_type, int64 start, int64 end)
{
	RangeBound	lower = {0};
	RangeBound	upper = {0};

	lower.val = DateADTGetDatum((DateADT) start);
	lower.inclusive = true;
	lower.lower = true;
	upper.val = DateADTGetDatum((DateADT) end);
	/* canonical as it is, so there is no need for make_range() */
	return RangeTypePGetDatum(qd_range_serialize(range_type, &lower, &upper));
}

/*
 * calendar(span, grain, pattern, first_month, holidays, extra_workdays,
 * week_start, year_anchor): the periods of the span in order, cut to it.  They
 * cover each of its days exactly once.
 */
PGDLLEXPORT Datum
qd_calendar(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	calendar_state *state;
	qd_period	period;
	int64		start;
	int64		end;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	tupdesc;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "calendar() is not declared to return a row");
		context->tuple_desc = BlessTupleDesc(tupdesc);
		context->user_fctx = begin_calendar(fcinfo);
		MemoryContextSwitchTo(old);
	}

	context = SRF_PERCALL_SETUP();
	state = context->user_fctx;
	if (state->next >= state->end)
		SRF_RETURN_DONE(context);

	qd_period_find(&state->rule, state->grain, state->next, &period);
	start = state->next;
	end = Min(period.end, state->end);
	if (end <= start)
		elog(ERROR, "period of grain %d at day " INT64_FORMAT " ends before it", (int) state->grain, start);
	state->next = end;

	values[0] = make_period(state->range_type, start, end);
	values[1] = CStringGetTextDatum(period.label);
	values[2] = Int32GetDatum(period.fiscal_year);
	values[3] = Int32GetDatum(period.fiscal_quarter);
	nulls[3] = period.fiscal_quarter == 0;
	values[4] = Int32GetDatum(period.number);
	values[5] = Int32GetDatum(count_working_days(state, start, end));
	SRF_RETURN_NEXT(context,
					HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}
