/*
 * rate_mix.c
 *		rate_mix: the deviation of a ratio from its plan, by the segments it
 *		is a ratio of sums over: within, mix and interaction.
 *
 * All effects of a partition are rounded together.  So it is read twice: for
 * the sums, and for the fractions of all effects, which decide who is rounded
 * up.  24 bytes a row are needed for that, three are kept; effects are computed
 * again when their row is asked for.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "exact.h"
#include "kernel/effects.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_rate_mix);

#define RATE_SCALE	12			/* digits of a rate's effects */

enum
{
	ACTUAL_NUMERATOR,
	ACTUAL_DENOMINATOR,
	PLAN_NUMERATOR,
	PLAN_DENOMINATOR,
	ARG_COUNT
};

static const char *const name[ARG_COUNT] = {
	"actual_numerator", "actual_denominator", "plan_numerator", "plan_denominator"
};
static const int arg[ARG_COUNT] = {
	ACTUAL_NUMERATOR, ACTUAL_DENOMINATOR, PLAN_NUMERATOR, PLAN_DENOMINATOR
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct rate_state
{
	bool		isdone;
	bool		undefined;		/* a denominator sums to 0 */
	qd_source	source;
	qd_columns	columns;
	qd_sum		sum[ARG_COUNT];
	int			scale[2];		/* of numerators, of denominators */
	qd_env		env;
	qd_bigs		bigs;			/* where mix is */
	qd_rate_change mix;
	uint8	   *up;				/* [3 n]: what rounding adds */
} rate_state;

/* a pair is there, or it is not */
static void
check_nulls(rate_state *state, int which, int32 row)
{
	const qd_value *numerator = qd_columns_value(&state->columns, which, row);
	const qd_value *denominator = qd_columns_value(&state->columns, which + 1, row);

	if (numerator->isnull && !denominator->zero)
		qd_null_beside(&state->source, name[which], name[which + 1], denominator, row,
					   psprintf("Use coalesce(%s, 0) if there was none.", name[which]));
	if (denominator->isnull && !numerator->zero)
		qd_null_beside(&state->source, name[which + 1], name[which], numerator, row,
					   psprintf("Use coalesce(%s, 0) if there was none.", name[which + 1]));
}

/* a value as the kernel wants it */
static qd_big
get_value(qd_bigs *bigs, const rate_state *state, int which, int32 row)
{
	const qd_value *value = qd_columns_value(&state->columns, which, row);
	int			scale = state->scale[which % 2];

	if (value->scale > scale)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not the same when it is read again: %s", name[which],
						qd_value_text(value)),
				 errhint("Compute volatile arguments in a subquery that ends with OFFSET 0.")));
	return qd_value_big(bigs, value, scale);
}

/* all four of a row */
static void
get_row(qd_bigs *bigs, const rate_state *state, int32 row, qd_rate_row *result)
{
	result->actual_numerator = get_value(bigs, state, ACTUAL_NUMERATOR, row);
	result->actual_denominator = get_value(bigs, state, ACTUAL_DENOMINATOR, row);
	result->plan_numerator = get_value(bigs, state, PLAN_NUMERATOR, row);
	result->plan_denominator = get_value(bigs, state, PLAN_DENOMINATOR, row);
}

/* the first pass: sums, scales, and whether there is a ratio at all */
static void
read_sums(rate_state *state)
{
	qd_source  *source = &state->source;
	qd_columns *columns = &state->columns;
	int			turn = 0;
	int32		step;
	int			i;

	qd_columns_begin(source, columns, ARG_COUNT, name, arg, &turn);
	for (step = 0; step <= source->n; step++)
	{
		int32		row = step - 1;

		qd_next_row(source);
		qd_columns_read(source, columns, step);
		if (row < 0)
			continue;
		check_nulls(state, ACTUAL_NUMERATOR, row);
		check_nulls(state, PLAN_NUMERATOR, row);
		for (i = 0; i < ARG_COUNT; i++)
		{
			const qd_value *value = qd_columns_value(columns, i, row);

			qd_sum_add(&state->sum[i], source->context, value, 1);
			state->scale[i % 2] = Max(state->scale[i % 2], value->scale);
		}
	}
	state->undefined = qd_sum_is_zero(&state->sum[ACTUAL_DENOMINATOR]) ||
		qd_sum_is_zero(&state->sum[PLAN_DENOMINATOR]);
	for (i = 0; i < ARG_COUNT; i++)
		state->scale[i % 2] = Max(state->scale[i % 2], qd_sum_scale(&state->sum[i]));
}

/* who is rounded up */
static void
round_partition(rate_state *state)
{
	qd_source  *source = &state->source;
	Size		cells = (Size) source->n * QD_RATE_EFFECTS;
	uint64	   *key = qd_source_alloc(source, sizeof(uint64) * cells);
	qd_bigs		row_bigs;
	qd_big		down[QD_RATE_EFFECTS];
	qd_rate_row row;
	qd_int128	added;
	int			turn = 0;
	int32		step;

	qd_columns_begin(source, &state->columns, ARG_COUNT, name, arg, &turn);
	qd_bigs_begin(&row_bigs, &state->env);
	for (step = 0; step <= source->n; step++)
	{
		qd_next_row(source);
		qd_columns_read(source, &state->columns, step);
		if (step == 0)
			continue;
		get_row(&row_bigs, state, step - 1, &row);
		qd_exact_check(qd_rate_mix_row(&row_bigs, &state->mix, &row, down,
									   &key[(Size) (step - 1) * QD_RATE_EFFECTS]));
		qd_bigs_reset(&row_bigs);
	}
	qd_exact_check(qd_rate_mix_total(&row_bigs, &state->mix, &down[0], &added));
	qd_bigs_end(&row_bigs);
	state->up = qd_source_alloc(source, cells);
	qd_rate_mix_cut(&state->env, key, (int64) cells, added, state->up);
	pfree(key);
}

/* at the first row of a partition */
static pg_noinline void
begin_partition(FunctionCallInfo fcinfo, rate_state *state)
{
	qd_source  *source = &state->source;
	qd_rate_row *total = &state->mix.total;
	qd_bigs    *bigs = &state->bigs;

	qd_source_window(source, fcinfo, GetMemoryChunkContext(state));
	read_sums(state);
	if (!state->undefined)
	{
		qd_source_env(source, &state->env);
		qd_bigs_begin(bigs, &state->env);
		total->actual_numerator = qd_sum_big(bigs, &state->sum[ACTUAL_NUMERATOR], state->scale[0]);
		total->actual_denominator = qd_sum_big(bigs, &state->sum[ACTUAL_DENOMINATOR], state->scale[1]);
		total->plan_numerator = qd_sum_big(bigs, &state->sum[PLAN_NUMERATOR], state->scale[0]);
		total->plan_denominator = qd_sum_big(bigs, &state->sum[PLAN_DENOMINATOR], state->scale[1]);
		state->mix.one = qd_big_power10(bigs, RATE_SCALE + state->scale[1]);
		state->mix.divisor = qd_big_power10(bigs, state->scale[0]);
		round_partition(state);
	}
	qd_source_end(source);
	state->isdone = true;
}

/*
 * rate_mix(...) OVER (...) → rate_mix_effects, which sum over the partition to
 * the deviation of the ratio of sums; NULL where all four arguments are, and
 * in a partition whose denominators sum to 0.
 */
Datum
qd_rate_mix(PG_FUNCTION_ARGS)
{
	rate_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(rate_state));
	TupleDesc	desc = qd_result_desc(fcinfo);
	Size		cell = (Size) WinGetCurrentPosition(PG_WINDOW_OBJECT()) * QD_RATE_EFFECTS;
	Datum		values[QD_RATE_EFFECTS];
	bool		nulls[QD_RATE_EFFECTS] = {false};
	qd_big		effect[QD_RATE_EFFECTS];
	uint64		key[QD_RATE_EFFECTS];
	qd_env		env;
	qd_bigs		bigs;
	qd_rate_row row;
	bool		absent = true;
	int			i;

	if (unlikely(!state->isdone))
		begin_partition(fcinfo, state);
	state->source.fcinfo = fcinfo;
	if (state->undefined)
		PG_RETURN_NULL();
	qd_columns_current(&state->source, &state->columns);
	for (i = 0; i < ARG_COUNT; i++)
		absent = absent && qd_columns_value(&state->columns, i, 0)->isnull;
	if (absent)
		PG_RETURN_NULL();

	qd_exact_env(&env);
	qd_bigs_begin(&bigs, &env);
	get_row(&bigs, state, 0, &row);
	qd_exact_check(qd_rate_mix_row(&bigs, &state->mix, &row, effect, key));
	for (i = 0; i < QD_RATE_EFFECTS; i++)
		values[i] = qd_exact_big_numeric(&bigs,
										 state->up[cell + i] ?
										 qd_big_add(&bigs, effect[i], qd_big_from(&bigs, 1)) :
										 effect[i], RATE_SCALE);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
