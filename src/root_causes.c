/*
 * root_causes.c
 *		root_causes(): the slices that explain the deviation in a state.
 */
#include "compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "allocation.h"
#include "cause_state.h"
#include "decimal.h"

PG_FUNCTION_INFO_V1(qd_root_causes);

#define COLUMNS			10
#define SHARE_DIGITS	6
#define CONFIDENCE_DIGITS 4
#define RATIO_DIGITS	12

/* one slice and what it sums to */
typedef struct cause_row
{
	const qd_cause *cause;		/* NULL: everything */
	int32		leaves;
	int128		sum[QD_MEASURES];
	double		excess;			/* what it is ordered by */
	int			at;				/* in the order found */
} cause_row;

typedef struct cause_rows
{
	HeapTuple	tuple[QD_CAUSE_MOST];
} cause_rows;

static void *
kernel_alloc(void *arg, size_t size)
{
	return MemoryContextAllocHuge((MemoryContext) arg, Max(size, 1));
}

static void
kernel_release(void *arg, void *ptr)
{
	pfree(ptr);
}

static void
kernel_poll(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* sums as the kernel takes them: only for scoring */
static double *
as_doubles(const qd_cause_view *view, int k)
{
	double	   *result = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(double) * Max((Size) view->n, 1));
	double		step = pow(10, view->scale[k]);
	int32		i;

	for (i = 0; i < view->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		result[i] = (double) view->sum[k][i] / step;
	}
	return result;
}

static bool
in_slice(const qd_cause_view *view, const qd_cause *cause, int32 leaf)
{
	int			j;

	for (j = 0; j < view->dims; j++)
	{
		const int32 *code = view->code + (Size) j * (Size) view->n;

		if ((cause->mask >> j & 1) && code[leaf] != code[cause->leaf])
			return false;
	}
	return true;
}

/* exact sums of a slice, or of everything */
static void
sum_up(const qd_cause_view *view, const qd_cause *cause, cause_row *row)
{
	int32		i;
	int			k;

	memset(row, 0, sizeof(*row));
	row->cause = cause;
	for (i = 0; i < view->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cause && !in_slice(view, cause, i))
			continue;
		row->leaves++;
		for (k = 0; k < view->measures; k++)
		{
			qd_int128	sum;

			if (__builtin_add_overflow((qd_int128) row->sum[k], (qd_int128) view->sum[k][i], &sum))
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("sum is out of range"),
						 errhint("Round the amounts to fewer decimal places.")));
			row->sum[k] = sum;
		}
	}
}

static double
as_double(const qd_cause_view *view, const cause_row *row, int k)
{
	return (double) row->sum[k] / pow(10, view->scale[k]);
}

/*
 * The numerator beyond what the expected ratio makes of the actual
 * denominator; where nothing was expected, everybody's ratio.
 */
static double
ratio_excess(const qd_cause_view *view, const cause_row *row, const cause_row *everything)
{
	const cause_row *from = row->sum[QD_EXPECTED_BASE] > 0 ? row : everything;
	double		base = as_double(view, from, QD_EXPECTED_BASE);

	if (!(base > 0))
		return 0;
	return as_double(view, row, QD_ACTUAL) -
		as_double(view, from, QD_EXPECTED) / base * as_double(view, row, QD_ACTUAL_BASE);
}

static Datum
as_numeric(const qd_cause_view *view, const cause_row *row, int k)
{
	return NumericGetDatum(qd_make_numeric(row->sum[k], view->scale[k],
										   Max(view->display_scale[k], view->scale[k])));
}

static Datum
rounded(Datum number, int digits)
{
	return DirectFunctionCall2(numeric_round, number, Int32GetDatum(digits));
}

static Datum
double_numeric(double x, int digits)
{
	return rounded(DirectFunctionCall1(float8_numeric, Float8GetDatum(x)), digits);
}

/* a / b rounded; false where b is 0 */
static bool
divide(Datum a, Datum b, int digits, Datum *result)
{
	if (DatumGetInt32(DirectFunctionCall1(numeric_sign, b)) == 0)
		return false;
	*result = rounded(DirectFunctionCall2(numeric_div, a, b), digits);
	return true;
}

static bool
is_zero(Datum number)
{
	qd_decimal	d;

	qd_decimal_decode(number, &d);
	return d.kind == QD_DECIMAL_EXACT && d.mantissa == 0;
}

/* a dimension's name, as given or numbered */
static const char *
name_of(char *const *names, int dim)
{
	return names ? names[dim] : psprintf("dimension %d", dim + 1);
}

/* the slice in words, and as {"dimension": "value"} */
static void
describe_slice(const qd_cause_view *view, const qd_cause *cause, char *const *names,
			   StringInfo text, StringInfo json)
{
	int			j;

	initStringInfo(text);
	initStringInfo(json);
	appendStringInfoChar(json, '{');
	for (j = 0; j < view->dims; j++)
	{
		const char *bytes = view->bytes[j];
		int32		code;
		int32		i;
		char	   *value;

		if (!(cause->mask >> j & 1))
			continue;
		code = view->code[(Size) j * (Size) view->n + (Size) cause->leaf];
		for (i = 0; i < code; i++)
			bytes += Max(view->length[j][i], 0);
		if (text->len > 0)
			appendStringInfoString(text, ", ");
		if (json->len > 1)
			appendStringInfoString(json, ", ");
		escape_json(json, name_of(names, j));
		appendStringInfoString(json, ": ");
		if (view->length[j][code] < 0)
		{
			appendStringInfo(text, "%s=NULL", name_of(names, j));
			appendStringInfoString(json, "null");
			continue;
		}
		value = pnstrdup(bytes, (Size) view->length[j][code]);
		appendStringInfo(text, "%s=%s", name_of(names, j), value);
		escape_json(json, value);
	}
	if (text->len == 0)
		appendStringInfoString(text, "(all)");
	appendStringInfoChar(json, '}');
}

static HeapTuple
make_row(TupleDesc tupdesc, const qd_cause_view *view, char *const *names, int rank,
		 const cause_row *row, const cause_row *everything)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	StringInfoData text;
	StringInfoData json;
	Datum		actual;
	Datum		expected;
	double		confidence = row->cause->confidence;
	bool		known = true;

	describe_slice(view, row->cause, names, &text, &json);
	values[0] = Int32GetDatum(rank);
	values[1] = CStringGetTextDatum(text.data);
	values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	actual = as_numeric(view, row, QD_ACTUAL);
	expected = as_numeric(view, row, QD_EXPECTED);
	if (view->measures > 2)
	{
		known = divide(actual, as_numeric(view, row, QD_ACTUAL_BASE), RATIO_DIGITS, &actual);
		nulls[3] = !known;
		nulls[4] = !divide(expected, as_numeric(view, row, QD_EXPECTED_BASE), RATIO_DIGITS, &expected);
		known = known && !nulls[4];
	}
	values[3] = actual;
	values[4] = expected;
	nulls[5] = nulls[6] = nulls[7] = true;
	values[5] = values[6] = values[7] = (Datum) 0;
	if (known)
	{
		values[5] = DirectFunctionCall2(numeric_sub, actual, expected);
		nulls[5] = false;
		if (!is_zero(expected))
			nulls[6] = !divide(values[5], DirectFunctionCall1(numeric_abs, expected),
							   SHARE_DIGITS, &values[6]);
	}
	if (view->measures > 2)
	{
		if (everything->excess != 0)
		{
			values[7] = double_numeric(row->excess / everything->excess, SHARE_DIGITS);
			nulls[7] = false;
		}
	}
	else
	{
		Datum		total = DirectFunctionCall2(numeric_sub, as_numeric(view, everything, QD_ACTUAL),
												as_numeric(view, everything, QD_EXPECTED));

		if (!is_zero(total))
			nulls[7] = !divide(values[5], total, SHARE_DIGITS, &values[7]);
	}
	/* never sure: the last digit is cut, not rounded */
	if (confidence > 0.9999)
		confidence = 0.9999;
	values[8] = double_numeric(confidence, CONFIDENCE_DIGITS);
	values[9] = Int32GetDatum(row->leaves);
	return heap_form_tuple(tupdesc, values, nulls);
}

/* names[dims], or NULL where none are given */
static char **
read_names(ArrayType *array, int dims)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	char	  **names;
	int			j;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("names must be a one-dimensional array"),
				 errhint("Give one name for each dimension, for example ARRAY['region', 'product'].")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	if (n != dims)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("names has %d element, but the number of dimensions is %d",
							   "names has %d elements, but the number of dimensions is %d", n, n, dims),
				 errhint("Name the dimensions in the order they were given to root_cause().")));
	names = palloc(sizeof(char *) * (Size) n);
	for (j = 0; j < n; j++)
	{
		if (nulls[j])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name of dimension %d must not be null", j + 1),
					 errhint("Name every dimension, or leave the names out.")));
		names[j] = TextDatumGetCString(elements[j]);
	}
	return names;
}

/* all rows, the largest deviation first */
static cause_rows *
find_rows(FunctionCallInfo fcinfo, TupleDesc tupdesc, int *count)
{
	cause_rows *result = palloc0(sizeof(cause_rows));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(caller, "root causes", ALLOCSET_DEFAULT_SIZES);
	qd_cause_view view;
	qd_cause_leaves leaves = {0};
	qd_cause	cause[QD_CAUSE_MOST];
	cause_row	row[QD_CAUSE_MOST];
	cause_row	everything;
	qd_env		env = {kernel_alloc, kernel_release, kernel_poll, NULL, NULL};
	qd_status	status;
	char	  **names = NULL;
	int32		found;
	int32		i;

	MemoryContextSwitchTo(work);
	qd_cause_view_begin(PG_GETARG_DATUM(0), &view);
	if (!PG_ARGISNULL(1))
		names = read_names(PG_GETARG_ARRAYTYPE_P(1), view.dims);
	leaves.n = view.n;
	leaves.dims = view.dims;
	leaves.code = view.code;
	leaves.cardinality = view.cardinality;
	leaves.actual = as_doubles(&view, QD_ACTUAL);
	leaves.expected = as_doubles(&view, QD_EXPECTED);
	if (view.measures > 2)
	{
		leaves.actual_base = as_doubles(&view, QD_ACTUAL_BASE);
		leaves.expected_base = as_doubles(&view, QD_EXPECTED_BASE);
	}
	env.arg = work;
	status = qd_find_causes(&env, &leaves, cause, &found);
	if (status != QD_OK)
		elog(ERROR, "root cause kernel failed with status %d", (int) status);

	sum_up(&view, NULL, &everything);
	everything.excess = view.measures > 2 ? ratio_excess(&view, &everything, &everything) : 0;
	for (i = 0; i < found; i++)
	{
		cause_row	x;
		int32		j;

		sum_up(&view, &cause[i], &x);
		x.excess = view.measures > 2 ? ratio_excess(&view, &x, &everything) :
			as_double(&view, &x, QD_ACTUAL) - as_double(&view, &x, QD_EXPECTED);
		for (j = i; j > 0 && fabs(row[j - 1].excess) < fabs(x.excess); j--)
			row[j] = row[j - 1];
		row[j] = x;
	}
	for (i = 0; i < found; i++)
	{
		HeapTuple	tuple = make_row(tupdesc, &view, names, i + 1, &row[i], &everything);

		MemoryContextSwitchTo(caller);
		result->tuple[i] = heap_copytuple(tuple);
		MemoryContextSwitchTo(work);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	*count = found;
	return result;
}

/* root_causes(state, names) → rows */
PGDLLEXPORT Datum
qd_root_causes(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	cause_rows *rows;
	HeapTuple	tuple;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	tupdesc;
		int			count = 0;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "root_causes() is not declared to return a row");
		context->tuple_desc = BlessTupleDesc(tupdesc);
		if (!PG_ARGISNULL(0))
			context->user_fctx = find_rows(fcinfo, context->tuple_desc, &count);
		context->max_calls = (uint64) count;
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	rows = context->user_fctx;
	if (context->call_cntr >= context->max_calls)
		SRF_RETURN_DONE(context);
	/* the macro counts before it looks at the result */
	tuple = rows->tuple[context->call_cntr];
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(tuple));
}
