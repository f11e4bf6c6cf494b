/*
 * exact.c
 *		Values and sums of any size that decompositions compute with.
 *
 * Nearly all values have up to 16 digits and are 64-bit integers at their
 * least scale.  All others are left as the numeric they are until a kernel
 * wants them as an integer of any size.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "windowapi.h"

#include "exact.h"
#include "source.h"

/* what a fast kernel takes */
#define NARROW_LIMIT	(INT64CONST(1) << 62)

/* 10^n * x for n >= 0, false where it is not below 2^62 in magnitude */
static bool
scale_narrow(qd_int128 x, int n, int64 *result)
{
	if (n > 18)
	{
		*result = 0;
		return x == 0;
	}
	if (x >= NARROW_LIMIT || x <= -NARROW_LIMIT)
		return false;
	x *= qd_power10[n];
	*result = (int64) x;
	return x < NARROW_LIMIT && x > -NARROW_LIMIT;
}

pg_noreturn static void bad_value(qd_source *source, const char *name, Datum datum, int32 row,
								  bool finite);

static void
bad_value(qd_source *source, const char *name, Datum datum, int32 row, bool finite)
{
	if (finite)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s has too many digits", name),
				 errdetail("%s A value has at most %d digits before and after the point.",
						   source->describe(source, row), QD_MAX_EXACT_DIGITS),
				 errhint("Use round(), or a coarser unit.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be a finite number: %s", name, qd_numeric_text(datum)),
			 errdetail("%s", source->describe(source, row)),
			 source->winobj ? errhint("Where there is none, use NULL.") :
			 errhint("Use CASE to leave such rows out.")));
}

/*
 * Takes a value that is not NULL.  A value that is not narrow keeps the datum,
 * which has to live as long.  Errors: NaN, infinity, too many digits.
 */
void
qd_value_take(qd_source *source, const char *name, Datum datum, int32 row, qd_value *value)
{
	qd_decimal	d;

	value->isnull = false;
	value->datum = datum;
	value->display_scale = qd_decimal_display_scale(datum);
	value->narrow = qd_decimal_small(datum, &value->mantissa, &value->scale);
	if (likely(value->narrow))
	{
		value->zero = value->mantissa == 0;
		if (value->display_scale > QD_MAX_EXACT_DIGITS)
			bad_value(source, name, datum, row, true);
		return;
	}
	qd_decimal_decode(datum, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE)
		bad_value(source, name, datum, row, false);
	value->zero = false;
	value->scale = value->display_scale;
	if (value->display_scale > QD_MAX_EXACT_DIGITS ||
		(d.kind == QD_DECIMAL_HUGE &&
		 strcspn(qd_numeric_text(datum), ".") > QD_MAX_EXACT_DIGITS + (d.negative ? 1 : 0)))
		bad_value(source, name, datum, row, true);
}

/* a value as an integer of 10^-scale, below 2^62; false where it is none */
bool
qd_value_at_scale(const qd_value *value, int scale, int64 *mantissa)
{
	*mantissa = 0;
	if (value->isnull || value->zero)
		return true;
	return value->narrow && value->scale <= scale &&
		scale_narrow(value->mantissa, scale - value->scale, mantissa);
}

/* numeric's own text as an integer of 10^-scale, where no digit is beyond */
static qd_big
numeric_big(qd_bigs *bigs, Datum datum, int scale)
{
	char	   *text = qd_numeric_text(datum);
	bool		negative = *text == '-';
	char	   *to = text;
	const char *from;
	int			decimals = 0;
	bool		fraction = false;
	qd_big		result;

	for (from = text +(negative ? 1 : 0); *from; from++)
	{
		if (*from == '.')
		{
			fraction = true;
			continue;
		}
		*to++ = *from;
		if (fraction)
			decimals++;
	}
	if (decimals > scale)
		elog(ERROR, "value of %d decimals at scale %d", decimals, scale);
	result = qd_big_parse(bigs, text, (size_t) (to - text), negative);
	pfree(text);
	return decimals == scale ? result :
		qd_big_multiply(bigs, result, qd_big_power10(bigs, scale - decimals));
}

/* the same as an integer of any size; NULL is 0 */
qd_big
qd_value_big(qd_bigs *bigs, const qd_value *value, int scale)
{
	if (value->isnull || value->zero)
		return qd_big_zero();
	if (!value->narrow)
		return numeric_big(bigs, value->datum, scale);
	if (value->scale > scale)
		elog(ERROR, "value of %d decimals at scale %d", value->scale, scale);
	return qd_big_multiply(bigs, qd_big_from(bigs, value->mantissa),
						   qd_big_power10(bigs, scale - value->scale));
}

/* for messages */
char *
qd_value_text(const qd_value *value)
{
	if (value->isnull)
		return pstrdup("NULL");
	if (!value->narrow)
		return qd_numeric_text(value->datum);
	return qd_numeric_text(NumericGetDatum(qd_make_numeric(value->mantissa, value->scale,
														   Min(value->display_scale, 63))));
}

/*
 * Begins to read columns; what each argument is called.  *turn as in
 * qd_next_lag.
 */
void
qd_columns_begin(qd_source *source, qd_columns *columns, int count, const char *const *name,
				 const int *arg, int *turn)
{
	int			i;

	memset(columns, 0, sizeof(*columns));
	columns->count = count;
	columns->name = name;
	columns->arg = arg;
	for (i = 0; i < count; i++)
		columns->lag[i] = qd_next_lag(!source->constant(source, arg[i]), turn);
}

/*
 * Steps go from 0 to the number of rows; after each, the row before the step
 * is complete in qd_columns_value, and stays until the next.
 */
void
qd_columns_read(qd_source *source, qd_columns *columns, int32 step)
{
	int			i;

	for (i = 0; i < columns->count; i++)
	{
		int32		row = step - columns->lag[i];
		qd_value   *value = &columns->value[i][row & 1];
		Datum		datum;
		bool		isnull;

		if (row < 0 || row >= source->n)
			continue;
		if (!value->isnull && !value->narrow && value->datum != (Datum) 0)
			pfree(DatumGetPointer(value->datum));
		memset(value, 0, sizeof(*value));
		value->isnull = true;
		value->zero = true;
		datum = source->get(source, columns->arg[i], row, &isnull);
		if (isnull)
			continue;
		qd_value_take(source, columns->name[i], datum, row, value);
		if (!value->narrow)
		{
			/* the row's slot is used again */
			MemoryContext old = MemoryContextSwitchTo(source->context);

			value->datum = PointerGetDatum(PG_DETOAST_DATUM_COPY(datum));
			MemoryContextSwitchTo(old);
		}
	}
}

/* the values of a window function's current row, as that of row 0 */
void
qd_columns_current(qd_source *source, qd_columns *columns)
{
	int			i;

	for (i = 0; i < columns->count; i++)
	{
		qd_value   *value = &columns->value[i][0];
		Datum		datum;
		bool		isnull;

		datum = WinGetFuncArgCurrent(source->winobj, columns->arg[i], &isnull);
		if (isnull)
		{
			memset(value, 0, sizeof(*value));
			value->isnull = true;
			value->zero = true;
		}
		else
			qd_value_take(source, columns->name[i], datum,
						  (int32) WinGetCurrentPosition(source->winobj), value);
	}
}

/* an error of a NULL beside a value */
void
qd_null_beside(qd_source *source, const char *name, const char *other, const qd_value *value,
			   int32 row, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s is null beside %s %s", name, other, qd_value_text(value)),
			 errdetail("%s", source->describe(source, row)),
			 errhint("%s", hint)));
	pg_unreachable();
}

static Numeric
int128_to_numeric(qd_int128 mantissa, int scale)
{
	return qd_make_numeric(mantissa, scale, scale);
}

/* continues in the server's numeric */
static void
widen(qd_sum *sum, MemoryContext context)
{
	MemoryContext old;

	if (sum->wide)
		return;
	old = MemoryContextSwitchTo(context);
	sum->wide = int128_to_numeric(sum->value, sum->scale);
	MemoryContextSwitchTo(old);
}

/* adds or subtracts in the server's numeric */
static void
add_wide(qd_sum *sum, MemoryContext context, Datum value, bool subtract)
{
	MemoryContext old;
	Numeric		before;

	widen(sum, context);
	before = sum->wide;
	old = MemoryContextSwitchTo(context);
	sum->wide = DatumGetNumeric(DirectFunctionCall2(subtract ? numeric_sub : numeric_add,
													NumericGetDatum(before), value));
	MemoryContextSwitchTo(old);
	pfree(before);
}

/* adds mantissa * 10^-scale in 128 bits; false where that is not possible */
static bool
add_narrow(qd_sum *sum, qd_int128 mantissa, int scale)
{
	qd_int128	value = sum->value;

	/* so that numeric can still be made of it */
	if (sum->wide || scale > 32)
		return false;
	if (scale > sum->scale && value != 0)
	{
		int			up = scale - sum->scale;

		if (up > 18 || __builtin_mul_overflow(value, (qd_int128) qd_power10[up], &value))
			return false;
	}
	if (scale < sum->scale)
	{
		int			up = sum->scale - scale;

		if (mantissa != 0 &&
			(up > 18 || __builtin_mul_overflow(mantissa, (qd_int128) qd_power10[up], &mantissa)))
			return false;
	}
	if (__builtin_add_overflow(value, mantissa, &value) ||
		value == (qd_int128) ((qd_uint128) 1 << 127))
		return false;
	sum->value = value;
	sum->scale = Max(sum->scale, scale);
	return true;
}

/* adds (sign 1) or subtracts (-1) a value; NULL is nothing */
void
qd_sum_add(qd_sum *sum, MemoryContext context, const qd_value *value, int sign)
{
	if (value->zero)
		return;
	if (value->narrow && add_narrow(sum, (qd_int128) value->mantissa * sign, value->scale))
		return;
	add_wide(sum, context, value->narrow ?
			 NumericGetDatum(int128_to_numeric(value->mantissa, value->scale)) : value->datum,
			 sign < 0);
}

/* adds a * b */
void
qd_sum_add_product(qd_sum *sum, MemoryContext context, const qd_value *a, const qd_value *b)
{
	Datum		factor[2];

	if (a->zero || b->zero)
		return;
	if (a->narrow && b->narrow &&
		add_narrow(sum, (qd_int128) a->mantissa * b->mantissa, a->scale + b->scale))
		return;
	factor[0] = a->narrow ? NumericGetDatum(int128_to_numeric(a->mantissa, a->scale)) : a->datum;
	factor[1] = b->narrow ? NumericGetDatum(int128_to_numeric(b->mantissa, b->scale)) : b->datum;
	add_wide(sum, context, DirectFunctionCall2(numeric_mul, factor[0], factor[1]), false);
}

bool
qd_sum_is_zero(const qd_sum *sum)
{
	qd_decimal	d;

	if (!sum->wide)
		return sum->value == 0;
	qd_decimal_decode(NumericGetDatum(sum->wide), &d);
	return d.kind == QD_DECIMAL_EXACT && d.mantissa == 0;
}

/* the least scale that surely holds a sum */
int
qd_sum_scale(const qd_sum *sum)
{
	return sum->wide ? qd_decimal_display_scale(NumericGetDatum(sum->wide)) : sum->scale;
}

/* a sum as an integer of 10^-scale, below 2^62; false where it is none */
bool
qd_sum_at_scale(const qd_sum *sum, int scale, int64 *mantissa)
{
	*mantissa = 0;
	return !sum->wide && sum->scale <= scale &&
		scale_narrow(sum->value, scale - sum->scale, mantissa);
}

/* the same as an integer of any size */
qd_big
qd_sum_big(qd_bigs *bigs, const qd_sum *sum, int scale)
{
	if (sum->wide)
		return numeric_big(bigs, NumericGetDatum(sum->wide), scale);
	return qd_big_multiply(bigs, qd_big_from(bigs, sum->value),
						   qd_big_power10(bigs, scale - sum->scale));
}

static void *
local_alloc(void *arg, size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, size);
}

/* an environment in the current memory context, for one row's worth of work */
void
qd_exact_env(qd_env *env)
{
	env->alloc = local_alloc;
	env->release = qd_env_release;
	env->poll = qd_env_poll;
	env->peers = NULL;
	env->arg = NULL;
}

/* memory that runs out is the server's own error, so kernels cannot fail */
void
qd_exact_check(qd_status status)
{
	if (status != QD_OK)
		elog(ERROR, "decomposition kernel failed with status %d", (int) status);
}

/* mantissa * 10^-scale, which shows so many decimals */
Datum
qd_exact_numeric(qd_int128 mantissa, int scale)
{
	if (likely(scale <= QD_MAX_UNIT_SCALE && mantissa <= PG_INT64_MAX &&
			   mantissa >= -PG_INT64_MAX))
	{
		const qd_unit unit = {1, scale, scale};

		return qd_units_numeric(&unit, (int64) mantissa);
	}
	if (scale <= 36)
		return NumericGetDatum(qd_make_numeric(mantissa, scale, scale));
	else
	{
		qd_env		env;
		qd_bigs		bigs;

		qd_exact_env(&env);
		qd_bigs_begin(&bigs, &env);
		return qd_exact_big_numeric(&bigs, qd_big_from(&bigs, mantissa), scale);
	}
}

/* the same of an integer of any size */
Datum
qd_exact_big_numeric(qd_bigs *bigs, qd_big mantissa, int scale)
{
	qd_int128	small;
	char	   *text;
	Datum		result;

	if (scale <= 36 && qd_big_to(mantissa, &small))
		return qd_exact_numeric(small, scale);
	text = palloc(qd_big_print_size(mantissa, scale));

	(void) qd_big_print(bigs, mantissa, scale, text);
	result = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
								 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	pfree(text);
	return result;
}
