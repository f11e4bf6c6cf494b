/*
 * distribution.c
 *		The type distribution: input and output, and the aggregates that make
 *		and merge its values.
 *
 * While an aggregate runs, its state is an expanded object: a growing array of
 * deals that is sorted, and alike deals added up, whenever it is full.  A flat
 * value is made of it only where one has to leave: at the end, or from one
 * process to another.
 */
#include "compat.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "decimal.h"
#include "distribution.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_distribution_in);
PG_FUNCTION_INFO_V1(qd_distribution_out);
PG_FUNCTION_INFO_V1(qd_distribution_recv);
PG_FUNCTION_INFO_V1(qd_distribution_send);
PG_FUNCTION_INFO_V1(qd_distribution_add);
PG_FUNCTION_INFO_V1(qd_distribution_add_scenarios);
PG_FUNCTION_INFO_V1(qd_distribution_merge);

#define POLL_MASK	0xffff

/* a distribution that grows */
typedef struct deal_pile
{
	ExpandedObjectHeader hdr;
	int			scale;			/* the largest of all amounts' */
	int64		total;			/* deals of all kinds together */
	int64		magnitude[2];	/* sum of their amounts' magnitudes: 128 bits */
	int64		capacity;		/* of deals.word, in kinds */
	bool		sorted;			/* and each kind once */
	qd_deals	deals;
	int64	   *weight;			/* [deals.scenarios] */
} deal_pile;

static Size pile_flat_size(ExpandedObjectHeader *eohptr);
static void pile_flatten(ExpandedObjectHeader *eohptr, void *result, Size allocated_size);

static const ExpandedObjectMethods pile_methods = {pile_flat_size, pile_flatten};

/* a deal, or many alike, on their way into a pile; words as in the kernel */
typedef struct deal_entry
{
	qd_amount	amount;
	int64		count;
	int32		scenarios;
	const int64 *probability;	/* [scenarios] */
	const int64 *weight;		/* [scenarios] */
} deal_entry;

static void *
env_alloc(void *arg, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) arg, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

/* what a kernel gets in the server; allocations are the context's */
void
qd_server_env(MemoryContext context, qd_env *env)
{
	env->alloc = env_alloc;
	env->release = qd_env_release;
	env->poll = qd_env_poll;
	env->peers = NULL;
	env->arg = context;
}

/* ---- numbers ---- */

static qd_int128
power10(int n)
{
	qd_int128	result = 1;

	for (; n > 0; n -= Min(n, 18))
		result *= qd_power10[Min(n, 18)];
	return result;
}

/*
 * A probability in counts of 10^-18.  One with more digits is cut, and if its
 * last digit is then a 0 it becomes a 1: whatever is not exact has a last digit
 * other than 0, and nothing uncertain becomes certain or impossible.
 */
int64
qd_probability(Datum value, const char *name, const char *hint)
{
	qd_decimal	d;
	qd_int128	result;
	bool		inexact;

	qd_decimal_decode(value, &d);
	if ((d.kind != QD_DECIMAL_EXACT && d.kind != QD_DECIMAL_TRUNCATED) || d.negative)
		goto invalid;
	inexact = d.kind == QD_DECIMAL_TRUNCATED;
	result = d.mantissa;
	if (d.scale <= QD_PROBABILITY_SCALE)
	{
		if (result > power10(d.scale))
			goto invalid;
		result *= power10(QD_PROBABILITY_SCALE - d.scale);
	}
	else
	{
		int			digits = d.scale - QD_PROBABILITY_SCALE;

		/* a mantissa has at most 36 */
		inexact = inexact || digits > 36 || result % power10(digits) != 0;
		result = digits > 36 ? 0 : result / power10(digits);
	}
	if (result > QD_CERTAIN || (result == QD_CERTAIN && inexact))
		goto invalid;
	if (inexact && result % 10 == 0)
		result++;
	return (int64) result;

invalid:
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be between 0 and 1: %s", name, qd_numeric_text(value)),
			 errhint("%s", hint)));
	return 0;					/* keep compiler quiet */
}

static int64
take_probability(Datum value)
{
	return qd_probability(value, "probability", "A probability of 24 percent is 0.24.");
}

static void
take_amount(Datum value, qd_amount *amount)
{
	qd_decimal	d;

	qd_decimal_decode(value, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount must be a finite number: %s", qd_numeric_text(value)),
				 errhint("Leave such deals out by FILTER (WHERE ...), or give them an amount.")));
	if (d.kind == QD_DECIMAL_TRUNCATED || (d.kind == QD_DECIMAL_EXACT && d.scale > QD_MAX_AMOUNT_SCALE))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount has too many digits: %s", qd_numeric_text(value)),
				 errdetail("Amounts have at most 36 significant digits and %d decimal places.",
						   QD_MAX_AMOUNT_SCALE),
				 errhint("Use round(amount, 2).")));
	if (d.kind == QD_DECIMAL_HUGE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount is out of range: %s", qd_numeric_text(value)),
				 errdetail("Amounts have at most 36 significant digits and %d decimal places.",
						   QD_MAX_AMOUNT_SCALE),
				 errhint("Give amounts in a larger measure, for example in millions.")));
	amount->mantissa = d.mantissa;
	amount->scale = d.scale;
}

static int64
common_divisor(int64 a, int64 b)
{
	while (b != 0)
	{
		int64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

pg_noreturn static void bad_weight(const char *text);

static void
bad_weight(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the weight of a scenario must be a finite number greater than zero: %s", text),
			 errhint("Weights are relative: 1, 2, 1 is 25, 50 and 25 percent.")));
	pg_unreachable();
}

/* weights of scenarios as integers without a common divisor */
static void
take_weights(const Datum *value, int n, int64 *weight)
{
	qd_decimal	d[QD_MAX_SCENARIOS];
	int			scale = 0;
	qd_int128	sum = 0;
	int64		divisor = 0;

	for (int i = 0; i < n; i++)
	{
		qd_decimal_decode(value[i], &d[i]);
		if (d[i].kind == QD_DECIMAL_NAN || d[i].kind == QD_DECIMAL_INFINITE || d[i].negative ||
			(d[i].kind == QD_DECIMAL_EXACT && d[i].mantissa == 0))
			bad_weight(qd_numeric_text(value[i]));
		if (d[i].kind != QD_DECIMAL_EXACT || d[i].scale > QD_PROBABILITY_SCALE)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the weight of a scenario has too many digits: %s", qd_numeric_text(value[i])),
					 errhint("Use round(weight, 6).")));
		scale = Max(scale, d[i].scale);
	}
	for (int i = 0; i < n; i++)
	{
		qd_int128	w;

		/* below 10^36 each: no more than 2 to the 62 is left of it */
		if (__builtin_mul_overflow(d[i].mantissa, power10(scale - d[i].scale), &w) ||
			w >= QD_MAX_WEIGHT_SUM || (sum += w) >= QD_MAX_WEIGHT_SUM)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the weights of scenarios are out of range: %s", qd_numeric_text(value[i])),
					 errhint("Use rounder weights, for example round(weight, 6).")));
		weight[i] = (int64) w;
		divisor = common_divisor(weight[i], divisor);
	}
	for (int i = 0; i < n; i++)
		weight[i] /= divisor;
}

/* ---- piles ---- */

static deal_pile *
pile_new(MemoryContext parent, int32 scenarios, const int64 *weight)
{
	MemoryContext context = AllocSetContextCreate(parent, "distribution", ALLOCSET_START_SMALL_SIZES);
	deal_pile  *p = MemoryContextAllocZero(context, sizeof(deal_pile));

	EOH_init_header(&p->hdr, &pile_methods, context);
	p->sorted = true;
	p->deals.scenarios = scenarios;
	p->weight = MemoryContextAlloc(context, scenarios * sizeof(int64));
	memcpy(p->weight, weight, scenarios * sizeof(int64));
	return p;
}

static inline int64 *
pile_deal(const deal_pile *p, int64 i)
{
	return p->deals.word + i * QD_DEAL_WORDS(p->deals.scenarios);
}

static Size
kinds_size(int32 scenarios, int64 n)
{
	return (Size) n * QD_DEAL_WORDS(scenarios) * sizeof(int64);
}

/*
 * Sorts in a copy, so that what interrupts it leaves the pile as it was.
 */
static void
pile_sort(deal_pile *p, int64 capacity)
{
	MemoryContext context = p->hdr.eoh_context;
	qd_deals	copy = p->deals;
	qd_env		env;

	capacity = Max(capacity, p->deals.n);
	copy.word = MemoryContextAllocHuge(context, kinds_size(copy.scenarios, Max(capacity, 1)));
	if (p->deals.n > 0)
		memcpy(copy.word, p->deals.word, kinds_size(copy.scenarios, p->deals.n));
	if (!p->sorted)
	{
		MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "sort deals", ALLOCSET_DEFAULT_SIZES);

		qd_server_env(scratch, &env);
		if (qd_deals_sort(&env, &copy) != QD_OK)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("Cannot sort " INT64_FORMAT " deals.", copy.n)));
		MemoryContextDelete(scratch);
	}
	if (p->deals.word)
		pfree(p->deals.word);
	p->deals = copy;
	p->capacity = capacity;
	p->sorted = true;
}

/* room for one more kind of deal */
static void
pile_reserve(deal_pile *p)
{
	if (p->deals.n < p->capacity)
		return;
	pile_sort(p, p->capacity);
	/* many alike: stay; else grow, so that sorting is rare */
	if (p->deals.n > p->capacity / 2)
		pile_sort(p, Max(8, p->capacity * 2));
}

static void
same_scenarios(const deal_pile *p, const deal_entry *deal)
{
	if (p->deals.scenarios == deal->scenarios &&
		memcmp(p->weight, deal->weight, deal->scenarios * sizeof(int64)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("deals of different scenarios cannot be added up"),
			 errdetail("One side has %d scenarios, the other %d%s.", p->deals.scenarios, deal->scenarios,
					   p->deals.scenarios == deal->scenarios ? " of other weights" : ""),
			 errhint("The weights of the scenarios must be the same for all deals.")));
}

/* deals without scenarios are the same in each of them */
static void
pile_spread(deal_pile *p, int32 scenarios, const int64 *weight)
{
	MemoryContext context = p->hdr.eoh_context;
	int64	   *word = MemoryContextAllocHuge(context, kinds_size(scenarios, Max(p->capacity, 1)));
	int64	   *copy = MemoryContextAlloc(context, scenarios * sizeof(int64));

	for (int64 i = 0; i < p->deals.n; i++)
	{
		const int64 *from = pile_deal(p, i);
		int64	   *to = word + i * QD_DEAL_WORDS(scenarios);

		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(to, from, QD_DEAL_PROBABILITY * sizeof(int64));
		for (int32 s = 0; s < scenarios; s++)
			to[QD_DEAL_PROBABILITY + s] = from[QD_DEAL_PROBABILITY];
	}
	memcpy(copy, weight, scenarios * sizeof(int64));
	if (p->deals.word)
		pfree(p->deals.word);
	pfree(p->weight);
	p->deals.word = word;
	p->deals.scenarios = scenarios;
	p->weight = copy;
}

pg_noreturn static void too_large(const deal_entry *deal);

static void
too_large(const deal_entry *deal)
{
	Numeric		n = qd_make_numeric(deal->amount.mantissa, deal->amount.scale, deal->amount.scale);

	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("amounts are out of range: %s", qd_numeric_text(NumericGetDatum(n))),
			 errdetail("All amounts together, in the smallest decimal place of any, must be below 2^120, which is about 1.3 * 10^36."),
			 errhint("Use round(amount, 2).")));
	pg_unreachable();
}

/* amount * 10^places, for the sums of a pile */
static qd_int128
refine(qd_int128 amount, int places, const deal_entry *deal)
{
	if (places > 0 &&
		(__builtin_mul_overflow(amount, power10(places), &amount) ||
		 amount >= QD_MAX_OUTCOME || amount <= -QD_MAX_OUTCOME))
		too_large(deal);
	return amount;
}

/*
 * Adds deals alike.  All that can fail comes before anything is changed for
 * good: a pile may be a variable of PL/pgSQL that outlives an error.
 */
static void
pile_add(deal_pile *p, const deal_entry *deal)
{
	int			scale = Max(p->scale, deal->amount.scale);
	int			finer = scale - p->scale;
	qd_int128	magnitude = qd_deal_amount(p->magnitude);
	qd_int128	amount;
	qd_int128	all;
	int64	   *to;

	if (deal->count > QD_MAX_DEALS - p->total)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a distribution holds at most " INT64_FORMAT " deals", QD_MAX_DEALS),
				 errhint("Ask about fewer of them, for example by GROUP BY.")));
	magnitude = refine(magnitude, finer, deal);
	amount = refine(deal->amount.mantissa, scale - deal->amount.scale, deal);
	if (__builtin_mul_overflow(amount < 0 ? -amount : amount, (qd_int128) deal->count, &all) ||
		all >= QD_MAX_OUTCOME || (magnitude += all) >= QD_MAX_OUTCOME)
		too_large(deal);
	if (p->deals.scenarios == 1 && deal->scenarios > 1)
		pile_spread(p, deal->scenarios, deal->weight);
	else if (deal->scenarios > 1 || p->deals.scenarios == 1)
		same_scenarios(p, deal);
	pile_reserve(p);
	if (finer > 0)
	{
		qd_int128	factor = power10(finer);

		for (int64 i = 0; i < p->deals.n; i++)
			qd_deal_set_amount(pile_deal(p, i), qd_deal_amount(pile_deal(p, i)) * factor);
		p->scale = scale;
	}
	to = pile_deal(p, p->deals.n);
	qd_deal_set_amount(to, amount);
	to[QD_DEAL_COUNT] = deal->count;
	for (int32 s = 0; s < p->deals.scenarios; s++)
		to[QD_DEAL_PROBABILITY + s] = deal->probability[deal->scenarios > 1 ? s : 0];
	qd_deal_set_amount(p->magnitude, magnitude);
	p->total += deal->count;
	if (p->sorted && p->deals.n > 0)
		p->sorted = qd_deal_compare(pile_deal(p, p->deals.n - 1), to, p->deals.scenarios) < 0;
	p->deals.n++;
}

/* the least scale, for a mantissa of a common one */
static void
least_scale(qd_amount *amount)
{
	while (amount->scale > 0 && amount->mantissa % 10 == 0)
	{
		amount->mantissa /= 10;
		amount->scale--;
	}
}

/* adds all deals of a flat value */
static void
pile_add_all(deal_pile *p, qd_distribution *d)
{
	deal_entry	deal = {{0}};

	deal.scenarios = d->scenarios;
	deal.weight = d->word;
	/* the scenarios are merged even where no deal tells them apart */
	if (d->n == 0 && d->scenarios > 1)
	{
		if (p->deals.scenarios == 1)
			pile_spread(p, d->scenarios, d->word);
		else
			same_scenarios(p, &deal);
	}
	for (int64 i = 0; i < d->n; i++)
	{
		const int64 *from = qd_distribution_deals(d) + i * QD_DEAL_WORDS(d->scenarios);

		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		deal.amount.mantissa = qd_deal_amount(from);
		deal.amount.scale = d->scale;
		least_scale(&deal.amount);
		deal.count = from[QD_DEAL_COUNT];
		deal.probability = from + QD_DEAL_PROBABILITY;
		pile_add(p, &deal);
	}
}

static Size
pile_flat_size(ExpandedObjectHeader *eohptr)
{
	deal_pile  *p = (deal_pile *) eohptr;
	Size		size;

	if (!p->sorted)
		pile_sort(p, p->deals.n);
	size = offsetof(qd_distribution, word) + p->deals.scenarios * sizeof(int64) +
		kinds_size(p->deals.scenarios, p->deals.n);
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a distribution of " INT64_FORMAT " different deals is too large", p->deals.n),
				 errdetail("It would take %zu bytes; a value has at most %zu.", size, (Size) MaxAllocSize),
				 errhint("Round amounts and probabilities, so that deals alike are counted: round(amount, -2), round(probability, 2).")));
	return size;
}

static void
pile_flatten(ExpandedObjectHeader *eohptr, void *result, Size allocated_size)
{
	deal_pile  *p = (deal_pile *) eohptr;
	qd_distribution *d = result;

	Assert(p->sorted);
	SET_VARSIZE(d, allocated_size);
	d->version = QD_DISTRIBUTION_VERSION;
	d->scale = (uint8) p->scale;
	d->scenarios = (uint16) p->deals.scenarios;
	d->n = p->deals.n;
	memcpy(d->word, p->weight, p->deals.scenarios * sizeof(int64));
	if (p->deals.n > 0)
		memcpy(qd_distribution_deals(d), p->deals.word, kinds_size(p->deals.scenarios, p->deals.n));
}

/*
 * A flat value, aligned.  Only what cannot be a distribution at all is refused:
 * it has been checked on entry.
 */
qd_distribution *
qd_distribution_get(Datum value)
{
	qd_distribution *d = (qd_distribution *) PG_DETOAST_DATUM(value);
	bool		has_header = VARSIZE(d) >= offsetof(qd_distribution, word);

	if (!has_header || d->version != QD_DISTRIBUTION_VERSION ||
		d->scenarios < 1 || d->scenarios > QD_MAX_SCENARIOS || d->n < 0 || d->n > QD_MAX_DEALS ||
		VARSIZE(d) != offsetof(qd_distribution, word) + d->scenarios * sizeof(int64) + kinds_size(d->scenarios, d->n))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored distribution cannot be read"),
				 has_header && d->version != QD_DISTRIBUTION_VERSION ?
				 errdetail("Its version is %d, not %d.", d->version, QD_DISTRIBUTION_VERSION) :
				 errdetail("Its length is not what its header says."),
				 errhint("It was made by another version of quota_decomp, or is damaged; deal_outcome() over the deals makes it again.")));
	return d;
}

/* the state to change: the value itself where that is allowed, else a copy */
static deal_pile *
pile_from(Datum value, MemoryContext context)
{
	qd_distribution *d;
	deal_pile  *p;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(value)))
	{
		p = (deal_pile *) DatumGetEOHP(value);
		if (p->hdr.eoh_methods != &pile_methods)
			elog(ERROR, "expanded object is not a distribution");
		return p;
	}
	d = qd_distribution_get(value);
	p = pile_new(context, d->scenarios, d->word);
	pile_add_all(p, d);
	return p;
}

static Datum
pile_flat(deal_pile *p)
{
	Size		size = EOH_get_flat_size(&p->hdr);
	void	   *result = palloc(size);

	EOH_flatten_into(&p->hdr, result, size);
	return PointerGetDatum(result);
}

/* where a state has to live */
static MemoryContext
state_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	return AggCheckCallContext(fcinfo, &context) ? context : CurrentMemoryContext;
}

/* ---- aggregates ---- */

/* the state so far; a row that is no deal at all leaves it as it is */
static Datum
unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

static void
both_or_none(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("amount of a deal must not be null"),
				 errdetail("Its probability is not."),
				 errhint("Use coalesce(amount, ...) to give it one, or leave such deals out by FILTER (WHERE amount IS NOT NULL).")));
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("probability of a deal must not be null"),
				 errdetail("Its amount is %s.", qd_numeric_text(PG_GETARG_DATUM(1))),
				 errhint("Use coalesce(probability, ...) to give it one, or leave such deals out by FILTER (WHERE probability IS NOT NULL).")));
}

static Datum
add_deal(FunctionCallInfo fcinfo, const deal_entry *deal)
{
	deal_pile  *p;

	if (PG_ARGISNULL(0))
		p = pile_new(state_context(fcinfo), deal->scenarios, deal->weight);
	else
		p = pile_from(PG_GETARG_DATUM(0), state_context(fcinfo));
	pile_add(p, deal);
	PG_RETURN_DATUM(EOHPGetRWDatum(&p->hdr));
}

/*
 * distribution_add(state, amount, probability): a row whose amount and
 * probability are both NULL is no deal (an outer join made it); one of them
 * alone is an error.
 */
PGDLLEXPORT Datum
qd_distribution_add(PG_FUNCTION_ARGS)
{
	int64		one = 1;
	int64		probability;
	deal_entry	deal = {{0}};

	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		return unchanged(fcinfo);
	both_or_none(fcinfo);
	take_amount(PG_GETARG_DATUM(1), &deal.amount);
	probability = take_probability(PG_GETARG_DATUM(2));
	deal.count = 1;
	deal.scenarios = 1;
	deal.probability = &probability;
	deal.weight = &one;
	return add_deal(fcinfo, &deal);
}

/* the elements of a numeric array of one dimension without nulls */
static int
take_array(ArrayType *array, const char *name, Datum **value)
{
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be a one-dimensional array", name),
				 errhint("Give one number for each scenario.")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain nulls", name),
				 errhint("Give one number for each scenario.")));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, value, NULL, &n);
	if (n < 1 || n > QD_MAX_SCENARIOS)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have between 1 and %d elements: it has %d", name, QD_MAX_SCENARIOS, n),
				 errhint("Give one number for each scenario.")));
	return n;
}

/*
 * distribution_add(state, amount, probabilities, weights): the same for deals
 * whose probabilities depend on a scenario that all share.
 */
PGDLLEXPORT Datum
qd_distribution_add_scenarios(PG_FUNCTION_ARGS)
{
	Datum	   *value;
	int64		probability[QD_MAX_SCENARIOS];
	int64		weight[QD_MAX_SCENARIOS];
	deal_entry	deal = {{0}};
	int			n;

	if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		return unchanged(fcinfo);
	both_or_none(fcinfo);
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("weights must not be null"),
				 errhint("Give one weight for each scenario, for example ARRAY[1, 2, 1].")));
	take_amount(PG_GETARG_DATUM(1), &deal.amount);
	deal.scenarios = take_array(PG_GETARG_ARRAYTYPE_P(2), "probability", &value);
	for (int32 s = 0; s < deal.scenarios; s++)
		probability[s] = take_probability(value[s]);
	n = take_array(PG_GETARG_ARRAYTYPE_P(3), "weights", &value);
	if (n != deal.scenarios)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg_plural("weights has %d element, but probability has %d",
							   "weights has %d elements, but probability has %d", n, n, deal.scenarios),
				 errhint("Give one weight and one probability for each scenario.")));
	take_weights(value, n, weight);
	deal.count = 1;
	deal.probability = probability;
	deal.weight = weight;
	return add_deal(fcinfo, &deal);
}

/* distribution_merge(a, b): all deals of both; b itself is never changed */
PGDLLEXPORT Datum
qd_distribution_merge(PG_FUNCTION_ARGS)
{
	qd_distribution *other;
	deal_pile  *p;

	/* flattened first, if the two should be one object */
	other = qd_distribution_get(PG_GETARG_DATUM(1));
	p = pile_from(PG_GETARG_DATUM(0), state_context(fcinfo));
	pile_add_all(p, other);
	PG_RETURN_DATUM(EOHPGetRWDatum(&p->hdr));
}

/* ---- text ---- */

/* mantissa * 10^-scale without zeros at the end */
static void
append_decimal(StringInfo out, qd_int128 mantissa, int scale)
{
	char		digit[48];
	int			at = sizeof(digit);
	qd_uint128	m = mantissa < 0 ? -(qd_uint128) mantissa : (qd_uint128) mantissa;
	int			decimals;

	for (; scale > 0 && m % 10 == 0; scale--)
		m /= 10;
	for (decimals = 0; m > 0 || decimals <= scale; decimals++)
	{
		if (decimals == scale && scale > 0)
			digit[--at] = '.';
		digit[--at] = (char) ('0' + (int) (m % 10));
		m /= 10;
	}
	if (mantissa < 0)
		appendStringInfoChar(out, '-');
	appendBinaryStringInfo(out, digit + at, (int) sizeof(digit) - at);
}

/*
 * {25000@0.24*3, 40000@0.5}: amounts, probabilities, how many where more than
 * one; {1|2|1: 25000@0.2|0.24|0.3}: scenarios with their weights before a colon.
 */
PGDLLEXPORT Datum
qd_distribution_out(PG_FUNCTION_ARGS)
{
	qd_distribution *d = qd_distribution_get(PG_GETARG_DATUM(0));
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	if (d->scenarios > 1)
	{
		for (int s = 0; s < d->scenarios; s++)
			appendStringInfo(&out, "%s" INT64_FORMAT, s > 0 ? "|" : "", d->word[s]);
		appendStringInfoString(&out, d->n > 0 ? ": " : ":");
	}
	for (int64 i = 0; i < d->n; i++)
	{
		const int64 *deal = qd_distribution_deals(d) + i * QD_DEAL_WORDS(d->scenarios);

		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendStringInfoString(&out, ", ");
		append_decimal(&out, qd_deal_amount(deal), d->scale);
		for (int s = 0; s < d->scenarios; s++)
		{
			appendStringInfoChar(&out, s > 0 ? '|' : '@');
			append_decimal(&out, deal[QD_DEAL_PROBABILITY + s], QD_PROBABILITY_SCALE);
		}
		if (deal[QD_DEAL_COUNT] > 1)
			appendStringInfo(&out, "*" INT64_FORMAT, deal[QD_DEAL_COUNT]);
	}
	appendStringInfoChar(&out, '}');
	PG_RETURN_CSTRING(out.data);
}

typedef struct deal_reader
{
	const char *text;
	const char *at;
} deal_reader;

/* a long text's beginning, for a message */
static char *
beginning(const char *text, int most)
{
	int			length = (int) Min(strlen(text), (size_t) 1000);
	int			kept = pg_mbcliplen(text, length, most);

	return psprintf("%s%s", pnstrdup(text, kept), text[kept] ? "..." : "");
}

pg_noreturn static void bad_syntax(const deal_reader *r);

static void
bad_syntax(const deal_reader *r)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type distribution: \"%s\"", beginning(r->text, 100)),
			 *r->at ? errdetail("Unexpected \"%s\" at byte %d.", beginning(r->at, 20), (int) (1 + r->at - r->text)) :
			 errdetail("Unexpected end of input."),
			 errhint("Write amount@probability, and *count where there are several: {25000@0.24*3, 40000@0.5}.")));
	pg_unreachable();
}

static void
skip_spaces(deal_reader *r)
{
	while (isspace((unsigned char) *r->at))
		r->at++;
}

/* takes a character if it comes next */
static bool
take_char(deal_reader *r, char c)
{
	skip_spaces(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static Datum
take_number(deal_reader *r)
{
	const char *start;
	size_t		length;

	skip_spaces(r);
	start = r->at;
	length = strspn(start, "0123456789+-.eE");
	if (length == 0 || length > 1000)
		bad_syntax(r);
	r->at += length;
	return DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(start, length)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* first, and all that follow it behind a | */
static int
take_numbers(deal_reader *r, Datum first, Datum *value)
{
	int			n = 0;

	value[n++] = first;
	while (take_char(r, '|'))
	{
		if (n == QD_MAX_SCENARIOS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("a distribution has at most %d scenarios", QD_MAX_SCENARIOS),
					 errhint("Join scenarios whose probabilities hardly differ, with the sum of their weights.")));
		value[n++] = take_number(r);
	}
	return n;
}

static int64
take_count(deal_reader *r)
{
	int64		count = 0;
	const char *start;

	if (!take_char(r, '*'))
		return 1;
	skip_spaces(r);
	start = r->at;
	while (isdigit((unsigned char) *r->at) && count <= QD_MAX_DEALS)
		count = count * 10 + (*r->at++ - '0');
	if (r->at == start)
		bad_syntax(r);
	if (count < 1 || count > QD_MAX_DEALS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("the count of a deal must be between 1 and " INT64_FORMAT ": %.*s", QD_MAX_DEALS,
						(int) strspn(start, "0123456789"), start),
				 errhint("It is how many deals are alike: {25000@0.24*3}.")));
	return count;
}

/* what follows an amount: @probability, more of them, *count */
static void
take_deal(deal_reader *r, Datum amount, deal_pile *p)
{
	Datum		value[QD_MAX_SCENARIOS];
	int64		probability[QD_MAX_SCENARIOS];
	deal_entry	deal = {{0}};

	if (!take_char(r, '@'))
		bad_syntax(r);
	take_amount(amount, &deal.amount);
	deal.scenarios = take_numbers(r, take_number(r), value);
	if (deal.scenarios != p->deals.scenarios)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type distribution: \"%s\"", beginning(r->text, 100)),
				 errdetail("A deal has one probability for each scenario: expected %d, got %d.", p->deals.scenarios,
						   deal.scenarios),
				 errhint("Weights of scenarios come first, before a colon: {1|2|1: 25000@0.2|0.24|0.3}.")));
	for (int32 s = 0; s < deal.scenarios; s++)
		probability[s] = take_probability(value[s]);
	deal.count = take_count(r);
	deal.probability = probability;
	deal.weight = p->weight;
	pile_add(p, &deal);
}

PGDLLEXPORT Datum
qd_distribution_in(PG_FUNCTION_ARGS)
{
	deal_reader r = {PG_GETARG_CSTRING(0), PG_GETARG_CSTRING(0)};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "read deals", ALLOCSET_DEFAULT_SIZES);
	int64		weight[QD_MAX_SCENARIOS] = {1};
	int			scenarios = 1;
	deal_pile  *p = NULL;
	bool		closed;

	if (!take_char(&r, '{'))
		bad_syntax(&r);
	MemoryContextSwitchTo(scratch);
	closed = take_char(&r, '}');
	if (!closed)
	{
		Datum		value[QD_MAX_SCENARIOS];
		Datum		first = take_number(&r);

		skip_spaces(&r);
		if (*r.at != '@')
		{
			scenarios = take_numbers(&r, first, value);
			if (!take_char(&r, ':'))
				bad_syntax(&r);
			take_weights(value, scenarios, weight);
			closed = take_char(&r, '}');
			if (!closed)
				first = take_number(&r);
		}
		p = pile_new(caller, scenarios, weight);
		while (!closed)
		{
			CHECK_FOR_INTERRUPTS();
			take_deal(&r, first, p);
			MemoryContextReset(scratch);
			if (take_char(&r, '}'))
				break;
			if (!take_char(&r, ','))
				bad_syntax(&r);
			first = take_number(&r);
		}
	}
	else
		p = pile_new(caller, scenarios, weight);
	skip_spaces(&r);
	if (*r.at)
		bad_syntax(&r);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	PG_RETURN_DATUM(pile_flat(p));
}

/* ---- binary ---- */

PGDLLEXPORT Datum
qd_distribution_send(PG_FUNCTION_ARGS)
{
	qd_distribution *d = qd_distribution_get(PG_GETARG_DATUM(0));
	int64		words = d->scenarios + d->n * QD_DEAL_WORDS(d->scenarios);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbyte(&out, d->version);
	pq_sendbyte(&out, d->scale);
	pq_sendint16(&out, d->scenarios);
	pq_sendint64(&out, d->n);
	for (int64 i = 0; i < words; i++)
	{
		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		pq_sendint64(&out, d->word[i]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

pg_noreturn static void bad_binary(const char *what);

static void
bad_binary(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary form of a distribution"),
			 errdetail("%s", what),
			 errhint("Use what distribution_send() of this version of quota_decomp wrote, or make the distribution again by deal_outcome().")));
	pg_unreachable();
}

/* Believes nothing: what it accepts is what distribution_send writes. */
PGDLLEXPORT Datum
qd_distribution_recv(PG_FUNCTION_ARGS)
{
	StringInfo	in = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(in);
	int			scale = pq_getmsgbyte(in);
	int			scenarios = (int) pq_getmsgint(in, 2);
	int64		n = pq_getmsgint64(in);
	int64		weight[QD_MAX_SCENARIOS] = {0};
	int64		probability[QD_MAX_SCENARIOS] = {0};
	int64		divisor = 0;
	int64		sum = 0;
	int64	   *last = palloc0(sizeof(int64) * QD_MAX_DEAL_WORDS);
	int64	   *word = palloc0(sizeof(int64) * QD_MAX_DEAL_WORDS);
	deal_entry	deal = {{0}};
	deal_pile  *p;

	if (version != QD_DISTRIBUTION_VERSION)
		bad_binary(psprintf("Its version is %d, not %d.", version, QD_DISTRIBUTION_VERSION));
	if (scale > QD_MAX_AMOUNT_SCALE || scenarios < 1 || scenarios > QD_MAX_SCENARIOS || n < 0 || n > QD_MAX_DEALS)
		bad_binary("Its header is out of range.");
	if ((int64) (in->len - in->cursor) != (scenarios + n * QD_DEAL_WORDS(scenarios)) * (int64) sizeof(int64))
		bad_binary("Its length is not what its header says.");
	for (int s = 0; s < scenarios; s++)
	{
		weight[s] = pq_getmsgint64(in);
		if (weight[s] < 1 || weight[s] >= QD_MAX_WEIGHT_SUM - sum)
			bad_binary("A weight is out of range.");
		sum += weight[s];
		divisor = common_divisor(weight[s], divisor);
	}
	if (divisor != 1)
		bad_binary("The weights have a common divisor.");
	p = pile_new(CurrentMemoryContext, scenarios, weight);
	deal.scenarios = scenarios;
	deal.weight = weight;
	deal.probability = probability;
	for (int64 i = 0; i < n; i++)
	{
		int64	   *swap;
		Numeric		number;

		if ((i & POLL_MASK) == 0)
			CHECK_FOR_INTERRUPTS();
		for (int w = 0; w < QD_DEAL_WORDS(scenarios); w++)
			word[w] = pq_getmsgint64(in);
		deal.count = word[QD_DEAL_COUNT];
		if (deal.count < 1 || deal.count > QD_MAX_DEALS)
			bad_binary("A count is out of range.");
		for (int s = 0; s < scenarios; s++)
		{
			probability[s] = word[QD_DEAL_PROBABILITY + s];
			if (probability[s] < 0 || probability[s] > QD_CERTAIN)
				bad_binary("A probability is out of range.");
		}
		deal.amount.mantissa = qd_deal_amount(word);
		deal.amount.scale = scale;
		if (deal.amount.mantissa >= QD_MAX_OUTCOME || deal.amount.mantissa <= -QD_MAX_OUTCOME)
			bad_binary("An amount is out of range.");
		if (i > 0 && qd_deal_compare(last, word, scenarios) >= 0)
			bad_binary("Deals are not in order.");
		swap = last;
		last = word;
		word = swap;
		least_scale(&deal.amount);
		/* as an amount in text, which has to be able to say it */
		number = qd_make_numeric(deal.amount.mantissa, deal.amount.scale, deal.amount.scale);
		take_amount(NumericGetDatum(number), &deal.amount);
		pfree(number);
		pile_add(p, &deal);
	}
	if (p->scale != scale)
		bad_binary("Its scale is not the least there is.");
	PG_RETURN_DATUM(pile_flat(p));
}
