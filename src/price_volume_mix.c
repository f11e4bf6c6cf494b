/*
 * price_volume_mix.c
 *		price_volume_mix: what price, volume, mix, added and lost products add
 *		to the deviation of an amount from its plan.
 *
 * The partition is read once, for the quantities of all products; each row is
 * then computed when it is asked for.  So nothing is kept a row.
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

PG_FUNCTION_INFO_V1(qd_price_volume_mix);

enum
{
	ACTUAL_QUANTITY,
	ACTUAL_AMOUNT,
	PLAN_QUANTITY,
	PLAN_AMOUNT,
	ARG_COUNT
};

enum
{
	PRICE,
	VOLUME,
	MIX,
	ADDED,
	LOST,
	RESULT_COUNT
};

static const char *const name[ARG_COUNT] = {
	"actual_quantity", "actual_amount", "plan_quantity", "plan_amount"
};
static const int arg[ARG_COUNT] = {ACTUAL_QUANTITY, ACTUAL_AMOUNT, PLAN_QUANTITY, PLAN_AMOUNT};

/* a partition's sums; zeroed by the server at the partition's begin */
typedef struct mix_state
{
	bool		isdone;
	qd_source	source;
	qd_columns	columns;
	int			scale;			/* of amounts and effects */
	qd_sum		actual_quantity;	/* of products with quantities in both */
	qd_sum		plan_quantity;
	bool		no_mix;			/* plan_quantity is 0 */
	bool		narrow;			/* the two at one scale: */
	int64		actual_total;
	int64		plan_total;
} mix_state;

/* an amount must be there where a quantity is */
static void
check_nulls(mix_state *state, const qd_value *quantity, const qd_value *amount, int which,
			int32 row)
{
	if (amount->isnull && !quantity->zero)
		qd_null_beside(&state->source, name[which + 1], name[which], quantity, row,
					   psprintf("Use coalesce(%s, 0) if it was free of charge.", name[which + 1]));
}

/* the sums over the partition */
static void
read_partition(mix_state *state)
{
	qd_source  *source = &state->source;
	qd_columns *columns = &state->columns;
	int			turn = 0;
	int			scale;
	int32		step;

	qd_columns_begin(source, columns, ARG_COUNT, name, arg, &turn);
	for (step = 0; step <= source->n; step++)
	{
		int32		row = step - 1;
		const qd_value *q1 = qd_columns_value(columns, ACTUAL_QUANTITY, row);
		const qd_value *a1 = qd_columns_value(columns, ACTUAL_AMOUNT, row);
		const qd_value *q0 = qd_columns_value(columns, PLAN_QUANTITY, row);
		const qd_value *a0 = qd_columns_value(columns, PLAN_AMOUNT, row);

		qd_next_row(source);
		qd_columns_read(source, columns, step);
		if (row < 0)
			continue;
		check_nulls(state, q1, a1, ACTUAL_QUANTITY, row);
		check_nulls(state, q0, a0, PLAN_QUANTITY, row);
		state->scale = Max(state->scale, Max(a1->display_scale, a0->display_scale));
		if (q1->zero || q0->zero)
			continue;
		qd_sum_add(&state->actual_quantity, source->context, q1, 1);
		qd_sum_add(&state->plan_quantity, source->context, q0, 1);
	}
	state->no_mix = qd_sum_is_zero(&state->plan_quantity);
	scale = Max(qd_sum_scale(&state->actual_quantity), qd_sum_scale(&state->plan_quantity));
	state->narrow = qd_sum_at_scale(&state->actual_quantity, scale, &state->actual_total) &&
		qd_sum_at_scale(&state->plan_quantity, scale, &state->plan_total);
}

/* price, volume and mix of a product in both, in 64 bits; false where that
 * does not do */
static bool
effects_narrow(const mix_state *state, const qd_value *q1, const qd_value *a1,
			   const qd_value *q0, const qd_value *a0, int scale, qd_int128 *effect)
{
	int			quantity_scale = Max(q1->scale, q0->scale);
	int64		amount1;
	int64		amount0;
	int64		constant[3];
	qd_ratio	ratio[2];

	if (!state->narrow ||
		!qd_value_at_scale(a1, scale, &amount1) ||
		!qd_value_at_scale(a0, scale, &amount0) ||
		!qd_value_at_scale(q1, quantity_scale, &ratio[0].numerator) ||
		!qd_value_at_scale(q0, quantity_scale, &ratio[0].denominator))
		return false;
	ratio[0].factor = amount0;
	ratio[1].factor = amount0;
	ratio[1].numerator = state->actual_total;
	ratio[1].denominator = state->plan_total;
	constant[PRICE] = amount1;
	constant[VOLUME] = -amount0;
	constant[MIX] = 0;
	effect[MIX] = 0;
	return qd_form_effects(state->no_mix ? &qd_price_volume_form : &qd_price_volume_mix_form,
						   constant, ratio, effect);
}

/* the same of any size */
static void
effects_big(qd_bigs *bigs, const mix_state *state, const qd_value *q1, const qd_value *a1,
			const qd_value *q0, const qd_value *a0, int scale, qd_big *effect)
{
	int			quantity_scale = Max(q1->scale, q0->scale);
	int			total_scale = Max(qd_sum_scale(&state->actual_quantity),
								  qd_sum_scale(&state->plan_quantity));
	qd_big		amount0 = qd_value_big(bigs, a0, scale);
	qd_big		constant[3];
	qd_big_ratio ratio[2];

	ratio[0].factor = amount0;
	ratio[0].numerator = qd_value_big(bigs, q1, quantity_scale);
	ratio[0].denominator = qd_value_big(bigs, q0, quantity_scale);
	if (!state->no_mix)
	{
		ratio[1].factor = amount0;
		ratio[1].numerator = qd_sum_big(bigs, &state->actual_quantity, total_scale);
		ratio[1].denominator = qd_sum_big(bigs, &state->plan_quantity, total_scale);
	}
	constant[PRICE] = qd_value_big(bigs, a1, scale);
	constant[VOLUME] = qd_big_negate(amount0);
	constant[MIX] = qd_big_zero();
	effect[MIX] = qd_big_zero();
	qd_exact_check(qd_form_effects_big(bigs, state->no_mix ? &qd_price_volume_form :
									   &qd_price_volume_mix_form, constant, ratio, effect));
}

/* one row's five effects at the scale */
static void
row_effects(mix_state *state, Datum *values)
{
	qd_columns *columns = &state->columns;
	const qd_value *q1 = qd_columns_value(columns, ACTUAL_QUANTITY, 0);
	const qd_value *a1 = qd_columns_value(columns, ACTUAL_AMOUNT, 0);
	const qd_value *q0 = qd_columns_value(columns, PLAN_QUANTITY, 0);
	const qd_value *a0 = qd_columns_value(columns, PLAN_AMOUNT, 0);

	/* larger only where an argument is volatile */
	int			scale = Max(state->scale, Max(a1->display_scale, a0->display_scale));
	qd_int128	effect[3];
	qd_env		env;
	qd_bigs		bigs;
	int			i;

	qd_exact_env(&env);
	qd_bigs_begin(&bigs, &env);
	if (!q1->zero && !q0->zero)
	{
		values[ADDED] = qd_exact_numeric(0, scale);
		values[LOST] = values[ADDED];
		if (likely(effects_narrow(state, q1, a1, q0, a0, scale, effect)))
		{
			for (i = PRICE; i <= MIX; i++)
				values[i] = qd_exact_numeric(effect[i], scale);
		}
		else
		{
			qd_big		big_effect[3];

			effects_big(&bigs, state, q1, a1, q0, a0, scale, big_effect);
			for (i = PRICE; i <= MIX; i++)
				values[i] = qd_exact_big_numeric(&bigs, big_effect[i], scale);
		}
	}
	else
	{
		/* an amount without a quantity is price */
		qd_big		amount1 = qd_value_big(&bigs, a1, scale);
		qd_big		amount0 = qd_big_negate(qd_value_big(&bigs, a0, scale));
		qd_big		zero = qd_big_zero();
		qd_big		price = qd_big_add(&bigs, q1->zero ? amount1 : zero,
									   q0->zero ? amount0 : zero);

		values[PRICE] = qd_exact_big_numeric(&bigs, price, scale);
		values[VOLUME] = qd_exact_numeric(0, scale);
		values[MIX] = values[VOLUME];
		values[ADDED] = qd_exact_big_numeric(&bigs, q1->zero ? zero : amount1, scale);
		values[LOST] = qd_exact_big_numeric(&bigs, q0->zero ? zero : amount0, scale);
	}
}

/* at the first row of a partition */
static pg_noinline void
begin_partition(FunctionCallInfo fcinfo, mix_state *state)
{
	qd_source_window(&state->source, fcinfo, GetMemoryChunkContext(state));
	read_partition(state);
	qd_source_end(&state->source);
	state->isdone = true;
}

/*
 * price_volume_mix(...) OVER (...) → price_volume_mix_effects, which sum to
 * actual_amount - plan_amount; NULL where all four arguments are.
 */
Datum
qd_price_volume_mix(PG_FUNCTION_ARGS)
{
	mix_state  *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(mix_state));
	TupleDesc	desc = qd_result_desc(fcinfo);
	Datum		values[RESULT_COUNT];
	bool		nulls[RESULT_COUNT] = {false};
	bool		absent = true;
	int			i;

	if (unlikely(!state->isdone))
		begin_partition(fcinfo, state);
	state->source.fcinfo = fcinfo;
	qd_columns_current(&state->source, &state->columns);
	for (i = 0; i < ARG_COUNT; i++)
		absent = absent && qd_columns_value(&state->columns, i, 0)->isnull;
	if (absent)
		PG_RETURN_NULL();
	row_effects(state, values);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
