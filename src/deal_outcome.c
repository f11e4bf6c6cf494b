/*
 * deal_outcome.c
 *		What is asked of a distribution: probability_at_least(), percentile(),
 *		mean().
 */
#include "compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "decimal.h"
#include "distribution.h"

PG_FUNCTION_INFO_V1(qd_probability_at_least);
PG_FUNCTION_INFO_V1(qd_percentile);
PG_FUNCTION_INFO_V1(qd_mean);

#define POLL_MASK			0xffff
#define CHANCE_SCALE		15	/* digits of a probability */
#define RESET_EVERY			1024

/* what a call leaves for the next, which often asks of the same distribution */
typedef struct outcome_cache
{
	TupleDesc	desc;
	MemoryContext context;		/* holds the rest */
	qd_distribution *value;
	qd_outcome *outcome;		/* NULL until computed */
} outcome_cache;

static outcome_cache *
begin_question(FunctionCallInfo fcinfo)
{
	outcome_cache *a = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (a)
		return a;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	a = palloc0(sizeof(outcome_cache));
	if (get_call_result_type(fcinfo, NULL, &a->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	a->desc = BlessTupleDesc(a->desc);
	a->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "deal outcome", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = a;
	return a;
}

/* the outcome of the deals, computed unless it is the last one asked for */
static const qd_outcome *
find_outcome(outcome_cache *a, qd_distribution *d)
{
	qd_deals	deals;
	qd_outcome *outcome;
	qd_env		env;
	qd_status	status;

	if (a->outcome && VARSIZE(a->value) == VARSIZE(d) && memcmp(a->value, d, VARSIZE(d)) == 0)
		return a->outcome;
	a->outcome = NULL;
	MemoryContextReset(a->context);
	a->value = MemoryContextAlloc(a->context, VARSIZE(d));
	memcpy(a->value, d, VARSIZE(d));
	outcome = MemoryContextAlloc(a->context, sizeof(qd_outcome));
	deals.n = d->n;
	deals.scenarios = d->scenarios;
	deals.word = qd_distribution_deals(a->value);
	qd_server_env(a->context, &env);
	status = qd_outcome_build(&env, &deals, a->value->word, &qd_usual_effort, outcome);
	if (status == QD_NOMEM)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Cannot compute what " INT64_FORMAT " deals may bring.", d->n)));
	if (status == QD_OVERFLOW)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d deals are uncertain", QD_MAX_UNCERTAIN),
				 errhint("So many deals together bring very nearly their mean(); ask about fewer of them.")));
	if (status != QD_OK)
		elog(ERROR, "outcome kernel failed with status %d", (int) status);
	a->outcome = outcome;
	return outcome;
}

static Datum
answer(const outcome_cache *a, Datum value, Datum low, Datum high)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = value;
	values[1] = low;
	values[2] = high;
	return HeapTupleGetDatum(heap_form_tuple(a->desc, values, nulls));
}

/*
 * A probability in units of 10^-CHANCE_SCALE, in a direction, with a third of a
 * unit for what the doubles lost on the way.  0 and 1 are what they are.
 */
static int64
chance_units(double chance, qd_direction direction)
{
	double		one = (double) qd_power10[CHANCE_SCALE];
	double		units = chance * one;

	if (chance <= 0 || chance >= 1)
		return chance <= 0 ? 0 : qd_power10[CHANCE_SCALE];
	if (direction == QD_DOWN)
		return (int64) Max(floor(units - 0.3), 0);
	if (direction == QD_UP)
		return (int64) Min(ceil(units + 0.3), one);
	return (int64) rint(units);
}

/* 1 - P(sum <= amount), with its bounds */
static Datum
answer_above(const outcome_cache *a, const qd_chance *below)
{
	int64		value;
	int64		low;
	int64		high;

	if (below->denominator > 0)
	{
		qd_int128	parts = (qd_int128) (below->denominator - below->numerator) * qd_power10[CHANCE_SCALE];

		low = (int64) (parts / below->denominator);
		high = low + (parts % below->denominator != 0);
		value = (int64) ((2 * parts + below->denominator) / (2 * (qd_int128) below->denominator));
	}
	else
	{
		value = chance_units(1 - below->value, QD_EXACTLY);
		low = chance_units(1 - below->high, QD_DOWN);
		high = chance_units(1 - below->low, QD_UP);
	}
	return answer(a, NumericGetDatum(qd_make_numeric(value, CHANCE_SCALE, CHANCE_SCALE)),
				  NumericGetDatum(qd_make_numeric(low, CHANCE_SCALE, CHANCE_SCALE)),
				  NumericGetDatum(qd_make_numeric(high, CHANCE_SCALE, CHANCE_SCALE)));
}

/* 10^n; 0 where 128 bits do not hold it */
static qd_int128
power10(int n)
{
	qd_int128	result = 1;

	if (n > 38)
		return 0;
	for (; n > 0; n--)
		result *= 10;
	return result;
}

/*
 * The least count of 10^-scale that is not below value, held to what no sum can
 * reach.
 */
static qd_int128
amount_ceiling(const qd_decimal *d, int scale)
{
	const qd_int128 beyond = QD_MAX_OUTCOME * 2;
	qd_int128	power = power10(d->scale > scale ? d->scale - scale : scale - d->scale);
	qd_int128	result;

	if (d->kind == QD_DECIMAL_HUGE || d->kind == QD_DECIMAL_INFINITE)
		return d->negative ? -beyond : beyond;
	if (d->scale <= scale)
	{
		if (d->mantissa == 0)
			return 0;
		if (power == 0 || __builtin_mul_overflow(d->mantissa, power, &result))
			return d->negative ? -beyond : beyond;
	}
	else
	{
		bool		inexact = d->kind == QD_DECIMAL_TRUNCATED;

		result = power == 0 ? 0 : d->mantissa / power;
		inexact = inexact || (power == 0 ? d->mantissa != 0 : d->mantissa % power != 0);
		if (inexact && !d->negative)
			result++;
	}
	return result > beyond ? beyond : result < -beyond ? -beyond : result;
}

/*
 * probability_at_least(d, x): P(sum >= x).  low and high are certain; 0 and 1
 * are exact where x is beyond what the deals can bring, or no more than they
 * bring at least.
 */
PGDLLEXPORT Datum
qd_probability_at_least(PG_FUNCTION_ARGS)
{
	outcome_cache *a = begin_question(fcinfo);
	qd_distribution *d = qd_distribution_get(PG_GETARG_DATUM(0));
	const qd_outcome *outcome;
	qd_decimal	x;
	qd_chance	below;

	qd_decimal_decode(PG_GETARG_DATUM(1), &x);
	if (x.kind == QD_DECIMAL_NAN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount must be a number: %s", qd_numeric_text(PG_GETARG_DATUM(1))),
				 errhint("Give the amount that the deals should reach.")));
	outcome = find_outcome(a, d);
	qd_outcome_at_most(outcome, amount_ceiling(&x, d->scale) - 1, &below);
	PG_RETURN_DATUM(answer_above(a, &below));
}

static Datum
amount_numeric(qd_int128 amount, int scale)
{
	return NumericGetDatum(qd_make_numeric(amount, scale, scale));
}

/* percentile(d, p): the least amount that is not exceeded with probability p */
PGDLLEXPORT Datum
qd_percentile(PG_FUNCTION_ARGS)
{
	outcome_cache *a = begin_question(fcinfo);
	qd_distribution *d = qd_distribution_get(PG_GETARG_DATUM(0));
	int64		p = qd_probability(PG_GETARG_DATUM(1), "p", "The 90th percentile is 0.9.");
	qd_int128	value;
	qd_int128	low;
	qd_int128	high;

	qd_outcome_percentile(find_outcome(a, d), p, p % 10 != 0, &value, &low, &high);
	PG_RETURN_DATUM(answer(a, amount_numeric(value, d->scale), amount_numeric(low, d->scale),
						   amount_numeric(high, d->scale)));
}

static Datum
wide_numeric(qd_int128 value)
{
	return NumericGetDatum(qd_make_numeric(value, 0, 0));
}

/*
 * mean(d): the sum of amount * probability, exactly.  Where a probability has
 * more than 17 digits it may have been cut, where scenarios' weights do not
 * divide evenly so is the quotient: then low and high are around it.
 */
PGDLLEXPORT Datum
qd_mean(PG_FUNCTION_ARGS)
{
	outcome_cache *a = begin_question(fcinfo);
	qd_distribution *d = qd_distribution_get(PG_GETARG_DATUM(0));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "mean", ALLOCSET_DEFAULT_SIZES);
	int64		weight = 0;
	Datum		sum = wide_numeric(0);
	Datum		doubt = wide_numeric(0);
	Datum		unit = NumericGetDatum(qd_make_numeric(1, d->scale, d->scale));
	Datum		tiny = NumericGetDatum(qd_make_numeric(1, QD_PROBABILITY_SCALE, QD_PROBABILITY_SCALE));
	Datum		low;
	Datum		high;

	for (int s = 0; s < d->scenarios; s++)
		weight += d->word[s];
	MemoryContextSwitchTo(scratch);
	for (int64 i = 0; i < d->n; i++)
	{
		const int64 *deal = qd_distribution_deals(d) + i * QD_DEAL_WORDS(d->scenarios);
		qd_int128	all = qd_deal_amount(deal) * deal[QD_DEAL_COUNT];
		qd_int128	chance = 0;
		bool		rounded = false;

		for (int s = 0; s < d->scenarios; s++)
		{
			chance += (qd_int128) deal[QD_DEAL_PROBABILITY + s] * d->word[s];
			rounded = rounded || deal[QD_DEAL_PROBABILITY + s] % 10 != 0;
		}
		sum = DirectFunctionCall2(numeric_add, sum,
								  DirectFunctionCall2(numeric_mul, wide_numeric(all), wide_numeric(chance)));
		if (rounded)
			doubt = DirectFunctionCall2(numeric_add, doubt,
										DirectFunctionCall2(numeric_mul, wide_numeric(all < 0 ? -all : all),
															wide_numeric(weight)));
		if (i % RESET_EVERY == RESET_EVERY - 1)
		{
			Datum		kept_sum;
			Datum		kept_doubt;

			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(caller);
			kept_sum = PointerGetDatum(PG_DETOAST_DATUM_COPY(sum));
			kept_doubt = PointerGetDatum(PG_DETOAST_DATUM_COPY(doubt));
			MemoryContextReset(scratch);
			MemoryContextSwitchTo(scratch);
			sum = PointerGetDatum(PG_DETOAST_DATUM_COPY(kept_sum));
			doubt = PointerGetDatum(PG_DETOAST_DATUM_COPY(kept_doubt));
			pfree(DatumGetPointer(kept_sum));
			pfree(DatumGetPointer(kept_doubt));
		}
	}
	/* in units of 10^-18 of the amounts' step, times the sum of weights */
	low = DirectFunctionCall2(numeric_sub, sum, doubt);
	high = DirectFunctionCall2(numeric_add, sum, doubt);
	if (weight > 1)
	{
		Datum		w = wide_numeric(weight);
		Datum		value = DirectFunctionCall2(numeric_div, sum, w);

		value = DirectFunctionCall2(numeric_round, value, Int32GetDatum(0));
		/* cut towards 0, from one further out */
		low = DirectFunctionCall2(numeric_div_trunc, DirectFunctionCall2(numeric_sub, low, w), w);
		high = DirectFunctionCall2(numeric_div_trunc, DirectFunctionCall2(numeric_add, high, w), w);
		/* no doubt, no difference */
		if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, DirectFunctionCall2(numeric_mul, value, w), sum)) == 0 &&
			DatumGetInt32(DirectFunctionCall2(numeric_cmp, doubt, wide_numeric(0))) == 0)
			low = high = value;
		sum = value;
	}
	unit = DirectFunctionCall2(numeric_mul, unit, tiny);
	MemoryContextSwitchTo(caller);
	sum = DirectFunctionCall1(numeric_trim_scale, DirectFunctionCall2(numeric_mul, sum, unit));
	low = DirectFunctionCall1(numeric_trim_scale, DirectFunctionCall2(numeric_mul, low, unit));
	high = DirectFunctionCall1(numeric_trim_scale, DirectFunctionCall2(numeric_mul, high, unit));
	MemoryContextDelete(scratch);
	PG_RETURN_DATUM(answer(a, sum, low, high));
}
