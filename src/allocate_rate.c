/*
 * allocate_rate.c
 *		allocate_rate, allocate_rate_detail: a ratio target over the rows of a
 *		partition, so that their volume-weighted mean is the target.
 *
 * Rates become integers of a fine step: all digits there are, as far as 18 do
 * for the largest of them.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "kernel/rate.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_allocate_rate_window);
PG_FUNCTION_INFO_V1(qd_allocate_rate_detail);

enum
{
	ARG_RATE,
	ARG_BASELINE,
	ARG_VOLUME,
	ARG_METHOD,
	ARG_FLOOR,
	ARG_CAP,
	ARG_SCALE
};

#define RATE_DIGITS		18
#define MAX_RATE_SCALE	15
#define NO_BASELINE		(-1)	/* in place of a scale */

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct rate_state
{
	bool		isdone;
	bool		isnull;			/* NULL rate: every row is NULL */
	qd_unit		unit;			/* a step of the result */
	qd_rates	rates;
} rate_state;

/* baselines, each as it comes: value * 10^-scale */
typedef struct baseline_column
{
	bool		per_row;
	int64	   *value;			/* [n] */
	int16	   *scale;			/* [n], or NO_BASELINE */
	int64		constant;		/* where not per_row */
	int16		constant_scale;
} baseline_column;

static const char *const method_name[] = {"scale", "shift", "close_gap"};

pg_noreturn static void too_large(qd_source *source, const char *name, const char *text,
								  int32 row, const char *hint);

static void
too_large(qd_source *source, const char *name, const char *text, int32 row, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s is out of range: %s", name, text),
			 row < 0 ? errdetail("Rates have at most %d digits, those of the scale included.",
								 RATE_DIGITS) :
			 errdetail("Rates have at most %d digits, those of the scale included. %s",
					   RATE_DIGITS, source->describe(source, row)),
			 errhint("%s", hint)));
	pg_unreachable();
}

static void
bound_too_large(qd_source *source, const char *name, const char *text, int32 row)
{
	too_large(source, name, text, row, "Leave out caps and floors that do not bind, or use a smaller scale.");
}

/* beyond 10^RATE_DIGITS, whatever the scale */
static void
baseline_too_large(qd_source *source, Datum value, int32 row)
{
	too_large(source, "baseline", qd_numeric_text(value), row,
			  "Use a null baseline to leave the row out, or give all rates in a larger measure.");
}

/* a / 10^digits, half away from zero */
static qd_int128
cut_digits(qd_int128 a, int digits)
{
	qd_int128	divisor = 1;
	bool		negative = a < 0;

	if (digits > 38)
		return 0;
	for (; digits > 0; digits -= Min(digits, 18))
		divisor *= qd_power10[Min(digits, 18)];
	if (negative)
		a = -a;
	a = a / divisor + (a % divisor >= divisor - a % divisor ? 1 : 0);
	return negative ? -a : a;
}

/* a baseline, to RATE_DIGITS digits */
static void
decode_baseline(qd_source *source, Datum datum, int32 row, int64 *value, int16 *scale)
{
	qd_decimal	d;
	qd_int128	m;
	int			small_scale;

	if (qd_decimal_small(datum, value, &small_scale))
	{
		*scale = (int16) small_scale;
		return;
	}
	qd_decimal_decode(datum, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("baseline must be a finite number: %s", qd_numeric_text(datum)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Use NULL to leave the row out.")));
	if (d.kind == QD_DECIMAL_HUGE)
		baseline_too_large(source, datum, row);
	m = d.mantissa;
	while (m >= qd_power10[RATE_DIGITS] || m <= -qd_power10[RATE_DIGITS])
	{
		/* one digit at a time would round twice */
		int			digits = 1;

		while (cut_digits(m, digits) >= qd_power10[RATE_DIGITS] ||
			   cut_digits(m, digits) <= -qd_power10[RATE_DIGITS])
			digits++;
		m = cut_digits(m, digits);
		d.scale -= digits;
	}
	if (d.scale < 0)
		baseline_too_large(source, datum, row);
	*value = (int64) m;
	*scale = (int16) Min(d.scale, PG_INT16_MAX);
}

static void
baselines_begin(qd_source *source, baseline_column *b)
{
	Size		n = (Size) source->n;

	b->per_row = !source->constant(source, ARG_BASELINE);
	b->value = qd_source_alloc(source, sizeof(int64) * n);
	b->scale = qd_source_alloc(source, sizeof(int16) * n);
	if (!b->per_row)
	{
		bool		isnull;
		Datum		datum = source->get(source, ARG_BASELINE, 0, &isnull);

		b->constant = 0;
		b->constant_scale = NO_BASELINE;
		if (!isnull)
			decode_baseline(source, datum, 0, &b->constant, &b->constant_scale);
	}
}

static void
baselines_read(qd_source *source, baseline_column *b, int32 row)
{
	bool		isnull;
	Datum		datum;

	if (!b->per_row)
	{
		b->value[row] = b->constant;
		b->scale[row] = b->constant_scale;
		return;
	}
	datum = source->get(source, ARG_BASELINE, row, &isnull);
	b->value[row] = 0;
	b->scale[row] = NO_BASELINE;
	if (!isnull)
		decode_baseline(source, datum, row, &b->value[row], &b->scale[row]);
}

/* digits before the point of value * 10^-scale; 0 or less below 1 */
static int
whole_digits(int64 value, int scale)
{
	uint64		m = value < 0 ? -(uint64) value : (uint64) value;
	int			digits = 0;

	for (; digits < RATE_DIGITS + 1 && m >= (uint64) qd_power10[Min(digits, RATE_DIGITS)]; digits++)
		if (digits == RATE_DIGITS)
			return RATE_DIGITS + 1 - scale;
	return m == 0 ? 0 : digits - scale;
}

/* the decimal digits of the result, one value in a partition */
typedef struct result_scale
{
	bool		per_row;
	int32		value;
} result_scale;

static int32
get_scale(qd_source *source, int32 row)
{
	bool		isnull;
	Datum		datum = source->get(source, ARG_SCALE, row, &isnull);
	int32		scale = isnull ? 0 : DatumGetInt32(datum);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scale must not be null"),
				 errhint("The scale is how many decimal digits a rate has, for example 4.")));
	if (scale < 0 || scale > MAX_RATE_SCALE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scale must be between 0 and %d: %d", MAX_RATE_SCALE, scale),
				 errhint("The scale is how many decimal digits a rate has, for example 4.")));
	return scale;
}

static void
check_scale(qd_source *source, const result_scale *scale, int32 row)
{
	int32		other = get_scale(source, row);

	if (other != scale->value)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scale must be the same in all rows of a partition: %d and %d",
						scale->value, other),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Add what it depends on to PARTITION BY.")));
}

/* the target in steps; it must be one that a mean rounded to the scale can be */
static int64
take_rate(qd_source *source, const qd_unit *unit, Datum rate)
{
	int64		count = 0;

	switch (qd_count_units(unit, rate, QD_EXACTLY, &count))
	{
		case QD_COUNT_OK:
			break;
		case QD_COUNT_NOT_MULTIPLE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg_plural("rate %s has more than %d decimal digit",
								   "rate %s has more than %d decimal digits", unit->scale,
								   qd_numeric_text(rate), unit->scale),
					 errhint("Use round(rate, %d), or a larger scale.", unit->scale)));
			break;
		case QD_COUNT_NOT_FINITE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rate must be a finite number: %s", qd_numeric_text(rate)),
					 errhint("Where there is none, use NULL.")));
			break;
		case QD_COUNT_TOO_LARGE:
			too_large(source, "rate", qd_numeric_text(rate), -1, "Use a smaller scale.");
	}
	return count;
}

/*
 * All columns of all rows, every other one a row behind (see source.c).  Bounds
 * are compared wherever a row has both.
 */
static void
read_columns(qd_source *source, const qd_unit *unit, uint8 *flags, const qd_single *rate,
			 const qd_single *method, const result_scale *scale, qd_amounts *floor, qd_amounts *cap,
			 qd_weights *volume, baseline_column *baseline)
{
	const qd_single *single[] = {rate, method};
	qd_amounts *amounts[] = {floor, cap};
	int			single_lag[lengthof(single)];
	int			amounts_lag[lengthof(amounts)];
	int			scale_lag;
	int			volume_lag;
	int			baseline_lag;
	int			turn = 0;
	int32		step;
	int			i;

	volume_lag = qd_next_lag(volume->per_row, &turn);
	baseline_lag = qd_next_lag(baseline->per_row, &turn);
	for (i = 0; i < lengthof(single); i++)
		single_lag[i] = qd_next_lag(single[i]->per_row, &turn);
	for (i = 0; i < lengthof(amounts); i++)
		amounts_lag[i] = qd_next_lag(amounts[i]->per_row, &turn);
	scale_lag = qd_next_lag(scale->per_row, &turn);

	for (step = 0; step <= source->n; step++)
	{
		int32		row;

		qd_next_row(source);
		row = step - volume_lag;
		if (qd_in_rows(source, row))
			qd_weights_read(source, volume, row, flags);
		row = step - baseline_lag;
		if (qd_in_rows(source, row))
			baselines_read(source, baseline, row);
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
		row = step - scale_lag;
		if (scale->per_row && qd_in_rows(source, row))
			check_scale(source, scale, row);
		row = step - 1;
		if (row >= 0 && (flags[row] & (QD_HAS_FLOOR | QD_HAS_CAP)))
			qd_check_bounds(source, floor, cap, row, flags[row], false);
	}
}

/*
 * Chooses the fine step, brings all to it, and says who takes part: rows with
 * a volume above 0 and a baseline.  rates->base is baseline->value.
 */
static void
bring_to_step(qd_source *source, const qd_unit *unit, uint8 *flags, int64 target,
			  const baseline_column *baseline, qd_rates *rates)
{
	int			most = whole_digits(target, unit->scale);
	int			need = unit->scale;
	int			fine;
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		CHECK_FOR_INTERRUPTS();
		if ((flags[row] & QD_HAS_WEIGHT) &&
			(rates->volume[row] == 0 || baseline->scale[row] == NO_BASELINE))
			flags[row] &= ~QD_HAS_WEIGHT;
		if (!(flags[row] & QD_HAS_WEIGHT))
			continue;
		need = Max(need, baseline->scale[row]);
		most = Max(most, whole_digits(baseline->value[row], baseline->scale[row]));
		if (rates->floor && (flags[row] & QD_HAS_FLOOR))
			most = Max(most, whole_digits(rates->floor[row], unit->scale));
		if (rates->cap && (flags[row] & QD_HAS_CAP))
			most = Max(most, whole_digits(rates->cap[row], unit->scale));
	}
	fine = Min(need, RATE_DIGITS - most);
	if (fine < unit->scale)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("rates do not fit: %d digits before the point and %d after it", most,
						unit->scale),
				 errdetail("The rate, baselines, floors and caps of a partition have at most %d digits, those of the scale included.",
						   RATE_DIGITS),
				 errhint("Use a smaller scale; leave out caps and floors that do not bind.")));
	rates->step = qd_power10[fine - unit->scale];
	for (row = 0; row < source->n; row++)
	{
		int			scale = baseline->scale[row];
		int64		value = baseline->value[row];

		CHECK_FOR_INTERRUPTS();
		if (!(flags[row] & QD_HAS_WEIGHT))
			continue;
		rates->base[row] = scale <= fine ? value * qd_power10[fine - scale] :
			(int64) cut_digits(value, scale - fine);
		if (rates->floor && (flags[row] & QD_HAS_FLOOR))
			rates->floor[row] *= rates->step;
		if (rates->cap && (flags[row] & QD_HAS_CAP))
			rates->cap[row] *= rates->step;
	}
}

pg_noreturn static void report(qd_source *source, const qd_unit *unit, qd_rate_method method,
							   qd_status status, const qd_problem *problem);

static void
report(qd_source *source, const qd_unit *unit, qd_rate_method method, qd_status status,
	   const qd_problem *problem)
{
	if (status == QD_INFEASIBLE)
		ereport(ERROR,
				(errcode(ERRCODE_QD_INFEASIBLE),
				 errmsg("rate %s cannot be reached: the reachable range is %s",
						qd_units_text(unit, problem->asked), qd_range_text(unit, problem)),
				 method == QD_RATE_CLOSE_GAP ?
				 errhint("'close_gap' goes no further than the best baseline; 'scale' and 'shift' do.") :
				 method == QD_RATE_SHIFT ?
				 errhint("Floors and caps leave no other; a missing floor is 0 where nothing is below 0.") :
				 errhint("Floors and caps leave no other, and 'scale' leaves a baseline of 0 at 0; 'shift' does not.")));
	if (status == QD_OVERFLOW)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg_plural("rates do not fit 64 bits with %d decimal digit",
							   "rates do not fit 64 bits with %d decimal digits", unit->scale,
							   unit->scale),
				 errdetail("%s", source->describe(source, problem->row)),
				 errhint("Rows of little volume would have to make up for much: give them a cap.")));
	qd_report(source, unit, status, problem);
}

/*
 * Reads the arguments, pushes the rate down, and leaves rates and rules in
 * *state.  38 bytes a row, 16 more with bounds, while it works; 9 (27 for the
 * detail) are kept.
 */
static void
push_down(qd_source *source, rate_state *state, bool explain)
{
	qd_rates   *rates = &state->rates;
	Size		n = (Size) source->n;
	qd_unit    *unit = &state->unit;
	qd_single	rate;
	qd_single	method_value;
	result_scale scale;
	qd_amounts	floor;
	qd_amounts	cap;
	qd_weights	volume;
	baseline_column baseline;
	qd_rate_method method;
	int64		target;
	uint8	   *flags;
	int64	   *volumes;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		row;

	qd_single_begin(source, &rate, ARG_RATE, "rate", true);
	if (rate.isnull)
	{
		for (row = 1; rate.per_row && row < source->n; row++)
		{
			qd_next_row(source);
			qd_single_check(source, &rate, row);
		}
		state->isnull = true;
		return;
	}
	qd_single_begin(source, &method_value, ARG_METHOD, "method", false);
	method = (qd_rate_method) qd_take_label(&method_value, method_name, lengthof(method_name),
											"Use 'scale', 'shift' or 'close_gap'.");
	scale.per_row = !source->constant(source, ARG_SCALE);
	scale.value = get_scale(source, 0);
	unit->multiple = 1;
	unit->scale = unit->display_scale = scale.value;
	target = take_rate(source, unit, rate.value);

	source->too_large = bound_too_large;
	flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	volumes = qd_source_alloc(source, sizeof(int64) * n);
	qd_amounts_begin(source, &floor, ARG_FLOOR, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &cap, ARG_CAP, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	qd_weights_begin_as(source, &volume, ARG_VOLUME, "volume", 0, volumes);
	baselines_begin(source, &baseline);
	read_columns(source, unit, flags, &rate, &method_value, &scale, &floor, &cap, &volume,
				 &baseline);
	qd_weights_end(source, &volume, flags);

	rates->n = source->n;
	rates->flags = flags;
	rates->volume = volumes;
	rates->base = baseline.value;
	rates->floor = floor.any ? floor.value : NULL;
	rates->cap = cap.any ? cap.value : NULL;
	bring_to_step(source, unit, flags, target, &baseline, rates);
	pfree(baseline.scale);
	rates->rate = qd_source_alloc(source, sizeof(int64) * n);
	rates->rule = qd_source_alloc(source, n);
	rates->state = qd_source_alloc(source, n);

	qd_source_env(source, &env);
	status = qd_allocate_rate(&env, rates, target, method, explain, &problem);
	if (status != QD_OK)
		report(source, unit, method, status, &problem);
	pfree(volumes);
	rates->volume = NULL;
	if (!explain)
	{
		pfree(flags);
		pfree(baseline.value);
		pfree(rates->state);
		if (floor.value)
			pfree(floor.value);
		if (cap.value)
			pfree(cap.value);
	}
}

/* the state of the current partition */
static rate_state *
partition_state(FunctionCallInfo fcinfo, bool explain)
{
	rate_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(rate_state));

	if (unlikely(!state->isdone))
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		push_down(&source, state, explain);
		qd_source_end(&source);
		state->isdone = true;
	}
	return state;
}

/* allocate_rate(...) OVER (...) → numeric: the rate of the current row */
Datum
qd_allocate_rate_window(PG_FUNCTION_ARGS)
{
	rate_state *state = partition_state(fcinfo, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->isnull || state->rates.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->rates.rate[row]));
}

/* allocate_rate_detail(...) OVER (...) → allocation, NULL where the rate is */
Datum
qd_allocate_rate_detail(PG_FUNCTION_ARGS)
{
	rate_state *state = partition_state(fcinfo, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	uint8		rule;
	int64		whole;
	int64		millionths;

	if (state->isnull || state->rates.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	rule = state->rates.rule[row];
	if (!qd_rates_exact(&state->rates, (int32) row, &whole, &millionths))
		elog(ERROR, "exact rate is out of range");
	PG_RETURN_DATUM(qd_allocation_named(fcinfo, &state->unit, state->rates.rate[row],
										(qd_int128) whole * 1000000 + millionths,
										rule == QD_RULE_SHARE ?
										method_name[state->rates.method] : qd_rule_name(rule)));
}
