/*
 * shift_share.c
 *		shift_share: what all have in common, what a row's segment has, and
 *		what is the row's own, of its deviation from the target.
 *
 * The partition is read once, for the sums of all and of each segment: 4 bytes
 * a row for its segment's number, and some 100 bytes a segment.  Each row is
 * then computed when it is asked for.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "exact.h"
#include "kernel/effects.h"
#include "key_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_shift_share);

enum
{
	ARG_ACTUAL,
	ARG_TARGET,
	ARG_SEGMENT,
	ARG_MARKET
};

/* the numeric ones among them */
enum
{
	ACTUAL,
	TARGET,
	MARKET,
	COLUMN_COUNT
};

enum
{
	COMMON,
	MARKET_EFFECT,
	STRATEGY,
	INDIVIDUAL,
	RESULT_COUNT
};

static const char *const name[COLUMN_COUNT] = {"actual", "target", "market"};
static const int arg[COLUMN_COUNT] = {ARG_ACTUAL, ARG_TARGET, ARG_MARKET};

/* sums of all rows, or of a segment's */
typedef struct group_sums
{
	qd_sum		target;
	qd_sum		gap;			/* actual - target */
	qd_sum		market;			/* target * market */

	/* at the scales of amounts, and of amounts times market: */
	bool		narrow;
	bool		no_target;		/* it is 0 */
	int64		narrow_target;	/* times 10^market_scale */
	int64		narrow_shift;	/* gap - market */
} group_sums;

/* a partition's sums; zeroed by the server at the partition's begin */
typedef struct share_state
{
	bool		isdone;
	bool		has_market;
	bool		has_rows;		/* with target and actual */
	qd_source	source;
	qd_columns	columns;
	int			scale;			/* of amounts and effects */
	int			market_scale;
	group_sums	all;
	group_sums *segment;		/* [segments] */
	int32		segments;
	int32		room;			/* in segment[] */
	int32	   *segment_of;		/* [n] */
} share_state;

/* actual and target are there, or neither is; whether they are */
static bool
takes_part(share_state *state, int32 row)
{
	const qd_value *actual = qd_columns_value(&state->columns, ACTUAL, row);
	const qd_value *target = qd_columns_value(&state->columns, TARGET, row);

	if (actual->isnull && target->isnull)
		return false;
	if (actual->isnull)
		qd_null_beside(&state->source, name[ACTUAL], name[TARGET], target, row,
					   "Use coalesce(actual, 0) if there was none.");
	if (target->isnull)
		qd_null_beside(&state->source, name[TARGET], name[ACTUAL], actual, row,
					   "Use coalesce(target, 0) if there was none.");
	return true;
}

/* an outside growth is given in all rows that take part, or in none */
static void
check_market(share_state *state, int32 row)
{
	const qd_value *market = qd_columns_value(&state->columns, MARKET, row);

	if (!state->has_rows)
		state->has_market = !market->isnull;
	else if (state->has_market == market->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 market->isnull ? errmsg("market is null, but not in the rows before") :
				 errmsg("market is %s, but null in the rows before", qd_value_text(market)),
				 errdetail("%s", state->source.describe(&state->source, row)),
				 errhint("Give it in all rows of a partition or in none.")));
	state->has_rows = true;
	state->market_scale = Max(state->market_scale, market->scale);
}

/* one row into the sums of all, or of its segment */
static void
add_row(share_state *state, group_sums *sums, int32 row)
{
	MemoryContext context = state->source.context;
	const qd_value *actual = qd_columns_value(&state->columns, ACTUAL, row);
	const qd_value *target = qd_columns_value(&state->columns, TARGET, row);

	qd_sum_add(&sums->target, context, target, 1);
	qd_sum_add(&sums->gap, context, actual, 1);
	qd_sum_add(&sums->gap, context, target, -1);
	if (state->has_market)
		qd_sum_add_product(&sums->market, context, target,
						   qd_columns_value(&state->columns, MARKET, row));
}

/* one more segment */
static void
add_segment(share_state *state)
{
	if (state->segments == state->room)
	{
		int32		room = qd_more_room(state->room);
		Size		size = sizeof(group_sums) * (Size) room;

		if (state->segment)
			state->segment = repalloc_huge(state->segment, size);
		else
			state->segment = qd_source_alloc(&state->source, size);
		state->room = room;
	}
	memset(&state->segment[state->segments++], 0, sizeof(group_sums));
}

/* sums as the fast kernel wants them, where they fit */
static void
finish_sums(const share_state *state, group_sums *sums)
{
	int64		gap;
	int64		market;
	int			scale = state->scale + state->market_scale;

	sums->no_target = qd_sum_is_zero(&sums->target);
	sums->narrow = qd_sum_at_scale(&sums->target, scale, &sums->narrow_target) &&
		qd_sum_at_scale(&sums->gap, scale, &gap) &&
		qd_sum_at_scale(&sums->market, scale, &market);
	if (sums->narrow)
	{
		sums->narrow_shift = gap - market;
		/* for the kernel's limit of 62 bits */
		sums->narrow = sums->narrow_shift < (INT64CONST(1) << 62) &&
			sums->narrow_shift > -(INT64CONST(1) << 62);
	}
}

/* the only pass: segments, sums, scales */
static void
read_partition(share_state *state)
{
	qd_source  *source = &state->source;
	qd_columns *columns = &state->columns;
	qd_key_map *map;
	int			turn = 0;
	int			segment_lag;
	int32		step;
	int32		i;

	state->segment_of = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	qd_columns_begin(source, columns, COLUMN_COUNT, name, arg, &turn);
	map = qd_key_map_begin(source, ARG_SEGMENT, "the segment");
	add_segment(state);			/* NULL is one of its own, the first */
	segment_lag = qd_next_lag(!source->constant(source, ARG_SEGMENT), &turn);
	for (step = 0; step <= source->n; step++)
	{
		int32		row = step - 1;
		const qd_value *actual = qd_columns_value(columns, ACTUAL, row);
		const qd_value *target = qd_columns_value(columns, TARGET, row);

		qd_next_row(source);
		qd_columns_read(source, columns, step);
		if (qd_in_rows(source, step - segment_lag))
		{
			int32		number = qd_key_map_read(source, map, step - segment_lag) - QD_NULL_KEY;

			state->segment_of[step - segment_lag] = number;
			if (number == state->segments)
				add_segment(state);
		}
		if (row < 0 || !takes_part(state, row))
			continue;
		check_market(state, row);
		state->scale = Max(state->scale, Max(actual->display_scale, target->display_scale));
		add_row(state, &state->all, row);
		add_row(state, &state->segment[state->segment_of[row]], row);
	}
	qd_key_map_end(map);
	finish_sums(state, &state->all);
	for (i = 0; i < state->segments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		finish_sums(state, &state->segment[i]);
	}
}

/*
 * A row's effects in 64 bits, in the form's order; false where that does not
 * do.  Where the targets of a segment sum to 0 it has no growth of its own, and
 * takes that of all; where those of all do, there is none.
 */
static bool
effects_narrow(const share_state *state, const group_sums *segment, const qd_value *actual,
			   const qd_value *target, const qd_value *market, qd_int128 *effect)
{
	const group_sums *all = &state->all;
	const group_sums *sums[2];
	int64		amount;
	int64		actual_amount;
	int64		constant[RESULT_COUNT] = {0};
	qd_ratio	ratio[QD_MAX_RATIOS];
	int			i;

	sums[0] = all;
	sums[1] = segment->no_target ? all : segment;
	if (!qd_value_at_scale(target, state->scale, &amount) ||
		!qd_value_at_scale(actual, state->scale, &actual_amount))
		return false;
	for (i = 0; i < 2; i++)
	{
		if (!sums[i]->narrow)
			return false;
		ratio[i].factor = amount;
		ratio[i].numerator = sums[i]->no_target ? 0 : sums[i]->narrow_shift;
		ratio[i].denominator = sums[i]->no_target ? 1 : sums[i]->narrow_target;
	}
	if (state->has_market)
	{
		if (state->market_scale > 18 ||
			!qd_value_at_scale(market, state->market_scale, &ratio[2].numerator))
			return false;
		ratio[2].factor = amount;
		ratio[2].denominator = qd_power10[state->market_scale];
		constant[3] = actual_amount - amount;
		return qd_form_effects(&qd_shift_share_market_form, constant, ratio, effect);
	}
	constant[2] = actual_amount - amount;
	return qd_form_effects(&qd_shift_share_form, constant, ratio, effect);
}

/* the same of any size */
static void
effects_big(qd_bigs *bigs, const share_state *state, const group_sums *segment,
			const qd_value *actual, const qd_value *target, const qd_value *market, int scale,
			qd_big *effect)
{
	const group_sums *all = &state->all;
	const group_sums *sums[2];
	qd_big		one = qd_big_from(bigs, 1);
	qd_big		zero = qd_big_zero();
	qd_big		amount = qd_value_big(bigs, target, scale);
	qd_big		gap = qd_big_subtract(bigs, qd_value_big(bigs, actual, scale), amount);
	qd_big		constant[RESULT_COUNT] = {zero, zero, zero, zero};
	qd_big_ratio ratio[QD_MAX_RATIOS];
	int			i;

	sums[0] = all;
	sums[1] = segment->no_target ? all : segment;
	for (i = 0; i < 2; i++)
	{
		int			sum_scale = Max(qd_sum_scale(&sums[i]->target),
									Max(qd_sum_scale(&sums[i]->gap),
										qd_sum_scale(&sums[i]->market)));

		ratio[i].factor = amount;
		ratio[i].numerator = zero;
		ratio[i].denominator = one;
		if (sums[i]->no_target)
			continue;
		ratio[i].numerator = qd_big_subtract(bigs,
											 qd_sum_big(bigs, &sums[i]->gap, sum_scale),
											 qd_sum_big(bigs, &sums[i]->market, sum_scale));
		ratio[i].denominator = qd_sum_big(bigs, &sums[i]->target, sum_scale);
	}
	if (state->has_market)
	{
		int			market_scale = Max(state->market_scale, market->scale);

		ratio[2].factor = amount;
		ratio[2].numerator = qd_value_big(bigs, market, market_scale);
		ratio[2].denominator = qd_big_power10(bigs, market_scale);
		constant[3] = gap;
		qd_exact_check(qd_form_effects_big(bigs, &qd_shift_share_market_form, constant, ratio,
										   effect));
		return;
	}
	constant[2] = gap;
	qd_exact_check(qd_form_effects_big(bigs, &qd_shift_share_form, constant, ratio, effect));
}

/* one row's effects at the scale, in the order of the result */
static void
row_effects(share_state *state, const group_sums *segment, Datum *values)
{
	static const int with_market[] = {COMMON, MARKET_EFFECT, STRATEGY, INDIVIDUAL};
	static const int without_market[] = {COMMON, STRATEGY, INDIVIDUAL};
	const int  *place = state->has_market ? with_market : without_market;
	int			count = state->has_market ? lengthof(with_market) : lengthof(without_market);
	const qd_value *actual = qd_columns_value(&state->columns, ACTUAL, 0);
	const qd_value *target = qd_columns_value(&state->columns, TARGET, 0);
	const qd_value *market = qd_columns_value(&state->columns, MARKET, 0);

	/* larger only where an argument is volatile */
	int			scale = Max(state->scale, Max(actual->display_scale, target->display_scale));
	qd_int128	effect[RESULT_COUNT];
	qd_env		env;
	qd_bigs		bigs;
	int			i;

	if (scale == state->scale &&
		effects_narrow(state, segment, actual, target, market, effect))
	{
		for (i = 0; i < count; i++)
			values[place[i]] = qd_exact_numeric(effect[i], scale);
	}
	else
	{
		qd_big		big_effect[RESULT_COUNT];

		qd_exact_env(&env);
		qd_bigs_begin(&bigs, &env);
		effects_big(&bigs, state, segment, actual, target, market, scale, big_effect);
		for (i = 0; i < count; i++)
			values[place[i]] = qd_exact_big_numeric(&bigs, big_effect[i], scale);
	}
}

/* at the first row of a partition */
static pg_noinline void
begin_partition(FunctionCallInfo fcinfo, share_state *state)
{
	qd_source_window(&state->source, fcinfo, GetMemoryChunkContext(state));
	read_partition(state);
	qd_source_end(&state->source);
	state->isdone = true;
}

/*
 * shift_share(...) OVER (...) → shift_share_effects, which sum to actual -
 * target; market is NULL where no outside growth is given, all is NULL where
 * actual and target are.
 */
Datum
qd_shift_share(PG_FUNCTION_ARGS)
{
	share_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(share_state));
	TupleDesc	desc = qd_result_desc(fcinfo);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	Datum		values[RESULT_COUNT] = {0};
	bool		nulls[RESULT_COUNT] = {false};

	if (unlikely(!state->isdone))
		begin_partition(fcinfo, state);
	state->source.fcinfo = fcinfo;
	qd_columns_current(&state->source, &state->columns);
	if (!takes_part(state, 0))
		PG_RETURN_NULL();
	nulls[MARKET_EFFECT] = !state->has_market;
	row_effects(state, &state->segment[state->segment_of[row]], values);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
