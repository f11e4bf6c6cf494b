/*
 * source.c
 *		Readers of arguments: columns of a window partition or of arrays, as
 *		integers for the kernels.  All that is wrong with a value is said here.
 *
 * A partition is read column by column: fetching a second argument of the same
 * row would make the server fetch the row again.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "decimal.h"
#include "source.h"

static Datum
window_get(qd_source *source, int arg, int32 row, bool *isnull)
{
	bool		isout;

	return WinGetFuncArgInPartition(source->winobj, arg, row, WINDOW_SEEK_HEAD,
									false, isnull, &isout);
}

static bool
window_constant(qd_source *source, int arg)
{
	return get_fn_expr_arg_stable(source->fcinfo->flinfo, arg);
}

static char *
window_describe(qd_source *source, int32 row)
{
	return psprintf("Row %d of the partition, in window order.", row + 1);
}

/*
 * The partition of a window function's call.  Reads all its rows into the
 * executor's tuplestore.  ERRCODE_PROGRAM_LIMIT_EXCEEDED beyond 2^31 rows,
 * which the server's own interface cannot address.
 */
void
qd_source_window(qd_source *source, FunctionCallInfo fcinfo)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	int64		n = WinGetPartitionRowCount(winobj);

	if (n >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partition of " INT64_FORMAT " rows is too large to allocate", n),
				 errdetail("A partition can have at most %d rows.", PG_INT32_MAX - 1),
				 errhint("Use PARTITION BY to split it, and allocate its total to the parts first.")));
	source->n = (int32) n;
	source->fcinfo = fcinfo;
	source->winobj = winobj;
	source->get = window_get;
	source->constant = window_constant;
	source->describe = window_describe;
}

/* huge allocations are fine; out of memory is the server's own error */
void *
qd_source_alloc(qd_source *source, Size size)
{
	return MemoryContextAllocHuge(source->context, Max(size, 1));
}

static void *
env_alloc(void *arg, size_t size)
{
	return qd_source_alloc(arg, size);
}

static void
env_release(void *arg, void *ptr)
{
	pfree(ptr);
}

static void
env_poll(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

static bool
env_peers(void *arg, int32_t a, int32_t b)
{
	qd_source  *source = arg;

	return WinRowsArePeers(source->winobj, a, b);
}

/* what a kernel needs of the server; in arrays no two rows are peers */
void
qd_source_env(qd_source *source, qd_env *env)
{
	env->alloc = env_alloc;
	env->release = env_release;
	env->poll = env_poll;
	env->peers = source->winobj ? env_peers : NULL;
	env->arg = source;
}

/* whether an argument was left out, or is NULL in all rows without looking */
bool
qd_constant_null(qd_source *source, int arg)
{
	bool		isnull;

	if (!source->constant(source, arg))
		return false;
	(void) source->get(source, arg, 0, &isnull);
	return isnull;
}

static char *
value_text(Datum value, bool isnull)
{
	return isnull ? pstrdup("NULL") : qd_numeric_text(value);
}

static bool
same_numeric(Datum a, Datum b)
{
	return datumIsEqual(a, b, false, -1) ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b)) == 0;
}

/*
 * A numeric argument that must be one value in the whole partition; false
 * where it is NULL.  The value is a copy in the source's context.
 */
static bool
read_constant(qd_source *source, int arg, const char *name, Datum *value)
{
	MemoryContext old;
	bool		isnull;
	Datum		first = source->get(source, arg, 0, &isnull);
	int32		row;

	*value = (Datum) 0;
	if (!isnull)
	{
		old = MemoryContextSwitchTo(source->context);
		*value = PointerGetDatum(PG_DETOAST_DATUM_COPY(first));
		MemoryContextSwitchTo(old);
	}
	if (source->constant(source, arg))
		return !isnull;

	for (row = 1; row < source->n; row++)
	{
		bool		row_null;
		Datum		other = source->get(source, arg, row, &row_null);

		CHECK_FOR_INTERRUPTS();
		if (row_null == isnull && (isnull || same_numeric(*value, other)))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be the same in all rows of a partition: %s and %s",
						name, value_text(*value, isnull), value_text(other, row_null)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Add what it depends on to PARTITION BY.")));
	}
	return !isnull;
}

/* the total, one in the whole partition; false where it is NULL */
bool
qd_read_total(qd_source *source, int arg, Datum *total)
{
	return read_constant(source, arg, "total", total);
}

/* the unit: one, finite, above 0 */
void
qd_read_unit(qd_source *source, int arg, qd_unit *unit)
{
	Datum		value;
	qd_decimal	d;

	if (!read_constant(source, arg, "unit", &value))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("unit must not be null"),
				 errhint("The unit is the smallest step of an amount, for example 0.01 or 1000.")));
	qd_decimal_decode(value, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE || d.negative ||
		(d.kind == QD_DECIMAL_EXACT && d.mantissa == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unit must be a number greater than zero: %s", qd_numeric_text(value)),
				 errhint("The unit is the smallest step of an amount, for example 0.01 or 1000.")));
	if (d.kind != QD_DECIMAL_EXACT || d.mantissa > PG_INT64_MAX ||
		d.scale > QD_MAX_UNIT_SCALE || d.display_scale > QD_MAX_UNIT_SCALE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("unit is out of range: %s", qd_numeric_text(value)),
				 errdetail("A unit has at most 18 significant digits and %d decimal places.",
						   QD_MAX_UNIT_SCALE)));
	unit->multiple = (int64) d.mantissa;
	unit->scale = d.scale;
	unit->display_scale = d.display_scale;
}

/* the rounding rule: one, by the label of the enum */
qd_rounding
qd_read_rounding(qd_source *source, int arg)
{
	bool		isnull;
	Datum		value = source->get(source, arg, 0, &isnull);
	HeapTuple	tuple;
	const char *label;
	qd_rounding result;
	int32		row;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rounding must not be null"),
				 errhint("Use 'hamilton', 'webster' or 'cumulative'.")));
	for (row = 1; !source->constant(source, arg) && row < source->n; row++)
	{
		bool		row_null;
		Datum		other = source->get(source, arg, row, &row_null);

		CHECK_FOR_INTERRUPTS();
		if (row_null || DatumGetObjectId(other) != DatumGetObjectId(value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rounding must be the same in all rows of a partition: %s and %s",
							DatumGetCString(DirectFunctionCall1(enum_out, value)),
							row_null ? "NULL" :
							DatumGetCString(DirectFunctionCall1(enum_out, other))),
					 errdetail("%s", source->describe(source, row))));
	}

	tuple = SearchSysCache1(ENUMOID, value);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for enum %u", DatumGetObjectId(value));
	label = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
	if (strcmp(label, "hamilton") == 0)
		result = QD_HAMILTON;
	else if (strcmp(label, "webster") == 0)
		result = QD_WEBSTER;
	else if (strcmp(label, "cumulative") == 0)
		result = QD_CUMULATIVE;
	else
		elog(ERROR, "unexpected rounding rule \"%s\"", label);
	ReleaseSysCache(tuple);
	return result;
}

static void bad_amount(qd_source *source, const qd_unit *unit, const char *name, Datum value,
					   qd_count_status status, int32 row) pg_attribute_noreturn();

/* says what is wrong with a total, lock, floor or cap */
static void
bad_amount(qd_source *source, const qd_unit *unit, const char *name, Datum value,
		   qd_count_status status, int32 row)
{
	char	   *where = row < 0 ? NULL : source->describe(source, row);
	char	   *text = qd_numeric_text(value);

	switch (status)
	{
		case QD_COUNT_NOT_MULTIPLE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s %s is not a multiple of the unit %s",
							name, text, qd_units_text(unit, 1)),
					 where ? errdetail("%s", where) : 0,
					 unit->multiple == 1 ?
					 errhint("Use round(%s, %d), or a finer unit.", name, unit->scale) :
					 errhint("Use round(%s / %s) * %s, or a finer unit.", name,
							 qd_units_text(unit, 1), qd_units_text(unit, 1))));
			break;
		case QD_COUNT_NOT_FINITE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be a finite number: %s", name, text),
					 where ? errdetail("%s", where) : 0));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s is out of range: %s", name, text),
					 errdetail("Amounts are counted in units of %s, in 64 bits: at most %s.%s%s",
							   qd_units_text(unit, 1), qd_units_text(unit, PG_INT64_MAX),
							   where ? " " : "", where ? where : ""),
					 errhint("Use a coarser unit.")));
	}
	pg_unreachable();
}

/* a total in units; row < 0: the total of a partition, which is no row's own */
int64
qd_count_total(qd_source *source, const qd_unit *unit, Datum total, int32 row)
{
	int64		count;
	qd_count_status status = qd_count_units(unit, total, QD_EXACTLY, &count);

	if (status != QD_COUNT_OK)
		bad_amount(source, unit, "total", total, status, row);
	return count;
}

/*
 * A column of amounts in units into amount[], `flag` into flags[] where it is
 * not NULL.  amount NULL: allocated.  Returns NULL where no row has one.
 */
int64 *
qd_read_amounts(qd_source *source, int arg, const char *name, const qd_unit *unit,
				qd_direction direction, uint8 flag, uint8 *flags, int64 *amount)
{
	bool		constant = source->constant(source, arg);
	bool		any = false;
	int64		count = 0;
	int32		row;

	if (qd_constant_null(source, arg))
		return NULL;
	if (!amount)
		amount = qd_source_alloc(source, sizeof(int64) * (Size) source->n);
	for (row = 0; row < source->n; row++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!constant || row == 0)
		{
			bool		isnull;
			Datum		value = source->get(source, arg, row, &isnull);
			qd_count_status status;

			if (isnull)
				continue;
			status = qd_count_units(unit, value, direction, &count);
			if (status != QD_COUNT_OK)
				bad_amount(source, unit, name, value, status, row);
		}
		amount[row] = count;
		flags[row] |= flag;
		any = true;
	}
	return any ? amount : NULL;
}

/*
 * The bounds of one row that has some: a floor above the cap, or, where
 * needs_weight, bounds of a row that takes no part.
 */
void
qd_check_bounds(qd_source *source, int floor_arg, int cap_arg, int32 row, uint8 flags,
				const int64 *floor, const int64 *cap, bool needs_weight)
{
	bool		isnull;

	if (needs_weight && !(flags & QD_HAS_WEIGHT))
	{
		bool		is_floor = (flags & QD_HAS_FLOOR) != 0;
		Datum		value = source->get(source, is_floor ? floor_arg : cap_arg, row, &isnull);

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %s beside a null weight", is_floor ? "floor" : "cap",
						qd_numeric_text(value)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("A row without a weight takes no part; use weight 0 to give it its floor only.")));
	}
	if ((flags & QD_HAS_FLOOR) && (flags & QD_HAS_CAP) && floor[row] > cap[row])
	{
		char	   *low = qd_numeric_text(source->get(source, floor_arg, row, &isnull));
		char	   *high = qd_numeric_text(source->get(source, cap_arg, row, &isnull));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("floor %s is above cap %s", low, high),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Floors are rounded up to the unit, caps down.")));
	}
}

static void bad_weight(qd_source *source, Datum value, int32 row) pg_attribute_noreturn();

static void
bad_weight(qd_source *source, Datum value, int32 row)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("weight must be a finite number, not negative: %s", qd_numeric_text(value)),
			 errdetail("%s", source->describe(source, row)),
			 errhint("Use greatest(weight, 0), or NULL to leave the row out.")));
	pg_unreachable();
}

/*
 * Weights that do not fit 62 bits together: the same power of ten for all
 * brings the largest to 16 digits or fewer; no positive one becomes 0.
 */
static void
read_wide_weights(qd_source *source, int arg, const uint8 *flags, uint8 skip, int64 *weight)
{
	int			top = PG_INT32_MIN; /* exponent of the largest mantissa */
	qd_int128	sum;
	int32		row;
	int			pass;

	for (pass = 0; pass < 2; pass++)
	{
		sum = 0;
		for (row = 0; row < source->n; row++)
		{
			bool		isnull;
			Datum		value;
			int64		m;
			int			exponent;

			CHECK_FOR_INTERRUPTS();
			if (!(flags[row] & QD_HAS_WEIGHT) || (flags[row] & skip))
				continue;
			value = source->get(source, arg, row, &isnull);
			if (!qd_decimal_leading(value, &m, &exponent) || m < 0)
				bad_weight(source, value, row);
			if (m == 0)
				weight[row] = 0;
			else if (pass == 0)
				top = Max(top, exponent);
			else
			{
				int			down = top - exponent;

				m = down > 18 ? 0 : m / qd_power10[down];
				weight[row] = Max(m, 1);
				sum += weight[row];
			}
		}
	}
	/* sixteen digits each may still be too much for very many rows */
	while (sum >= QD_MAX_WEIGHT_SUM)
	{
		sum = 0;
		for (row = 0; row < source->n; row++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!(flags[row] & QD_HAS_WEIGHT) || (flags[row] & skip) || weight[row] == 0)
				continue;
			weight[row] = Max(weight[row] / 10, 1);
			sum += weight[row];
		}
	}
}

/*
 * A column of weights into weight[], QD_HAS_WEIGHT into flags[] where it is not
 * NULL.  Rows with a flag of `skip` are checked, but count as 0.  Exact in the
 * smallest decimal step present while the sum of the steps is below 2^62.
 */
void
qd_read_weights(qd_source *source, int arg, uint8 *flags, uint8 skip, int64 *weight)
{
	bool		constant = source->constant(source, arg);
	int			scale = 0;		/* of the weights so far */
	qd_int128	sum = 0;
	bool		wide = false;
	int64		m = 0;
	int			s = 0;
	bool		isnull = false;
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!constant || row == 0)
		{
			Datum		value = source->get(source, arg, row, &isnull);

			if (isnull)
				continue;
			if (unlikely(!qd_decimal_small(value, &m, &s)))
			{
				qd_decimal	d;

				qd_decimal_decode(value, &d);
				if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE || d.negative)
					bad_weight(source, value, row);
				if (d.kind == QD_DECIMAL_EXACT && d.mantissa < QD_MAX_WEIGHT_SUM && d.scale <= 18)
				{
					m = (int64) d.mantissa;
					s = d.scale;
				}
				else if (constant || !(flags[row] & skip))
					wide = true;
			}
			if (unlikely(m < 0))
				bad_weight(source, value, row);
		}
		if (isnull)
			continue;
		flags[row] |= QD_HAS_WEIGHT;
		weight[row] = 0;
		if (wide || (flags[row] & skip) || m == 0)
			continue;

		/* a finer step than before: all earlier weights in the new one */
		if (s > scale)
		{
			int32		i;

			if (sum > 0 && sum * qd_power10[s - scale] >= QD_MAX_WEIGHT_SUM)
			{
				wide = true;
				continue;
			}
			for (i = 0; i < row && sum > 0; i++)
			{
				if (flags[i] & QD_HAS_WEIGHT)
					weight[i] *= qd_power10[s - scale];
				CHECK_FOR_INTERRUPTS();
			}
			sum *= qd_power10[s - scale];
			scale = s;
		}
		if (s < scale)
		{
			qd_int128	scaled = (qd_int128) m * qd_power10[scale - s];

			if (scaled >= QD_MAX_WEIGHT_SUM)
			{
				wide = true;
				continue;
			}
			weight[row] = (int64) scaled;
		}
		else
			weight[row] = m;
		sum += weight[row];
		if (sum >= QD_MAX_WEIGHT_SUM)
			wide = true;
	}
	if (wide)
		read_wide_weights(source, arg, flags, skip, weight);
}

/* "120.00 to 300.00", "at least 120.00", "at most 300.00" */
static char *
range_text(const qd_unit *unit, const qd_problem *problem)
{
	if (problem->unbounded_low && problem->unbounded_high)
		return pstrdup("anything");
	if (problem->unbounded_high)
		return psprintf("at least %s", qd_units_text(unit, problem->low));
	if (problem->unbounded_low)
		return psprintf("at most %s", qd_units_text(unit, problem->high));
	if (problem->low == problem->high)
		return psprintf("exactly %s", qd_units_text(unit, problem->low));
	return psprintf("%s to %s", qd_units_text(unit, problem->low),
					qd_units_text(unit, problem->high));
}

/* turns a kernel's complaint into an error of the user's rows */
void
qd_report(qd_source *source, const qd_unit *unit, qd_status status, const qd_problem *problem)
{
	char	   *where = problem->row < 0 ? NULL : source->describe(source, problem->row);

	switch (status)
	{
		case QD_INFEASIBLE:
			if (problem->subject == QD_ON_LOCK)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("locked amount %s is outside its floor and cap: %s",
								qd_units_text(unit, problem->asked), range_text(unit, problem)),
						 errdetail("%s", where)));
			else if (problem->subject == QD_ON_CHILDREN)
				ereport(ERROR,
						(errcode(ERRCODE_QD_INFEASIBLE),
						 errmsg("floor, cap or lock %s of a node cannot be met by what is below it",
								qd_units_text(unit, problem->asked)),
						 errdetail("%s Its children can hold %s.", where,
								   range_text(unit, problem)),
						 errhint("bounds_tree() shows what every node can hold.")));
			else
				ereport(ERROR,
						(errcode(ERRCODE_QD_INFEASIBLE),
						 errmsg("total %s cannot be allocated: the reachable range is %s",
								qd_units_text(unit, problem->asked), range_text(unit, problem)),
						 where ? errdetail("%s", where) : 0,
						 where ? errhint("bounds_tree() shows what every node can hold.") :
						 errhint("Floors, caps and locks leave no other; rows with a null weight take no part.")));
			break;
		case QD_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("amounts do not fit 64 bits in units of %s", qd_units_text(unit, 1)),
					 where ? errdetail("%s", where) : 0,
					 errhint("Use a coarser unit.")));
			break;
		case QD_CYCLE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("nodes form a cycle: a node is its own ancestor"),
					 errdetail("%s", where),
					 errhint("The parent of a root is null.")));
			break;
		case QD_INTERIOR_ZERO:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight 0 of a node above positive weights"),
					 errdetail("%s", where),
					 errhint("A null weight means the sum of the weights below; is there a coalesce(…, 0) too many?")));
			break;
		case QD_CUMULATIVE_UPLIFT:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cumulative rounding and uplift cannot be used together"),
					 errdetail("%s", where),
					 errhint("Use 'hamilton' or 'webster' with uplift.")));
			break;
		default:
			elog(ERROR, "allocation kernel failed with status %d", (int) status);
	}
	pg_unreachable();
}
