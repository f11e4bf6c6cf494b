/*
 * funnel.c
 *		funnel_requirements(): what a target needs at each stage of a funnel, and
 *		by when.
 *
 * All amounts and rates are numeric: counts are rounded up once, from the exact
 * quotient.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"

#include "decimal.h"

PG_FUNCTION_INFO_V1(qd_funnel_requirements);

#define EXACT_SCALE		6		/* digits of column exact */
#define MAX_STAGES		100

enum
{
	ARG_TARGET, ARG_DEAL_SIZE, ARG_CONVERSION, ARG_STAGE_DAYS, ARG_DUE, ARG_AS_OF, ARG_STAGES,
	ARG_EARLIER
};

enum
{
	COLUMN_STEP, COLUMN_STAGE, COLUMN_REQUIRED, COLUMN_EXACT, COLUMN_BY, COLUMN_TOO_LATE,
	COLUMN_FROM_OPEN, COLUMNS
};

typedef struct funnel_state
{
	int			stages;			/* one more row: the deals won */
	bool		known;			/* target and deal size are not NULL */
	Datum		need;			/* what this call adds to the need so far */
	Datum		before;			/* the need so far, at least 0 */
	Datum		until;			/* both together */
	Datum	   *divisor;		/* [stages + 1] amount that one entry brings */
	text	  **name;			/* [stages + 1], or NULL */
	bool		timed;			/* due and stage_days are not NULL */
	DateADT    *by;				/* [stages + 1] */
	bool		dated;			/* as_of is not NULL */
	DateADT		as_of;
} funnel_state;

static Datum
integer(int64 value)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(value));
}

static int
compare(Datum a, Datum b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b));
}

static Datum
call2(PGFunction function, Datum a, Datum b)
{
	return DirectFunctionCall2(function, a, b);
}

static bool
is_finite(Datum value)
{
	qd_decimal	d;

	qd_decimal_decode(value, &d);
	return d.kind != QD_DECIMAL_NAN && d.kind != QD_DECIMAL_INFINITE;
}

static void
need_finite(Datum value, const char *name)
{
	if (!is_finite(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number: %s", name, qd_numeric_text(value)),
				 errhint("Where there is none, use NULL.")));
}

/* the larger of an amount and 0 */
static Datum
positive(Datum amount)
{
	Datum		zero = integer(0);

	return compare(amount, zero) > 0 ? amount : zero;
}

/* the least whole number that is not below amount / divisor; amount >= 0 */
static Datum
count_up(Datum amount, Datum divisor)
{
	Datum		count = call2(numeric_div_trunc, amount, divisor);

	if (compare(call2(numeric_mul, count, divisor), amount) < 0)
		count = call2(numeric_add, count, integer(1));
	return count;
}

/* amount / divisor, half away from zero at EXACT_SCALE, in integers */
static Datum
divide(Datum amount, Datum divisor)
{
	Datum		scaled = call2(numeric_mul, amount, integer(2 * qd_power10[EXACT_SCALE]));
	Datum		half = compare(amount, integer(0)) < 0 ?
	DirectFunctionCall1(numeric_uminus, divisor) : divisor;
	Datum		units = call2(numeric_div_trunc, call2(numeric_add, scaled, half),
							  call2(numeric_mul, divisor, integer(2)));

	return call2(numeric_mul, units, NumericGetDatum(qd_make_numeric(1, EXACT_SCALE, EXACT_SCALE)));
}

/* the elements of an argument: one dimension, no nulls */
static int
take_elements(FunctionCallInfo fcinfo, int arg, const char *name, Oid type, Datum **value)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name),
				 errhint("Give one element for each stage, from the first to the last.")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain nulls", name),
				 errhint("Give one element for each stage, from the first to the last.")));
	deconstruct_array(array, type, type == INT4OID ? 4 : -1, type == INT4OID, TYPALIGN_INT, value, NULL, &n);
	return n;
}

static void
check_length(const char *name, int n, int stages)
{
	if (n != stages)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg_plural("%s has %d element, but conversion has %d",
							   "%s has %d elements, but conversion has %d", n, name, n, stages),
				 errhint("Give one element for each stage, from the first to the last.")));
}

/* the rates, and what one entry into each stage brings in the end */
static void
read_conversion(FunctionCallInfo fcinfo, funnel_state *f)
{
	Datum	   *rate;
	Datum		one = integer(1);

	if (PG_ARGISNULL(ARG_CONVERSION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("conversion must not be null"),
				 errhint("Give the rate from each stage to the next, the last one to deals won: ARRAY[0.08, 0.24].")));
	f->stages = take_elements(fcinfo, ARG_CONVERSION, "conversion", NUMERICOID, &rate);
	if (f->stages > MAX_STAGES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a funnel has at most %d stages: %d", MAX_STAGES, f->stages),
				 errhint("Join stages that follow each other: the rate is the product of theirs.")));
	for (int i = 0; i < f->stages; i++)
	{
		if (!is_finite(rate[i]) || compare(rate[i], integer(0)) <= 0 || compare(rate[i], one) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("conversion must be above 0 and at most 1: %s at stage %d",
							qd_numeric_text(rate[i]), i + 1),
					 errhint("A rate of 24 percent is 0.24. Where a stage never converts, no number of entries reaches the target.")));
	}
	if (!f->known)
		return;
	f->divisor = palloc((f->stages + 1) * sizeof(Datum));
	f->divisor[f->stages] = PG_GETARG_DATUM(ARG_DEAL_SIZE);
	for (int i = f->stages - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		f->divisor[i] = call2(numeric_mul, f->divisor[i + 1], rate[i]);
		if (compare(f->divisor[i], integer(0)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("conversion is out of range: what an entry into stage %d brings rounds to 0", i + 1),
					 errhint("Use rates with fewer digits, for example round(rate, 6).")));
	}
}

/* the last day an entry into each stage can still be won in time */
static void
read_days(FunctionCallInfo fcinfo, funnel_state *f)
{
	Datum	   *days;
	int64		day;

	f->dated = !PG_ARGISNULL(ARG_AS_OF);
	if (f->dated)
		f->as_of = PG_GETARG_DATEADT(ARG_AS_OF);
	f->timed = !PG_ARGISNULL(ARG_DUE) && !PG_ARGISNULL(ARG_STAGE_DAYS);
	if (!PG_ARGISNULL(ARG_STAGE_DAYS))
	{
		check_length("stage_days", take_elements(fcinfo, ARG_STAGE_DAYS, "stage_days", INT4OID, &days), f->stages);
		for (int i = 0; i < f->stages; i++)
		{
			if (DatumGetInt32(days[i]) < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("stage_days must not be negative: %d at stage %d", DatumGetInt32(days[i]), i + 1),
						 errhint("Give the days that a deal which is won spends in the stage.")));
		}
	}
	if (!PG_ARGISNULL(ARG_DUE) && DATE_NOT_FINITE(PG_GETARG_DATEADT(ARG_DUE)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("due must be a day: %s", DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(ARG_DUE)))),
				 errhint("It is the last day on which a deal that is won still counts; NULL: no day is given.")));
	if (!f->timed)
		return;
	f->by = palloc((f->stages + 1) * sizeof(DateADT));
	day = PG_GETARG_DATEADT(ARG_DUE);
	f->by[f->stages] = (DateADT) day;
	for (int i = f->stages - 1; i >= 0; i--)
	{
		day -= DatumGetInt32(days[i]);
		if (!IS_VALID_DATE(day))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("stage_days is out of range: %d at stage %d", DatumGetInt32(days[i]), i + 1),
					 errdetail("Counted back from due, the days of the stages lead to before 4714 BC, where dates begin."),
					 errhint("Give the days that a deal which is won spends in the stage.")));
		f->by[i] = (DateADT) day;
	}
}

static void
read_stages(FunctionCallInfo fcinfo, funnel_state *f)
{
	Datum	   *name;
	int			n;

	if (PG_ARGISNULL(ARG_STAGES))
		return;
	n = take_elements(fcinfo, ARG_STAGES, "stages", TEXTOID, &name);
	/* the deals won may have a name of their own */
	if (n != f->stages + 1)
		check_length("stages", n, f->stages);
	f->name = palloc0((f->stages + 1) * sizeof(text *));
	for (int i = 0; i < n; i++)
		f->name[i] = DatumGetTextPP(name[i]);
}

static funnel_state *
begin_funnel(FunctionCallInfo fcinfo)
{
	funnel_state *f = palloc0(sizeof(funnel_state));
	Datum		earlier = PG_ARGISNULL(ARG_EARLIER) ? integer(0) : PG_GETARG_DATUM(ARG_EARLIER);

	f->known = !PG_ARGISNULL(ARG_TARGET) && !PG_ARGISNULL(ARG_DEAL_SIZE);
	need_finite(earlier, "earlier");
	if (!PG_ARGISNULL(ARG_TARGET))
		need_finite(PG_GETARG_DATUM(ARG_TARGET), "target");
	if (!PG_ARGISNULL(ARG_DEAL_SIZE))
	{
		Datum		size = PG_GETARG_DATUM(ARG_DEAL_SIZE);

		if (!is_finite(size) || compare(size, integer(0)) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("deal_size must be a number greater than zero: %s", qd_numeric_text(size)),
					 errhint("It is what a deal that is won brings on average.")));
	}
	read_conversion(fcinfo, f);
	read_days(fcinfo, f);
	read_stages(fcinfo, f);
	if (f->known)
	{
		f->before = positive(earlier);
		f->until = positive(call2(numeric_add, earlier, PG_GETARG_DATUM(ARG_TARGET)));
		f->need = call2(numeric_sub, f->until, f->before);
	}
	return f;
}

static void
fill_row(const funnel_state *f, int i, Datum *values, bool *nulls)
{
	values[COLUMN_STEP] = Int32GetDatum(i + 1);
	if (f->name && f->name[i])
		values[COLUMN_STAGE] = PointerGetDatum(f->name[i]);
	else
		values[COLUMN_STAGE] = CStringGetTextDatum(i < f->stages ? psprintf("stage %d", i + 1) : "won");
	nulls[COLUMN_REQUIRED] = nulls[COLUMN_EXACT] = !f->known;
	nulls[COLUMN_BY] = !f->timed;
	nulls[COLUMN_TOO_LATE] = nulls[COLUMN_FROM_OPEN] = !f->known || !f->timed || !f->dated;
	if (f->known)
	{
		values[COLUMN_REQUIRED] = call2(numeric_sub, count_up(f->until, f->divisor[i]),
										count_up(f->before, f->divisor[i]));
		values[COLUMN_EXACT] = divide(f->need, f->divisor[i]);
	}
	if (f->timed)
		values[COLUMN_BY] = DateADTGetDatum(f->by[i]);
	if (!nulls[COLUMN_TOO_LATE])
	{
		bool		past = f->by[i] < f->as_of;

		values[COLUMN_TOO_LATE] = BoolGetDatum(past && compare(f->need, integer(0)) > 0);
		values[COLUMN_FROM_OPEN] = past ? f->need : integer(0);
	}
}

/*
 * funnel_requirements(target, deal_size, conversion, stage_days, due, as_of,
 * stages, earlier): a row for each stage and one for the deals won.  required
 * is what the need so far asks for in whole entries, less what the need before
 * (earlier) asked for: summed over periods it is the whole need, rounded up
 * once.
 */
PGDLLEXPORT Datum
qd_funnel_requirements(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	const funnel_state *f;
	Datum		values[COLUMNS] = {0};
	bool		nulls[COLUMNS] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	tupdesc;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "funnel_requirements() is not declared to return a row");
		context->tuple_desc = BlessTupleDesc(tupdesc);
		context->user_fctx = begin_funnel(fcinfo);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	f = context->user_fctx;
	if (context->call_cntr > (uint64) f->stages)
		SRF_RETURN_DONE(context);
	fill_row(f, (int) context->call_cntr, values, nulls);
	SRF_RETURN_NEXT(context,
					HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}
