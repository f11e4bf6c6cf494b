/*
 * ramp.c
 *		ramp(): the share of full productivity that a newcomer has over a span.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/rangetypes.h"

#include "decimal.h"
#include "kernel/period.h"
#include "span.h"

PG_FUNCTION_INFO_V1(qd_ramp);

#define RAMP_SCALE		10		/* digits of the result */

static Datum
integer(int64 value)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(value));
}

/* days of the span [start, end) that are also in [from, until) */
static int64
days_within(int64 start, int64 end, int64 from, int64 until)
{
	int64		days = Min(end, until) - Max(start, from);

	return Max(days, 0);
}

/* an element of the curve must be a finite number of at least 0 */
static void
check_productivity(Datum value, int month)
{
	qd_decimal	d;

	qd_decimal_decode(value, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE || d.negative)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("curve must hold finite numbers of at least 0: %s in month %d of service",
						qd_numeric_text(value), month),
				 errhint("1 is full productivity, 0.25 a quarter of it.")));
}

/*
 * sum / days, half away from zero at the scale, without trailing zeros.  In
 * integers, since numeric division has rounded once already.
 */
static Datum
divide_by_days(Datum sum, int64 days)
{
	Datum		scaled = DirectFunctionCall2(numeric_mul, sum,
											 integer(2 * qd_power10[RAMP_SCALE]));
	Datum		units = DirectFunctionCall2(numeric_div_trunc,
											DirectFunctionCall2(numeric_add, scaled, integer(days)),
											integer(2 * days));
	Datum		unit = NumericGetDatum(qd_make_numeric(1, RAMP_SCALE, RAMP_SCALE));

	return DirectFunctionCall1(numeric_trim_scale,
							   DirectFunctionCall2(numeric_mul, units, unit));
}

/*
 * ramp(hired, span, curve): the mean over the days of the span of 0 before
 * hire, curve[i] in the i-th month of service and 1 after the curve, rounded
 * to RAMP_SCALE digits.  NULL for a NULL or empty span and for a NULL curve;
 * 1 where hired is NULL.
 */
PGDLLEXPORT Datum
qd_ramp(PG_FUNCTION_ARGS)
{
	RangeType  *span;
	ArrayType  *curve;
	Datum	   *share;
	int			months;
	bool		never;
	bool		always;
	int64		hired;
	int64		start;
	int64		end;
	int64		month_start;
	Datum		sum;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();

	curve = PG_GETARG_ARRAYTYPE_P(2);
	if (ARR_NDIM(curve) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("curve must be a one-dimensional array"),
				 errhint("Give the productivity month by month, for example '{0.25, 0.5, 0.75}'.")));
	if (array_contains_nulls(curve))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("curve must not contain nulls"),
				 errhint("Give each month of service its productivity: 1 is full, 0.25 a quarter of it.")));
	deconstruct_array(curve, NUMERICOID, -1, false, TYPALIGN_INT, &share, NULL, &months);
	for (int i = 0; i < months; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_productivity(share[i], i + 1);
	}

	span = PG_GETARG_RANGE_P(1);
	if (!qd_span_days(range_get_typcache(fcinfo, RangeTypeGetOid(span)), span, &start, &end))
		PG_RETURN_NULL();

	always = PG_ARGISNULL(0) || DATE_IS_NOBEGIN(PG_GETARG_DATEADT(0));
	never = !PG_ARGISNULL(0) && DATE_IS_NOEND(PG_GETARG_DATEADT(0));
	if (always || never)
		PG_RETURN_DATUM(integer(always ? 1 : 0));
	hired = PG_GETARG_DATEADT(0);

	sum = integer(0);
	month_start = hired;
	for (int i = 0; i < months && month_start < end; i++)
	{
		int64		next = qd_add_months(hired, (int64) i + 1);
		int64		days = days_within(start, end, month_start, next);

		CHECK_FOR_INTERRUPTS();
		month_start = next;
		if (days > 0)
			sum = DirectFunctionCall2(numeric_add, sum,
									  DirectFunctionCall2(numeric_mul, share[i], integer(days)));
	}
	if (month_start < end)
		sum = DirectFunctionCall2(numeric_add, sum,
								  integer(days_within(start, end, month_start, end)));
	PG_RETURN_DATUM(divide_by_days(sum, end - start));
}
