/*
 * factor_effects.c
 *		factor_effects: what each factor of a product adds to its deviation.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "exact.h"
#include "kernel/effects.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_factor_effects);

enum
{
	ARG_ACTUAL,
	ARG_PLAN,
	ARG_METHOD,
	ARG_SCALE
};

static char *
describe_element(qd_source *source, int32 row)
{
	return psprintf("Element %d of the array.", row + 1);
}

/* takes an array of factors apart */
static int
take_array(FunctionCallInfo fcinfo, int arg, const char *name, Datum **element)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	bool	   *nulls;
	int			count;
	int			i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name),
				 errhint("Use one call of factor_effects per row of it.")));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, element, &nulls, &count);
	if (count > QD_MAX_FACTORS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has %d factors, at most %d are possible", name, count, QD_MAX_FACTORS),
				 errhint("Multiply those that need no effect of their own.")));
	for (i = 0; i < count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain nulls", name),
					 errdetail("Element %d of the array.", i + 1),
					 errhint("A factor that is not there is 1, or 0 if it makes the whole 0.")));
	return count;
}

/* whether the method is lmdi, by the label of the enum */
static bool
take_method(FunctionCallInfo fcinfo)
{
	HeapTuple	tuple;
	const char *label;
	bool		result;

	if (PG_ARGISNULL(ARG_METHOD))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("method must not be null"),
				 errhint("Use 'shapley' or 'lmdi'.")));
	tuple = SearchSysCache1(ENUMOID, PG_GETARG_DATUM(ARG_METHOD));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for enum %u", PG_GETARG_OID(ARG_METHOD));
	label = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
	result = strcmp(label, "lmdi") == 0;
	if (!result && strcmp(label, "shapley") != 0)
		elog(ERROR, "unexpected factor method \"%s\"", label);
	ReleaseSysCache(tuple);
	return result;
}

/* the digits of the effects; -1 for those of the factors */
static int
take_scale(FunctionCallInfo fcinfo)
{
	int			scale;

	if (PG_ARGISNULL(ARG_SCALE))
		return -1;
	scale = PG_GETARG_INT32(ARG_SCALE);
	if (scale < 0 || scale > QD_MAX_EXACT_DIGITS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scale must be between 0 and %d: %d", QD_MAX_EXACT_DIGITS, scale),
				 errhint("Use 2 for cents, or NULL for as many digits as the factors have.")));
	return scale;
}

/*
 * factor_effects(actual, plan, method, scale) → numeric[]: an effect for each
 * factor; they sum to the change of the product, rounded to the scale.  NULL
 * where one of the arrays is.
 */
Datum
qd_factor_effects(PG_FUNCTION_ARGS)
{
	qd_source	source = {0};
	Datum	   *actual_element;
	Datum	   *plan_element;
	qd_big		actual[QD_MAX_FACTORS];
	qd_big		plan[QD_MAX_FACTORS];
	int			scale[QD_MAX_FACTORS];
	qd_big		effect[QD_MAX_FACTORS];
	Datum		result[QD_MAX_FACTORS];
	qd_factors	factors = {0};
	qd_env		env;
	qd_bigs		bigs;
	bool		lmdi;
	int			display_scale = 0;
	int			count;
	int			i;

	if (PG_ARGISNULL(ARG_ACTUAL) || PG_ARGISNULL(ARG_PLAN))
		PG_RETURN_NULL();
	lmdi = take_method(fcinfo);
	factors.units_scale = take_scale(fcinfo);
	factors.count = take_array(fcinfo, ARG_ACTUAL, "actual", &actual_element);
	count = take_array(fcinfo, ARG_PLAN, "plan", &plan_element);
	if (count != factors.count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg_plural("actual has %d factor, but plan has %d",
							   "actual has %d factors, but plan has %d", factors.count, factors.count, count),
				 errhint("Give both the same factors, in the same order.")));
	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(NUMERICOID));

	source.describe = describe_element;
	qd_exact_env(&env);
	qd_bigs_begin(&bigs, &env);
	for (i = 0; i < count; i++)
	{
		qd_value	a;
		qd_value	p;

		qd_value_take(&source, "actual", actual_element[i], i, &a);
		qd_value_take(&source, "plan", plan_element[i], i, &p);
		scale[i] = Max(a.scale, p.scale);
		display_scale = Max(display_scale, Max(a.display_scale, p.display_scale));
		actual[i] = qd_value_big(&bigs, &a, scale[i]);
		plan[i] = qd_value_big(&bigs, &p, scale[i]);
	}
	factors.actual = actual;
	factors.plan = plan;
	factors.scale = scale;
	if (factors.units_scale < 0)
		factors.units_scale = display_scale;
	qd_exact_check(lmdi ? qd_lmdi(&bigs, &factors, effect) : qd_shapley(&bigs, &factors, effect));
	for (i = 0; i < count; i++)
		result[i] = qd_exact_big_numeric(&bigs, effect[i], factors.units_scale);
	PG_RETURN_ARRAYTYPE_P(construct_array(result, count, NUMERICOID, -1, false, TYPALIGN_INT));
}
