/*
 * source.c
 *		Readers of arguments: columns of a window partition or of arrays, as
 *		integers for the kernels.  All that is wrong with a value is said here.
 *
 * A partition is read once.  To read a second argument of a row just fetched,
 * the server steps forward and back again in its tuplestore; a neighbour of
 * that row is one step away.  So every other column lags a row behind: node
 * of row 5, parent of row 4, weight of row 5, node of row 6, and so on.
 * (Going back to the first row for each column is no better: in a tuplestore
 * that has spilled, a step back may read a block.)
 */
#include "compat.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

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
 * The partition of a window function's call; context is what lives as long as
 * it.  Reads all its rows into the executor's tuplestore.  Expressions are
 * evaluated in a context of their own from here to qd_source_end, which the
 * current one has to stay until then: in the executor's, what a million rows
 * leave behind would be freed only after the call.  ERRCODE_PROGRAM_LIMIT_EXCEEDED beyond 2^31 rows,
 * which the server's own interface cannot address.
 */
void
qd_source_window(qd_source *source, FunctionCallInfo fcinfo, MemoryContext context)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	int64		n = WinGetPartitionRowCount(winobj);

	if (n >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partition of " INT64_FORMAT " rows is too large", n),
				 errdetail("A partition can have at most %d rows.", PG_INT32_MAX - 1),
				 errhint("Use PARTITION BY to split it; where there is a total, allocate that to the parts first.")));
	source->n = (int32) n;
	source->fcinfo = fcinfo;
	source->winobj = winobj;
	source->get = window_get;
	source->constant = window_constant;
	source->describe = window_describe;
	source->context = context;
	source->scratch = AllocSetContextCreate(context, "quota_decomp rows", ALLOCSET_SMALL_SIZES);
	source->caller = MemoryContextSwitchTo(source->scratch);
}

/* back to the context of the call */
void
qd_source_end(qd_source *source)
{
	if (source->peer_group)
		pfree(source->peer_group);
	MemoryContextSwitchTo(source->caller);
	MemoryContextDelete(source->scratch);
}

/*
 * By how many rows a column lags: 0 and 1 by turns, for columns that have to be
 * looked at in every row.  *turn is 0 before the first.
 */
int
qd_next_lag(bool per_row, int *turn)
{
	int			lag = *turn;

	if (!per_row)
		return 0;
	*turn = 1 - lag;
	return lag;
}

/* between two rows: nothing of the last one's evaluation is needed any more */
void
qd_next_row(qd_source *source)
{
	CHECK_FOR_INTERRUPTS();
	if (source->scratch)
		MemoryContextReset(source->scratch);
}

/* huge allocations are fine; out of memory is the server's own error */
void *
qd_source_alloc(qd_source *source, Size size)
{
	return MemoryContextAllocHuge(source->context, Max(size, 1));
}

/* the next size of an array that grows with what is met: at most 2^31 - 1 */
int32
qd_more_room(int32 room)
{
	return room > PG_INT32_MAX / 2 ? PG_INT32_MAX : Max(room * 2, 64);
}

static void *
env_alloc(void *arg, size_t size)
{
	return qd_source_alloc(arg, size);
}

/* what kernels release and poll by, whatever they allocate by */
void
qd_env_release(void *arg, void *ptr)
{
	pfree(ptr);
}

void
qd_env_poll(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Peers are neighbours, so all rows are numbered by their peer group, once, at
 * the first question: the server steps through its tuplestore from one row
 * asked about to the other, which for distant rows of a spilled one takes as
 * long as reading all between.  4 bytes a row, where there is a tie to explain.
 */
static bool
env_peers(void *arg, int32_t a, int32_t b)
{
	qd_source  *source = arg;

	if (!source->peer_group)
	{
		int32	   *group = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
		int32		row;

		group[0] = 0;
		for (row = 1; row < source->n; row++)
		{
			CHECK_FOR_INTERRUPTS();
			group[row] = group[row - 1] +
				(WinRowsArePeers(source->winobj, row - 1, row) ? 0 : 1);
		}
		source->peer_group = group;
	}
	return source->peer_group[a] == source->peer_group[b];
}

/* what a kernel needs of the server; in arrays no two rows are peers */
void
qd_source_env(qd_source *source, qd_env *env)
{
	env->alloc = env_alloc;
	env->release = qd_env_release;
	env->poll = qd_env_poll;
	env->peers = source->winobj ? env_peers : NULL;
	env->arg = source;
}

/* quick where they are stored alike, as values of one column are */
bool
qd_same_numeric(Datum a, Datum b)
{
	return datumIsEqual(a, b, false, -1) ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b)) == 0;
}

/*
 * Begins to read an argument that must be one value in the whole partition:
 * takes it from the first row.  It is numeric, or else an enum.
 */
void
qd_single_begin(qd_source *source, qd_single *single, int arg, const char *name, bool numeric)
{
	Datum		value = source->get(source, arg, 0, &single->isnull);

	single->arg = arg;
	single->name = name;
	single->per_row = !source->constant(source, arg);
	single->value = value;
	single->numeric = numeric;
	if (numeric && !single->isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(source->context);

		single->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		MemoryContextSwitchTo(old);
	}
}

static char *
single_text(const qd_single *single, Datum value, bool isnull)
{
	if (isnull)
		return pstrdup("NULL");
	if (single->numeric)
		return qd_numeric_text(value);
	return DatumGetCString(DirectFunctionCall1(enum_out, value));
}

/* compares a further row with the first; call where per_row */
void
qd_single_check(qd_source *source, const qd_single *single, int32 row)
{
	bool		isnull;
	Datum		value = source->get(source, single->arg, row, &isnull);

	if (isnull && single->isnull)
		return;
	if (!isnull && !single->isnull)
	{
		if (single->numeric ? qd_same_numeric(value, single->value) :
			DatumGetObjectId(value) == DatumGetObjectId(single->value))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be the same in all rows of a partition: %s and %s", single->name,
					single_text(single, single->value, single->isnull),
					single_text(single, value, isnull)),
			 errdetail("%s", source->describe(source, row)),
			 errhint("Add what it depends on to PARTITION BY.")));
}

/* the unit: finite, above 0 */
void
qd_take_unit(const qd_single *single, qd_unit *unit)
{
	Datum		value = single->value;
	qd_decimal	d;
	qd_int128	significant;

	if (single->isnull)
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
	significant = d.mantissa;
	while (significant > 0 && significant % 10 == 0)
		significant /= 10;
	/* so that every amount in units has digits that a decimal can hold */
	if (d.kind != QD_DECIMAL_EXACT || d.mantissa > qd_power10[15] ||
		significant >= qd_power10[14] ||
		d.scale > QD_MAX_UNIT_SCALE || d.display_scale > QD_MAX_UNIT_SCALE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("unit is out of range: %s", qd_numeric_text(value)),
				 errdetail("A unit has at most 14 significant digits and %d decimal places, and is at most 10^15.",
						   QD_MAX_UNIT_SCALE),
				 errhint("Use a rounder unit.")));
	unit->multiple = (int64) d.mantissa;
	unit->scale = d.scale;
	unit->display_scale = d.display_scale;
}

/* which of the labels an enum has; hint is for a NULL */
int
qd_take_label(const qd_single *single, const char *const *label, int count, const char *hint)
{
	const char *text;
	int			i;

	if (single->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", single->name),
				 errhint("%s", hint)));
	text = single_text(single, single->value, false);

	for (i = 0; i < count; i++)
		if (strcmp(text, label[i]) == 0)
			return i;
	elog(ERROR, "unexpected %s \"%s\"", single->name, text);
}

/* the rounding rule */
qd_rounding
qd_take_rounding(const qd_single *single)
{
	static const char *const label[] = {
		[QD_HAMILTON] = "hamilton",
		[QD_WEBSTER] = "webster",
		[QD_CUMULATIVE] = "cumulative"
	};

	return (qd_rounding) qd_take_label(single, label, lengthof(label),
									   "Use 'hamilton', 'webster' or 'cumulative'.");
}

/* says what is wrong with a total, lock, floor or cap */
void
qd_bad_amount(qd_source *source, const qd_unit *unit, const char *name, Datum value,
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
					 where ? errdetail("%s", where) : 0,
					 errhint("Where there is none, use NULL.")));
			break;
		default:
			if (source->too_large)
				source->too_large(source, name, text, row);
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
		qd_bad_amount(source, unit, "total", total, status, row);
	return count;
}

/*
 * Begins to read a column of amounts; value NULL: allocated when needed.
 */
void
qd_amounts_begin(qd_source *source, qd_amounts *amounts, int arg, const char *name,
				 const qd_unit *unit, qd_direction direction, uint8 flag, int64 *value)
{
	amounts->arg = arg;
	amounts->name = name;
	amounts->direction = direction;
	amounts->flag = flag;
	amounts->per_row = !source->constant(source, arg);
	amounts->absent = false;
	amounts->any = false;
	amounts->value = value;
	if (!amounts->per_row)
	{
		bool		isnull;
		Datum		constant = source->get(source, arg, 0, &isnull);
		qd_count_status status;

		amounts->absent = isnull;
		if (isnull)
			return;
		status = qd_count_units(unit, constant, direction, &amounts->constant);
		if (status != QD_COUNT_OK)
			qd_bad_amount(source, unit, name, constant, status, 0);
	}
	if (!value)
		amounts->value = qd_source_alloc(source, sizeof(int64) * (Size) source->n);
}

/* reads a row: value[row] in units, and the flag, where it is not NULL */
void
qd_amounts_read(qd_source *source, qd_amounts *amounts, const qd_unit *unit,
				int32 row, uint8 *flags)
{
	if (amounts->absent)
		return;
	if (amounts->per_row)
	{
		bool		isnull;
		Datum		value = source->get(source, amounts->arg, row, &isnull);
		qd_count_status status;

		if (isnull)
			return;
		status = qd_count_units(unit, value, amounts->direction, &amounts->value[row]);
		if (status != QD_COUNT_OK)
			qd_bad_amount(source, unit, amounts->name, value, status, row);
	}
	else
		amounts->value[row] = amounts->constant;
	flags[row] |= amounts->flag;
	amounts->any = true;
}

/*
 * The bounds of one row that has some: a floor above the cap, or, where
 * needs_weight, bounds of a row that takes no part.
 */
void
qd_check_bounds(qd_source *source, const qd_amounts *floor, const qd_amounts *cap,
				int32 row, uint8 flags, bool needs_weight)
{
	bool		isnull;

	if (needs_weight && !(flags & QD_HAS_WEIGHT))
	{
		bool		is_floor = (flags & QD_HAS_FLOOR) != 0;
		Datum		value = source->get(source, is_floor ? floor->arg : cap->arg, row, &isnull);

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %s beside a null weight", is_floor ? "floor" : "cap",
						qd_numeric_text(value)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("A row without a weight takes no part; use weight 0 to give it its floor only.")));
	}
	if ((flags & QD_HAS_FLOOR) && (flags & QD_HAS_CAP) && floor->value[row] > cap->value[row])
	{
		char	   *low = qd_numeric_text(source->get(source, floor->arg, row, &isnull));
		char	   *high = qd_numeric_text(source->get(source, cap->arg, row, &isnull));

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("floor %s is above cap %s", low, high),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Floors are rounded up to the unit, caps down.")));
	}
}

pg_noreturn static void bad_weight(qd_source *source, const qd_weights *weights, Datum value,
								   int32 row);

static void
bad_weight(qd_source *source, const qd_weights *weights, Datum value, int32 row)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be a finite number, not negative: %s", weights->name,
					qd_numeric_text(value)),
			 errdetail("%s", source->describe(source, row)),
			 errhint("Use CASE WHEN to give it a %s of 0, or NULL to leave the row out.",
					 weights->name)));
	pg_unreachable();
}

/* begins to read weights; value is [n] */
void
qd_weights_begin(qd_source *source, qd_weights *weights, int arg, uint8 skip, int64 *value)
{
	qd_weights_begin_as(source, weights, arg, "weight", skip, value);
}

/* the same for weights that go by another name */
void
qd_weights_begin_as(qd_source *source, qd_weights *weights, int arg, const char *name,
					uint8 skip, int64 *value)
{
	weights->arg = arg;
	weights->name = name;
	weights->per_row = !source->constant(source, arg);
	weights->absent = false;
	weights->skip = skip;
	weights->wide = false;
	weights->scale = 0;
	weights->sum = 0;
	weights->value = value;
	if (!weights->per_row)
	{
		bool		isnull;
		Datum		constant = source->get(source, arg, 0, &isnull);
		int64		m;
		int			exponent;

		/* one weight for all is as good as any other above 0 */
		weights->absent = isnull;
		if (isnull)
			return;
		if (!qd_decimal_leading(constant, &m, &exponent) || m < 0)
			bad_weight(source, weights, constant, 0);
		weights->mantissa = m > 0 ? 1 : 0;
		weights->mantissa_scale = 0;
	}
}

/* takes the weights so far to a finer step */
static void
refine_weights(qd_weights *weights, int scale, int32 rows, const uint8 *flags)
{
	int64		factor = qd_power10[scale - weights->scale];
	int32		i;

	if (weights->sum * factor >= QD_MAX_WEIGHT_SUM)
	{
		weights->wide = true;
		return;
	}
	for (i = 0; i < rows && weights->sum > 0; i++)
	{
		if (flags[i] & QD_HAS_WEIGHT)
			weights->value[i] *= factor;
		CHECK_FOR_INTERRUPTS();
	}
	weights->sum *= factor;
	weights->scale = scale;
}

/* a weight m * 10^-scale, neither wide nor to be skipped */
static void
take_weight(qd_weights *weights, int64 m, int scale, int32 row, const uint8 *flags)
{
	if (scale > weights->scale)
		refine_weights(weights, scale, row, flags);
	else if (scale < weights->scale)
	{
		qd_int128	scaled = (qd_int128) m * qd_power10[weights->scale - scale];

		if (scaled >= QD_MAX_WEIGHT_SUM)
			weights->wide = true;
		else
			m = (int64) scaled;
	}
	weights->value[row] = m;
	weights->sum += m;
	if (weights->sum >= QD_MAX_WEIGHT_SUM)
		weights->wide = true;
}

/* any weight that is not NULL */
static void
read_any_weight(qd_source *source, qd_weights *weights, Datum value, int32 row, uint8 *flags)
{
	int64		m;
	int			s;

	if (!qd_decimal_small(value, &m, &s))
	{
		qd_decimal	d;

		qd_decimal_decode(value, &d);
		if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE || d.negative)
			bad_weight(source, weights, value, row);
		m = 0;
		s = 0;
		if (d.kind == QD_DECIMAL_EXACT && d.mantissa < QD_MAX_WEIGHT_SUM && d.scale <= 18)
		{
			m = (int64) d.mantissa;
			s = d.scale;
		}
		else if (!(flags[row] & weights->skip))
			weights->wide = true;
	}
	if (m < 0)
		bad_weight(source, weights, value, row);
	flags[row] |= QD_HAS_WEIGHT;
	weights->value[row] = 0;
	if (!weights->wide && !(flags[row] & weights->skip) && m != 0)
		take_weight(weights, m, s, row, flags);
}

/*
 * Reads a row: value[row], and QD_HAS_WEIGHT, where it is not NULL.  Rows to
 * skip are checked, but count as 0.
 */
void
qd_weights_read(qd_source *source, qd_weights *weights, int32 row, uint8 *flags)
{
	if (likely(weights->per_row))
	{
		bool		isnull;
		Datum		value = source->get(source, weights->arg, row, &isnull);
		int64		m;

		if (isnull)
			return;
		/* most weights are in the step met so far: a few instructions */
		m = qd_decimal_at_scale(value, weights->scale);
		if (likely(m >= 0 && !weights->wide && !(flags[row] & weights->skip) &&
				   weights->sum + m < QD_MAX_WEIGHT_SUM))
		{
			flags[row] |= QD_HAS_WEIGHT;
			weights->value[row] = m;
			weights->sum += m;
		}
		else
			read_any_weight(source, weights, value, row, flags);
	}
	else if (!weights->absent)
	{
		flags[row] |= QD_HAS_WEIGHT;
		weights->value[row] = 0;
		if (!(flags[row] & weights->skip) && weights->mantissa > 0)
			take_weight(weights, weights->mantissa, weights->mantissa_scale, row, flags);
	}
}

/*
 * After the last row.  Weights that do not fit 62 bits together are read
 * again: the same power of ten for all brings the largest to 16 digits or
 * fewer; no positive one becomes 0.
 */
void
qd_weights_end(qd_source *source, qd_weights *weights, const uint8 *flags)
{
	int			top = PG_INT32_MIN; /* exponent of the largest mantissa */
	int64	   *weight = weights->value;
	uint8		skip = weights->skip;
	qd_int128	sum = 0;
	int32		row;
	int			pass;

	if (!weights->wide)
		return;
	for (pass = 0; pass < 2; pass++)
	{
		for (row = 0; row < source->n; row++)
		{
			bool		isnull;
			Datum		value;
			int64		m;
			int			exponent;

			qd_next_row(source);
			if (!(flags[row] & QD_HAS_WEIGHT) || (flags[row] & skip))
				continue;
			value = source->get(source, weights->arg, row, &isnull);
			if (!qd_decimal_leading(value, &m, &exponent))
				bad_weight(source, weights, value, row);
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

/* "120.00 to 300.00", "at least 120.00", "at most 300.00" */
char *
qd_range_text(const qd_unit *unit, const qd_problem *problem)
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

/* bounds that cannot be met; where and of_node name the row */
pg_noreturn static void
report_infeasible(qd_source *source, const qd_unit *unit, const qd_problem *problem,
				  const char *where, const char *of_node)
{
	char	   *asked = qd_units_text(unit, problem->asked);
	const char *bounds_hint = source->bounds_hint ? source->bounds_hint :
	"bounds_tree() shows what every node can hold.";

	switch (problem->subject)
	{
		case QD_ON_LOCK:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("locked amount %s is outside its floor and cap: %s", asked,
							qd_range_text(unit, problem)),
					 errdetail("%s", where),
					 errhint("Change the lock, or the bounds beside it.")));
			break;
		case QD_ON_BOUND:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 problem->asked < 0 ?
					 errmsg("cap %s is below 0, which a missing floor is", asked) :
					 errmsg("floor %s is above 0, which the missing cap of a negative total is",
							asked),
					 errdetail("%s", where),
					 problem->asked < 0 ?
					 errhint("Give the row a floor too.") :
					 errhint("Give the row a cap too.")));
			break;
		case QD_ON_CHILDREN:
			ereport(ERROR,
					(errcode(ERRCODE_QD_INFEASIBLE),
					 errmsg("%s %s%s cannot be met by what is below it",
							problem->bound == QD_LOCKED ? "locked amount" :
							problem->bound == QD_HAS_FLOOR ? "floor" : "cap", asked, of_node),
					 errdetail("Its children can hold %s.", qd_range_text(unit, problem)),
					 errhint("%s", bounds_hint)));
			break;
		case QD_ON_TOTAL:
			ereport(ERROR,
					(errcode(ERRCODE_QD_INFEASIBLE),
					 errmsg("total %s%s cannot be allocated: the reachable range is %s", asked,
							of_node, qd_range_text(unit, problem)),
					 *of_node ? errhint("%s", bounds_hint) :
					 errhint("Floors, caps and locks leave no other; rows with a null weight take no part.")));
			break;
		case QD_ON_SUMS:		/* a grid's: grid_source.c */
		case QD_ON_LINE:
		case QD_ON_LINES:
		case QD_ON_ROW_BOUNDS:
			break;
	}
	pg_unreachable();
}

/* turns a kernel's complaint into an error of the user's rows */
void
qd_report(qd_source *source, const qd_unit *unit, qd_status status, const qd_problem *problem)
{
	bool		has_row = problem->row >= 0;
	char	   *where = has_row ? source->describe(source, problem->row) : NULL;
	char	   *node = has_row && source->node ? source->node(source, problem->row) : NULL;
	char	   *of_node = node ? psprintf(" of node %s", node) : "";

	switch (status)
	{
		case QD_INFEASIBLE:
			report_infeasible(source, unit, problem, where, of_node);
			break;
		case QD_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("amounts%s do not fit 64 bits in units of %s", of_node,
							qd_units_text(unit, 1)),
					 errhint("Use a coarser unit.")));
			break;
		case QD_CYCLE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("node %s is its own ancestor", node),
					 errhint("The parent of a root is null.")));
			break;
		case QD_INTERIOR_ZERO:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight 0%s is above positive weights", of_node),
					 errhint("A null weight means the sum of the weights below; is there a coalesce(..., 0) too many?")));
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
