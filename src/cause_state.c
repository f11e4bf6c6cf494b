/*
 * cause_state.c
 *		root_cause, root_cause_ratio: aggregates that collect leaves, and the
 *		type root_cause_state that they make.
 *
 * While it grows, a state is an expanded object: a hash table of leaves, and
 * for each dimension one of its values.  Flattened it is sorted: by the bytes of
 * values, NULL last, which depends on no collation.  Sums are 128-bit integers
 * at the finest scale met, so that neither the order of rows nor how they were
 * divided among workers shows in it.
 */
#include "compat.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "cause_state.h"
#include "decimal.h"

PG_FUNCTION_INFO_V1(qd_root_cause_state_in);
PG_FUNCTION_INFO_V1(qd_root_cause_state_out);
PG_FUNCTION_INFO_V1(qd_root_cause_state_recv);
PG_FUNCTION_INFO_V1(qd_root_cause_state_send);
PG_FUNCTION_INFO_V1(qd_root_cause_accum);
PG_FUNCTION_INFO_V1(qd_root_cause_ratio_accum);
PG_FUNCTION_INFO_V1(qd_root_cause_combine);

#define STATE_MAGIC		0x71646373
#define STATE_VERSION	1
#define MAX_SCALE		30
#define MAX_DISPLAY		60
#define FIRST_SIZE		64
#define DIMENSIONS_HINT	"Name the same columns in every row and state; where a row has no value, use NULL."

/* the values of one dimension */
typedef struct dictionary
{
	int32		size;
	int32		capacity;
	char	  **value;			/* not terminated */
	int32	   *length;			/* QD_NULL_LENGTH: NULL */
	uint32	   *hash;
	int32	   *slot;			/* -1: free */
	int32		slots;			/* a power of two */
} dictionary;

typedef struct cause_state
{
	ExpandedObjectHeader hdr;
	int			magic;
	int			dims;
	int			measures;
	int			scale[QD_MEASURES];
	int			display_scale[QD_MEASURES];
	dictionary	values[QD_CAUSE_MAX_DIMS];
	int32		n;
	int32		capacity;
	int32	   *code;			/* [n * dims], by leaf */
	int128	   *sum;			/* [n * measures], by leaf */
	int32	   *slot;
	int32		slots;
	struct flat_state *flat;	/* the stored form, where it is up to date */
} cause_state;

/*
 * The stored form.  Behind the header, each part at a multiple of eight:
 *		int32	cardinality[dims]
 *		int128	sum[measures][n]
 *		int32	code[dims][n]
 *		int32	length[all cardinalities]
 *		char	bytes[]
 */
typedef struct flat_state
{
	int32		vl_len_;
	uint8		version;
	uint8		measures;
	int16		dims;
	int32		n;
	int16		scale[QD_MEASURES];
	int16		display_scale[QD_MEASURES];
	int32		reserved;
} flat_state;

static Size flat_size(ExpandedObjectHeader *header);
static void flat_into(ExpandedObjectHeader *header, void *result, Size allocated_size);

static const ExpandedObjectMethods cause_state_methods = {flat_size, flat_into};

static const char *const measure_names[2][QD_MEASURES] = {
	{"actual", "expected", NULL, NULL},
	{"actual_numerator", "expected_numerator", "actual_denominator", "expected_denominator"}
};

static const char *
measure_name(int measures, int k)
{
	return measure_names[measures > 2][k];
}

/* ---- growing ---- */

static int32 *
new_slots(MemoryContext context, int32 slots)
{
	int32	   *result = MemoryContextAllocHuge(context, sizeof(int32) * (Size) slots);

	memset(result, 0xff, sizeof(int32) * (Size) slots);
	return result;
}

/* an empty state in a context of its own below parent */
static cause_state *
new_state(MemoryContext parent, int dims, int measures)
{
	MemoryContext context = AllocSetContextCreate(parent, "root_cause_state", ALLOCSET_DEFAULT_SIZES);
	cause_state *state = MemoryContextAllocZero(context, sizeof(cause_state));
	int			j;

	EOH_init_header(&state->hdr, &cause_state_methods, context);
	state->magic = STATE_MAGIC;
	state->dims = dims;
	state->measures = measures;
	state->capacity = FIRST_SIZE;
	state->code = MemoryContextAlloc(context, sizeof(int32) * FIRST_SIZE * dims);
	state->sum = MemoryContextAlloc(context, sizeof(int128) * FIRST_SIZE * measures);
	state->slots = 2 * FIRST_SIZE;
	state->slot = new_slots(context, state->slots);
	for (j = 0; j < dims; j++)
	{
		dictionary *d = &state->values[j];

		d->capacity = FIRST_SIZE;
		d->value = MemoryContextAlloc(context, sizeof(char *) * FIRST_SIZE);
		d->length = MemoryContextAlloc(context, sizeof(int32) * FIRST_SIZE);
		d->hash = MemoryContextAlloc(context, sizeof(uint32) * FIRST_SIZE);
		d->slots = 2 * FIRST_SIZE;
		d->slot = new_slots(context, d->slots);
	}
	return state;
}

static void
too_large(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many leaves for a root_cause_state"),
			 errdetail("It can have at most 1 GB."),
			 errhint("Use fewer or coarser dimensions.")));
}

static void
grow_dictionary(MemoryContext context, dictionary *d)
{
	int32		i;

	if (d->capacity > INT_MAX / 4)
		too_large();
	d->capacity *= 2;
	d->value = repalloc_huge(d->value, sizeof(char *) * (Size) d->capacity);
	d->length = repalloc_huge(d->length, sizeof(int32) * (Size) d->capacity);
	d->hash = repalloc_huge(d->hash, sizeof(uint32) * (Size) d->capacity);
	pfree(d->slot);
	d->slots *= 2;
	d->slot = new_slots(context, d->slots);
	for (i = 0; i < d->size; i++)
	{
		int32		at = (int32) (d->hash[i] & (uint32) (d->slots - 1));

		while (d->slot[at] >= 0)
			at = (at + 1) & (d->slots - 1);
		d->slot[at] = i;
	}
}

/* the code of a value; length QD_NULL_LENGTH is NULL */
static int32
find_value(cause_state *state, int dim, const char *value, int32 length)
{
	dictionary *d = &state->values[dim];
	MemoryContext context = state->hdr.eoh_context;
	uint32		hash = length < 0 ? 0 : hash_bytes((const unsigned char *) value, length);
	int32		at;
	int32		i;

	if (d->size == d->capacity)
		grow_dictionary(context, d);
	for (at = (int32) (hash & (uint32) (d->slots - 1)); d->slot[at] >= 0;
		 at = (at + 1) & (d->slots - 1))
	{
		i = d->slot[at];
		if (d->hash[i] == hash && d->length[i] == length &&
			(length <= 0 || memcmp(d->value[i], value, (size_t) length) == 0))
			return i;
	}
	i = d->size;
	d->value[i] = NULL;
	if (length > 0)
	{
		d->value[i] = MemoryContextAlloc(context, (Size) length);
		memcpy(d->value[i], value, (size_t) length);
	}
	d->length[i] = length;
	d->hash[i] = hash;
	d->slot[at] = i;
	d->size++;
	return i;
}

static inline uint32
hash_codes(const int32 *code, int dims)
{
	return hash_bytes((const unsigned char *) code, (int) sizeof(int32) * dims);
}

static void
grow_leaves(cause_state *state)
{
	int			dims = state->dims;
	int32		i;

	if (state->capacity > INT_MAX / 4)
		too_large();
	state->capacity *= 2;
	state->code = repalloc_huge(state->code, sizeof(int32) * (Size) state->capacity * dims);
	state->sum = repalloc_huge(state->sum, sizeof(int128) * (Size) state->capacity * state->measures);
	pfree(state->slot);
	state->slots *= 2;
	state->slot = new_slots(state->hdr.eoh_context, state->slots);
	for (i = 0; i < state->n; i++)
	{
		int32		at = (int32) (hash_codes(state->code + (Size) i * dims, dims) & (uint32) (state->slots - 1));

		CHECK_FOR_INTERRUPTS();
		while (state->slot[at] >= 0)
			at = (at + 1) & (state->slots - 1);
		state->slot[at] = i;
	}
}

/* the leaf of these codes; a new one sums to 0 */
static int32
find_leaf(cause_state *state, const int32 *code, bool *isnew)
{
	int			dims = state->dims;
	int32		at;
	int32		i;
	int			k;

	if (state->n == state->capacity)
		grow_leaves(state);
	*isnew = false;
	for (at = (int32) (hash_codes(code, dims) & (uint32) (state->slots - 1)); state->slot[at] >= 0;
		 at = (at + 1) & (state->slots - 1))
	{
		i = state->slot[at];
		if (memcmp(state->code + (Size) i * dims, code, sizeof(int32) * dims) == 0)
			return i;
	}
	i = state->n;
	memcpy(state->code + (Size) i * dims, code, sizeof(int32) * dims);
	for (k = 0; k < state->measures; k++)
		state->sum[(Size) i * state->measures + k] = 0;
	state->slot[at] = i;
	state->n++;
	*isnew = true;
	return i;
}

pg_noreturn static void sum_overflow(const char *name);

static void
sum_overflow(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s is out of range", name),
			 errdetail("Sums are kept in 128 bits, in the smallest decimal step of any row."),
			 errhint("Use round(%s, n) to have fewer decimal places.", name)));
	pg_unreachable();
}

/* x * 10^by; false on overflow */
static bool
scale_up(qd_int128 *x, int by)
{
	for (; by > 0; by -= Min(by, 18))
		if (__builtin_mul_overflow(*x, (qd_int128) qd_power10[Min(by, 18)], x))
			return false;
	return true;
}

/* makes the step of a measure at least as fine as this */
static void
refine(cause_state *state, int k, int scale)
{
	int32		i;

	if (scale <= state->scale[k])
		return;
	for (i = 0; i < state->n; i++)
	{
		qd_int128	sum = state->sum[(Size) i * state->measures + k];

		CHECK_FOR_INTERRUPTS();
		if (!scale_up(&sum, scale - state->scale[k]))
			sum_overflow(measure_name(state->measures, k));
		state->sum[(Size) i * state->measures + k] = sum;
	}
	state->scale[k] = scale;
}

static void
add_to_leaf(cause_state *state, int32 leaf, int k, qd_int128 mantissa, int scale)
{
	int128	   *sum = &state->sum[(Size) leaf * state->measures + k];
	qd_int128	total;

	if (!scale_up(&mantissa, state->scale[k] - scale) ||
		__builtin_add_overflow((qd_int128) *sum, mantissa, &total))
		sum_overflow(measure_name(state->measures, k));
	*sum = total;
}

/* the stored form no longer is */
static void
touch(cause_state *state)
{
	if (state->flat)
		pfree(state->flat);
	state->flat = NULL;
}

/* ---- the stored form ---- */

static int
compare_values(const void *a, const void *b, void *arg)
{
	const dictionary *d = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;
	int			order;

	CHECK_FOR_INTERRUPTS();
	/* NULL is last */
	if (d->length[i] < 0 || d->length[j] < 0)
		return (d->length[i] < 0) - (d->length[j] < 0);
	if (d->length[i] == 0 || d->length[j] == 0)
		return (d->length[i] > 0) - (d->length[j] > 0);
	order = memcmp(d->value[i], d->value[j], (size_t) Min(d->length[i], d->length[j]));
	return order != 0 ? order : (d->length[i] > d->length[j]) - (d->length[i] < d->length[j]);
}

/* where the parts of a stored form are; returns its size without the bytes */
static Size
locate(const flat_state *flat, const int32 **cardinality, const int128 **sum, const int32 **code,
	   const int32 **length, Size values)
{
	const char *start = (const char *) flat;
	Size		at = MAXALIGN(sizeof(flat_state));

	*cardinality = (const int32 *) (start + at);
	at += MAXALIGN(sizeof(int32) * (Size) flat->dims);
	*sum = (const int128 *) (start + at);
	at += sizeof(int128) * (Size) flat->measures * (Size) flat->n;
	*code = (const int32 *) (start + at);
	at += MAXALIGN(sizeof(int32) * (Size) flat->dims * (Size) flat->n);
	*length = (const int32 *) (start + at);
	return at + MAXALIGN(sizeof(int32) * values);
}

/*
 * Leaves in the order of their codes, the first dimension first: by counting,
 * from the last dimension to the first.  code is by leaf; place[] of a
 * dimension is the rank of a code.
 */
static int32 *
sort_leaves(const cause_state *state, int32 *const *place)
{
	Size		n = (Size) state->n;
	int32	   *order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(n, 1));
	int32	   *next = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max(n, 1));
	int32		i;
	int			j;

	for (i = 0; i < state->n; i++)
		order[i] = i;
	for (j = state->dims - 1; j >= 0; j--)
	{
		int32		size = state->values[j].size;
		int32	   *start = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * ((Size) size + 1));
		int32	   *swap;

		memset(start, 0, sizeof(int32) * ((Size) size + 1));
		for (i = 0; i < state->n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			start[place[j][state->code[(Size) i * state->dims + j]] + 1]++;
		}
		for (i = 0; i < size; i++)
			start[i + 1] += start[i];
		for (i = 0; i < state->n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			next[start[place[j][state->code[(Size) order[i] * state->dims + j]]]++] = order[i];
		}
		swap = order;
		order = next;
		next = swap;
		pfree(start);
	}
	pfree(next);
	return order;
}

static flat_state *
make_flat(cause_state *state)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "root_cause_state sort",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	flat_state	header = {0};
	flat_state *flat;
	const int32 *cardinality;
	const int128 *sum;
	const int32 *code;
	const int32 *length;
	int32	   *by_place[QD_CAUSE_MAX_DIMS];
	int32	   *place[QD_CAUSE_MAX_DIMS];
	int32	   *order;
	Size		values = 0;
	Size		bytes = 0;
	Size		size;
	char	   *to;
	int32	   *length_to;
	int32		i;
	int			j;
	int			k;

	for (j = 0; j < state->dims; j++)
	{
		dictionary *d = &state->values[j];

		values += (Size) d->size;
		by_place[j] = MemoryContextAllocHuge(scratch, sizeof(int32) * Max((Size) d->size, 1));
		place[j] = MemoryContextAllocHuge(scratch, sizeof(int32) * Max((Size) d->size, 1));
		for (i = 0; i < d->size; i++)
		{
			by_place[j][i] = i;
			bytes += (Size) Max(d->length[i], 0);
		}
		qsort_arg(by_place[j], (size_t) d->size, sizeof(int32), compare_values, d);
		for (i = 0; i < d->size; i++)
			place[j][by_place[j][i]] = i;
	}
	header.version = STATE_VERSION;
	header.dims = (int16) state->dims;
	header.measures = (uint8) state->measures;
	header.n = state->n;
	size = locate(&header, &cardinality, &sum, &code, &length, values) + bytes;
	if (!AllocSizeIsValid(size))
		too_large();
	order = sort_leaves(state, place);

	flat = MemoryContextAllocZero(state->hdr.eoh_context, size);
	memcpy(flat, &header, sizeof(header));
	SET_VARSIZE(flat, size);
	for (k = 0; k < state->measures; k++)
	{
		flat->scale[k] = (int16) state->scale[k];
		flat->display_scale[k] = (int16) state->display_scale[k];
	}
	(void) locate(flat, &cardinality, &sum, &code, &length, values);
	for (j = 0; j < state->dims; j++)
		((int32 *) cardinality)[j] = state->values[j].size;
	for (i = 0; i < state->n; i++)
	{
		Size		leaf = (Size) order[i];

		CHECK_FOR_INTERRUPTS();
		for (k = 0; k < state->measures; k++)
			((int128 *) sum)[(Size) k * (Size) state->n + (Size) i] = state->sum[leaf * state->measures + k];
		for (j = 0; j < state->dims; j++)
			((int32 *) code)[(Size) j * (Size) state->n + (Size) i] = place[j][state->code[leaf * state->dims + j]];
	}
	length_to = (int32 *) length;
	to = (char *) flat + size - bytes;
	for (j = 0; j < state->dims; j++)
	{
		dictionary *d = &state->values[j];

		for (i = 0; i < d->size; i++)
		{
			int32		v = by_place[j][i];

			*length_to++ = d->length[v];
			if (d->length[v] > 0)
			{
				memcpy(to, d->value[v], (size_t) d->length[v]);
				to += d->length[v];
			}
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return flat;
}

static Size
flat_size(ExpandedObjectHeader *header)
{
	cause_state *state = (cause_state *) header;

	Assert(state->magic == STATE_MAGIC);
	if (!state->flat)
		state->flat = make_flat(state);
	return VARSIZE(state->flat);
}

static void
flat_into(ExpandedObjectHeader *header, void *result, Size allocated_size)
{
	cause_state *state = (cause_state *) header;

	Assert(state->flat && VARSIZE(state->flat) == allocated_size);
	memcpy(result, state->flat, allocated_size);
}

/* a state's stored form, of which the view's arrays are parts */
void
qd_cause_view_begin(Datum datum, qd_cause_view *view)
{
	const flat_state *flat = (const flat_state *) PG_DETOAST_DATUM(datum);
	const int32 *cardinality;
	const int128 *sum;
	const int32 *length;
	const char *bytes;
	bool		has_header = VARSIZE(flat) >= sizeof(flat_state);
	Size		values = 0;
	Size		size;
	int			j;
	int			k;

	if (!has_header || flat->version != STATE_VERSION ||
		flat->dims < 1 || flat->dims > QD_CAUSE_MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored root_cause_state cannot be read"),
				 has_header && flat->version != STATE_VERSION ?
				 errdetail("Its version is %d, not %d.", flat->version, STATE_VERSION) :
				 errdetail("Its header is out of range."),
				 errhint("It was made by another version of quota_decomp, or is damaged; root_cause() over the rows makes it again.")));
	memset(view, 0, sizeof(*view));
	view->dims = flat->dims;
	view->measures = flat->measures;
	view->n = flat->n;
	(void) locate(flat, &cardinality, &sum, &view->code, &length, 0);
	for (j = 0; j < view->dims; j++)
	{
		view->cardinality[j] = cardinality[j];
		values += (Size) cardinality[j];
	}
	size = locate(flat, &cardinality, &sum, &view->code, &length, values);
	bytes = (const char *) flat + size;
	for (k = 0; k < view->measures; k++)
	{
		view->scale[k] = flat->scale[k];
		view->display_scale[k] = flat->display_scale[k];
		view->sum[k] = sum + (Size) k * (Size) view->n;
	}
	for (j = 0; j < view->dims; j++)
	{
		int32		i;

		view->length[j] = length;
		view->bytes[j] = bytes;
		for (i = 0; i < view->cardinality[j]; i++)
			bytes += Max(length[i], 0);
		length += view->cardinality[j];
	}
}

/* adds the leaves of a stored form; b's dimensions and measures are the same */
static void
add_view(cause_state *state, const qd_cause_view *view)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(old, "root_cause_state codes", ALLOCSET_DEFAULT_SIZES);
	int32	   *code_of[QD_CAUSE_MAX_DIMS];
	int32		i;
	int			j;
	int			k;

	touch(state);
	for (k = 0; k < view->measures; k++)
	{
		refine(state, k, view->scale[k]);
		state->display_scale[k] = Max(state->display_scale[k], view->display_scale[k]);
	}
	for (j = 0; j < view->dims; j++)
	{
		const char *bytes = view->bytes[j];

		code_of[j] = MemoryContextAllocHuge(scratch, sizeof(int32) * Max((Size) view->cardinality[j], 1));
		for (i = 0; i < view->cardinality[j]; i++)
		{
			CHECK_FOR_INTERRUPTS();
			code_of[j][i] = find_value(state, j, bytes, view->length[j][i]);
			bytes += Max(view->length[j][i], 0);
		}
	}
	for (i = 0; i < view->n; i++)
	{
		int32		code[QD_CAUSE_MAX_DIMS];
		int32		leaf;
		bool		isnew;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < view->dims; j++)
			code[j] = code_of[j][view->code[(Size) j * (Size) view->n + (Size) i]];
		leaf = find_leaf(state, code, &isnew);
		for (k = 0; k < view->measures; k++)
			add_to_leaf(state, leaf, k, view->sum[k][i], view->scale[k]);
	}
	MemoryContextDelete(scratch);
}

/* ---- aggregates ---- */

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("this function can only be called as part of an aggregate"),
				 errhint("Use root_cause() or root_cause_ratio().")));
	return context;
}

/*
 * The aggregate's state to go on with: itself, where this is its expanded
 * object, else a copy.
 */
static cause_state *
writable_state(MemoryContext context, Datum datum)
{
	qd_cause_view view;
	cause_state *state;

	if (VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
	{
		state = (cause_state *) DatumGetEOHP(datum);
		Assert(state->magic == STATE_MAGIC);
		if (MemoryContextGetParent(state->hdr.eoh_context) == context)
			return state;
	}
	qd_cause_view_begin(datum, &view);
	state = new_state(context, view.dims, view.measures);
	add_view(state, &view);
	return state;
}

/* a row's place, for a message */
static char *
place_of_row(ArrayType *dimensions)
{
	return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(dimensions));
}

/* a number of a row; false: NULL */
static bool
take_number(FunctionCallInfo fcinfo, int arg, const char *name, bool denominator, qd_decimal *d)
{
	Datum		value;
	const char *wrong;
	const char *hint;

	if (PG_ARGISNULL(arg))
		return false;
	value = PG_GETARG_DATUM(arg);
	qd_decimal_decode(value, d);
	if (d->kind == QD_DECIMAL_NAN || d->kind == QD_DECIMAL_INFINITE)
	{
		wrong = "must be a finite number";
		hint = "Where there is none, use NULL: it counts as nothing.";
	}
	else if (d->kind != QD_DECIMAL_EXACT || d->scale > MAX_SCALE)
	{
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range: %s", name, qd_numeric_text(value)),
				 errdetail("It can have 36 digits, %d of them decimal places.", MAX_SCALE),
				 errhint("Use round(%s, n), or a larger measure.", name)));
		return false;
	}
	else if (denominator && d->mantissa < 0)
	{
		wrong = "must not be negative";
		hint = "It is what a ratio is of, such as deals closed or days; leave such rows out by FILTER (WHERE ...).";
	}
	else
		return true;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %s: %s", name, wrong, qd_numeric_text(value)),
			 errdetail("The row is in slice %s.", place_of_row(PG_GETARG_ARRAYTYPE_P(fcinfo->nargs - 1))),
			 errhint("%s", hint)));
	return false;
}

static int
count_dimensions(ArrayType *array)
{
	int			dims;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("dimensions must be a one-dimensional array"),
				 errhint("Give one value for each dimension, for example VARIADIC ARRAY[region, product].")));
	dims = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (dims == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no dimension to look for causes in"),
				 errhint("Name at least one column, for example root_cause(actual, expected, region, product).")));
	if (dims > QD_CAUSE_MAX_DIMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many dimensions: %d", dims),
				 errdetail("At most %d can be searched: all 2^n combinations of them are.", QD_CAUSE_MAX_DIMS),
				 errhint("Leave out those that follow from another, such as a region beside its offices.")));
	return dims;
}

/*
 * Adds a row.  number[] are arguments by measure.  A NULL is nothing, as for
 * sum(); a row of NULLs only is no row.
 */
static Datum
accumulate(FunctionCallInfo fcinfo, int measures, const int *arg)
{
	MemoryContext context = aggregate_context(fcinfo);
	int			last = measures + 1;
	cause_state *state = NULL;
	ArrayType  *array;
	qd_decimal	number[QD_MEASURES];
	bool		present[QD_MEASURES];
	bool		any = false;
	int32		code[QD_CAUSE_MAX_DIMS];
	const char *start;
	const char *at;
	const bits8 *bitmap;
	int			dims;
	int32		leaf;
	bool		isnew;
	int			j;
	int			k;

	CHECK_FOR_INTERRUPTS();
	if (PG_ARGISNULL(last))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("dimensions must not be null"),
				 errhint("A single value may be null: it is an element of its own.")));
	array = PG_GETARG_ARRAYTYPE_P(last);
	dims = count_dimensions(array);
	if (!PG_ARGISNULL(0))
	{
		state = writable_state(context, PG_GETARG_DATUM(0));
		if (state->dims != dims || state->measures != measures)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("all rows must have the same number of dimensions: %d and %d",
							state->dims, dims),
					 errhint(DIMENSIONS_HINT)));
	}
	else
		state = new_state(context, dims, measures);
	for (k = 0; k < measures; k++)
	{
		present[k] = take_number(fcinfo, arg[k], measure_name(measures, k), k >= QD_ACTUAL_BASE, &number[k]);
		any = any || present[k];
	}
	if (!any)
		return EOHPGetRWDatum(&state->hdr);

	touch(state);
	start = at = ARR_DATA_PTR(array);
	bitmap = ARR_NULLBITMAP(array);
	for (j = 0; j < dims; j++)
	{
		if (bitmap && !(bitmap[j / 8] & (1 << j % 8)))
		{
			code[j] = find_value(state, j, NULL, QD_NULL_LENGTH);
			continue;
		}
		code[j] = find_value(state, j, VARDATA_ANY(at), (int32) VARSIZE_ANY_EXHDR(at));
		at += VARSIZE_ANY(at);

		/*
		 * the first element is aligned: so is each at a multiple of four from
		 * it
		 */
		at = start + INTALIGN(at - start);
	}
	leaf = find_leaf(state, code, &isnew);
	for (k = 0; k < measures; k++)
	{
		if (!present[k])
			continue;
		refine(state, k, number[k].scale);
		state->display_scale[k] = Max(state->display_scale[k], Min(number[k].display_scale, MAX_DISPLAY));
		add_to_leaf(state, leaf, k, number[k].mantissa, number[k].scale);
	}
	return EOHPGetRWDatum(&state->hdr);
}

/* root_cause(actual, expected, dimensions) */
Datum
qd_root_cause_accum(PG_FUNCTION_ARGS)
{
	static const int arg[] = {1, 2};

	return accumulate(fcinfo, 2, arg);
}

/* root_cause_ratio(actual_numerator, actual_denominator, expected_numerator, expected_denominator, dimensions) */
Datum
qd_root_cause_ratio_accum(PG_FUNCTION_ARGS)
{
	static const int arg[] = {1, 3, 2, 4};

	return accumulate(fcinfo, 4, arg);
}

/* two states into one; the order does not show in it */
Datum
qd_root_cause_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	qd_cause_view view;
	cause_state *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		return EOHPGetRWDatum(&writable_state(context, PG_GETARG_DATUM(0))->hdr);
	}
	if (PG_ARGISNULL(0))
		return EOHPGetRWDatum(&writable_state(context, PG_GETARG_DATUM(1))->hdr);
	state = writable_state(context, PG_GETARG_DATUM(0));
	qd_cause_view_begin(PG_GETARG_DATUM(1), &view);
	if (state->dims != view.dims || state->measures != view.measures)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("all rows must have the same number of dimensions: %d and %d",
						state->dims, view.dims),
				 errhint(DIMENSIONS_HINT)));
	add_view(state, &view);
	return EOHPGetRWDatum(&state->hdr);
}

/* ---- input and output ---- */

/*
 * Writes a state for the wire, in network order; values in the client's
 * encoding, or for the text form (convert false) in the server's.
 */
static void
write_state(Datum datum, StringInfo to, bool convert)
{
	qd_cause_view view;
	int32		i;
	int			j;
	int			k;

	qd_cause_view_begin(datum, &view);
	pq_sendbyte(to, STATE_VERSION);
	pq_sendbyte(to, (uint8) view.measures);
	pq_sendint16(to, (uint16) view.dims);
	pq_sendint32(to, (uint32) view.n);
	for (k = 0; k < view.measures; k++)
	{
		pq_sendint16(to, (uint16) view.scale[k]);
		pq_sendint16(to, (uint16) view.display_scale[k]);
	}
	for (j = 0; j < view.dims; j++)
	{
		const char *bytes = view.bytes[j];

		pq_sendint32(to, (uint32) view.cardinality[j]);
		for (i = 0; i < view.cardinality[j]; i++)
		{
			int32		length = view.length[j][i];

			CHECK_FOR_INTERRUPTS();
			if (length > 0 && convert)
			{
				char	   *converted = pg_server_to_client(bytes, length);

				if (converted != bytes)
				{
					int			converted_length = (int) strlen(converted);

					pq_sendint32(to, (uint32) converted_length);
					pq_sendbytes(to, converted, converted_length);
					pfree(converted);
					bytes += length;
					continue;
				}
			}
			pq_sendint32(to, (uint32) length);
			if (length > 0)
			{
				pq_sendbytes(to, bytes, length);
				bytes += length;
			}
		}
	}
	for (i = 0; i < view.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < view.dims; j++)
			pq_sendint32(to, (uint32) view.code[(Size) j * (Size) view.n + (Size) i]);
		for (k = 0; k < view.measures; k++)
		{
			qd_int128	sum = view.sum[k][i];

			pq_sendint64(to, (uint64) (sum >> 64));
			pq_sendint64(to, (uint64) sum);
		}
	}
}

pg_noreturn static void bad_state(const char *what);

static void
bad_state(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary form of a root_cause_state"),
			 errdetail("%s", what),
			 errhint("Use what root_cause_state_send() of this version of quota_decomp wrote, or make the state again by root_cause().")));
	pg_unreachable();
}

/* a count of things that take at least so many bytes each in what is left */
static int32
read_count(StringInfo from, Size bytes_each)
{
	int32		count = (int32) pq_getmsgint(from, 4);

	if (count < 0 || (Size) count > (Size) (from->len - from->cursor) / bytes_each)
		bad_state("A count is out of range.");
	return count;
}

/*
 * Reads and checks everything: it is built anew, leaf by leaf, so that
 * whatever comes in gets the stored form its rows would have.
 */
static Datum
read_state(StringInfo from, bool convert)
{
	cause_state *state;
	flat_state *flat;
	void	   *result;
	int			version;
	int			measures;
	int			dims;
	int32		n;
	int			scale[QD_MEASURES];
	int			display_scale[QD_MEASURES];
	int32		size[QD_CAUSE_MAX_DIMS];
	char	  **value[QD_CAUSE_MAX_DIMS];
	int32	   *length[QD_CAUSE_MAX_DIMS];
	int32		i;
	int			j;
	int			k;

	version = pq_getmsgbyte(from);
	if (version != STATE_VERSION)
		bad_state(psprintf("Its version is %d, not %d.", version, STATE_VERSION));
	measures = pq_getmsgbyte(from);
	if (measures != 2 && measures != 4)
		bad_state(psprintf("It has %d measures, not 2 or 4.", measures));
	dims = (int) pq_getmsgint(from, 2);
	if (dims < 1 || dims > QD_CAUSE_MAX_DIMS)
		bad_state(psprintf("Its number of dimensions is %d, not 1 to %d.", dims, QD_CAUSE_MAX_DIMS));
	n = read_count(from, sizeof(int32) * (Size) dims + 16 * (Size) measures);
	for (k = 0; k < measures; k++)
	{
		scale[k] = (int) pq_getmsgint(from, 2);
		display_scale[k] = (int) pq_getmsgint(from, 2);
		if (scale[k] > MAX_SCALE || display_scale[k] > MAX_DISPLAY || scale[k] > display_scale[k])
			bad_state("A scale is out of range.");
	}
	for (j = 0; j < dims; j++)
	{
		size[j] = read_count(from, sizeof(int32));
		if (size[j] > n)
			bad_state("A dimension has more values than there are leaves.");
		value[j] = palloc_extended(sizeof(char *) * Max((Size) size[j], 1), MCXT_ALLOC_HUGE);
		length[j] = palloc_extended(sizeof(int32) * Max((Size) size[j], 1), MCXT_ALLOC_HUGE);
		for (i = 0; i < size[j]; i++)
		{
			int32		bytes = (int32) pq_getmsgint(from, 4);

			CHECK_FOR_INTERRUPTS();
			value[j][i] = NULL;
			length[j][i] = bytes;
			if (bytes == QD_NULL_LENGTH)
				continue;
			if (bytes < 0 || bytes > from->len - from->cursor)
				bad_state("The length of a value is out of range.");
			if (convert)
			{
				int			converted;

				value[j][i] = pq_getmsgtext(from, bytes, &converted);
				length[j][i] = converted;
			}
			else
			{
				value[j][i] = unconstify(char *, pq_getmsgbytes(from, bytes));
				pg_verifymbstr(value[j][i], bytes, false);
			}
		}
	}
	state = new_state(CurrentMemoryContext, dims, measures);
	for (k = 0; k < measures; k++)
	{
		state->scale[k] = scale[k];
		state->display_scale[k] = display_scale[k];
	}
	for (i = 0; i < n; i++)
	{
		int32		code[QD_CAUSE_MAX_DIMS];
		int32		leaf;
		bool		isnew;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < dims; j++)
		{
			uint32		at = pq_getmsgint(from, 4);

			if (at >= (uint32) size[j])
				bad_state("A leaf has a value that is not there.");
			code[j] = find_value(state, j, value[j][at], length[j][at]);
		}
		leaf = find_leaf(state, code, &isnew);
		if (!isnew)
			bad_state("A leaf appears twice.");
		for (k = 0; k < measures; k++)
		{
			int64		high = pq_getmsgint64(from);
			uint64		low = (uint64) pq_getmsgint64(from);
			qd_int128	sum = (qd_int128) (((qd_uint128) (uint64) high << 64) | low);

			if (k >= QD_ACTUAL_BASE && sum < 0)
				bad_state("A denominator is negative.");
			state->sum[(Size) leaf * state->measures + k] = sum;
		}
	}
	for (j = 0; j < dims; j++)
	{
		if (state->values[j].size != size[j])
			bad_state("A value appears twice or in no leaf.");
	}
	if (from->cursor != from->len)
		bad_state("It is longer than its header says.");
	flat = make_flat(state);
	result = palloc(VARSIZE(flat));
	memcpy(result, flat, VARSIZE(flat));
	MemoryContextDelete(state->hdr.eoh_context);
	return PointerGetDatum(result);
}

Datum
qd_root_cause_state_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(read_state((StringInfo) PG_GETARG_POINTER(0), true));
}

Datum
qd_root_cause_state_send(PG_FUNCTION_ARGS)
{
	StringInfoData buffer;

	pq_begintypsend(&buffer);
	write_state(PG_GETARG_DATUM(0), &buffer, true);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}

/* \x and the wire's bytes in hexadecimal digits */
Datum
qd_root_cause_state_out(PG_FUNCTION_ARGS)
{
	static const char digits[] = "0123456789abcdef";
	StringInfoData buffer;
	char	   *result;
	char	   *to;
	int			i;

	initStringInfo(&buffer);
	write_state(PG_GETARG_DATUM(0), &buffer, false);
	result = palloc_extended(2 * (Size) buffer.len + 3, MCXT_ALLOC_HUGE);
	to = result;
	*to++ = '\\';
	*to++ = 'x';
	for (i = 0; i < buffer.len; i++)
	{
		uint8		byte = (uint8) buffer.data[i];

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	*to = '\0';
	PG_RETURN_CSTRING(result);
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

Datum
qd_root_cause_state_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	StringInfoData buffer;
	const char *from = text;

	initStringInfo(&buffer);
	if (from[0] == '\\' && from[1] == 'x')
	{
		for (from += 2; digit_of(from[0]) >= 0 && digit_of(from[1]) >= 0; from += 2)
		{
			if ((buffer.len & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			appendStringInfoCharMacro(&buffer, (char) (digit_of(from[0]) << 4 | digit_of(from[1])));
		}
	}
	if (*from != '\0' || buffer.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%.*s\"", "root_cause_state",
						pg_mbcliplen(text, (int) Min(strlen(text), (size_t) 1000), 40), text),
				 errhint("Its text is \\x and hexadecimal digits, as root_cause() gives it.")));
	PG_RETURN_DATUM(read_state(&buffer, false));
}
