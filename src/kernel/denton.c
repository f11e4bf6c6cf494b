/*
 * denton.c
 *		Denton's benchmarking as Dagum and Cholette modified it (first
 *		differences, no starting condition), in O(n).
 *
 * Piece i of length d[i] gets x[i] = a[i] u[i] + o[i]: proportional, a = indicator
 * * d and o = 0; additive, a = d and o = indicator * d.  So u is a ratio, or a
 * difference per unit of time, and it is to be as smooth as can be:
 *
 *		minimize sum (u[i+1] - u[i])^2 / h[i]    with  sum of x = total in each bucket
 *
 * where h[i] is the time from the middle of piece i to that of the next; with
 * pieces of one length this is the usual first difference.
 *
 * Instead of the usual system of all u and all multipliers we solve for the
 * slope g = (u[i+1] - u[i]) / h[i] where one bucket ends and the next begins.
 * Within a bucket the optimum has
 *
 *		slope after piece j = (1 - t) g[before] + t g[after],  t = (a[first] + .. + a[j]) / A
 *
 * (A: the bucket's sum of a), so that u, and the bucket's sum, are linear in the
 * two g's.  That u goes on over the border gives one equation each: a
 * symmetric, positive definite, tridiagonal system, one unknown for each border
 *
 *		R[b] g[b-1] + (Q[b] + h + P[b+1]) g[b] + R[b+1] g[b+1] = m[b+1] - m[b]
 *
 * with P = sum h (1-t)^2, Q = sum h t^2, R = sum h t (1-t) over the bucket, m =
 * (total - sum of o) / A.  Its condition does not grow with n: elimination
 * without pivoting is stable, nothing overflows, and rounding errors die out
 * within a few buckets.  Buckets without a total have no constraint: there the
 * slope stays what it is, before the first and after the last it is 0.
 */
#include "kernel/denton.h"
#include "kernel/group.h"

/* an array of these is aligned as memory of the server is */
typedef long double qd_real __attribute__((aligned(8)));

#define TWO_63		9223372036854775808.0L
#define MOST		9.2e18L		/* of an amount, well within 64 bits */

/* a bucket that has a total and pieces to take it */
typedef struct benchmark
{
	qd_real		level;			/* m */
	qd_real		front;			/* P */
	qd_real		cross;			/* R */
	qd_real		sum;			/* A */
	qd_real		pivot;			/* of the border after it, eliminated */
	qd_real		slope;			/* right side, then g, of that border */
	int32_t		bucket;
} benchmark;

/* where a walk over the pieces is */
typedef struct walk
{
	int32_t		last;			/* the last piece that takes part, or -1 */
	long double since;			/* time from the middle of the piece measured
								 * from */
} walk;

static inline long double
days_of(const qd_series *s, int32_t i)
{
	return s->days ? (long double) s->days[i] : 1.0L;
}

static inline long double
indicator_of(const qd_series *s, int32_t i)
{
	return s->indicator ? (long double) s->indicator[i] : 1.0L;
}

/* a: how much of an amount a piece takes for u = 1 */
static inline long double
size_of(const qd_series *s, qd_denton_method method, int32_t i)
{
	return method == QD_DENTON_ADDITIVE ? days_of(s, i) : indicator_of(s, i) * days_of(s, i);
}

/* o: what it has for u = 0 */
static inline long double
offset_of(const qd_series *s, qd_denton_method method, int32_t i)
{
	return method == QD_DENTON_ADDITIVE ? indicator_of(s, i) * days_of(s, i) : 0.0L;
}

static inline bool
takes_part(const qd_series *s, int32_t i)
{
	return (s->flags[i] & QD_HAS_WEIGHT) != 0;
}

/* from the middle of the last piece to that of this one; 0 for the first */
static inline long double
step_to(const qd_series *s, walk *w, int32_t i)
{
	long double h = w->last < 0 ? 0.0L : (days_of(s, w->last) + days_of(s, i)) / 2;

	w->last = i;
	return h;
}

/*
 * Forward: what each bucket with a total contributes to the borders, and the
 * elimination, in one pass.
 */
static qd_status
eliminate(const qd_env *env, const qd_series *s, qd_denton_method method, benchmark *benches,
		  int32_t *count, qd_problem *problem)
{
	walk		w = {-1, 0};
	benchmark  *before = NULL;
	long double back = 0;		/* Q of the bucket before */
	int32_t		b;

	*count = 0;
	for (b = 0; b < s->buckets; b++)
	{
		benchmark  *now = &benches[*count];
		long double sum = 0;
		long double offset = 0;
		long double inverse;
		long double running = 0;
		long double front = 0;
		long double cross = 0;
		long double rear = 0;
		long double link = 0;
		bool		first = true;
		bool		taken = false;
		int32_t		i;

		for (i = s->start[b]; i < s->start[b + 1]; i++)
		{
			QD_POLL(env, i);
			if (!takes_part(s, i))
				continue;
			sum += size_of(s, method, i);
			offset += offset_of(s, method, i);
		}
		taken = s->has_total[b] && sum > 0;
		if (s->has_total[b] && !taken && s->total[b] != 0)
		{
			problem->subject = QD_ON_TOTAL;
			problem->row = s->start[b];
			problem->asked = s->total[b];
			problem->low = problem->high = 0;
			problem->unbounded_low = problem->unbounded_high = false;
			return QD_INFEASIBLE;
		}
		inverse = taken ? 1 / sum : 0;
		for (i = s->start[b]; i < s->start[b + 1]; i++)
		{
			long double h;

			QD_POLL(env, i);
			if (!takes_part(s, i))
				continue;
			h = step_to(s, &w, i);
			if (!taken || first)
				w.since += h;	/* not yet in the bucket, or not in any */
			else
			{
				long double t = running * inverse;

				front += h * (1 - t) * (1 - t);
				rear += h * t * t;
				cross += h * t * (1 - t);
			}
			if (taken && first)
			{
				link = w.since;
				first = false;
			}
			running += size_of(s, method, i);
		}
		if (!taken)
			continue;
		w.since = 0;
		now->bucket = b;
		now->sum = sum;
		now->level = ((long double) s->total[b] - offset) / sum;
		now->front = front;
		now->cross = cross;
		now->pivot = 0;
		now->slope = 0;
		if (before)
		{
			/* the border between the two, less what the one before it leaves */
			before->pivot = back + link + front;
			before->slope = now->level - before->level;
			if (*count > 1)
			{
				before->pivot -= before->cross / before[-1].pivot * before->cross;
				before->slope -= before->cross / before[-1].pivot * before[-1].slope;
			}
		}
		before = now;
		back = rear;
		(*count)++;
	}
	return QD_OK;
}

/* backward: the slope at each border; the last bucket's own is 0 */
static void
substitute(const qd_env *env, benchmark *benches, int32_t count)
{
	int32_t		k;

	for (k = count - 2; k >= 0; k--)
	{
		long double right = benches[k].slope;

		if (k < count - 2)
			right -= benches[k + 1].cross * benches[k + 1].slope;
		benches[k].slope = right / benches[k].pivot;
		QD_POLL(env, k);
	}
}

/* a finite number well within 64 bits, as its floor and fraction */
static inline bool
to_fixed(long double x, int64_t *whole, uint64_t *fraction)
{
	long double rest;

	if (!(x > -MOST && x < MOST))
		return false;
	*whole = (int64_t) x;
	if (x < (long double) *whole)
		(*whole)--;
	rest = x - (long double) *whole;
	/* the last bit does not matter: make_exact takes care of the sum */
	*fraction = rest >= 1.0L ? UINT64_MAX : (uint64_t) (int64_t) (rest * TWO_63) << 1;
	return true;
}

/* a whole number of 2^-64; conversions to 128 bits are slow, and rarely needed */
static inline qd_int128
to_int128(long double x)
{
	return x > -MOST && x < MOST ? (int64_t) x : (qd_int128) x;
}

/*
 * What a bucket's pieces would have exactly: so that it sums to the total
 * to the last of 64 fractional bits, the few that floating point missed are
 * spread as the pieces are, the very last go to the largest.
 */
static void
make_exact(const qd_env *env, const qd_series *s, qd_denton_method method, int32_t from,
		   int32_t to, int64_t total, long double sum)
{
	qd_uint128	held = 0;
	qd_int128	missing;
	long double each;
	long double most = -1;
	int32_t		largest = -1;
	int32_t		i;

	for (i = from; i < to; i++)
	{
		QD_POLL(env, i);
		if (s->rule[i] > QD_PIECE_ZERO)
			held += ((qd_uint128) (uint64_t) s->exact[i] << 64) + s->exact_fraction[i];
	}
	missing = (qd_int128) (((qd_uint128) (uint64_t) total << 64) - held);
	if (missing == 0)
		return;
	each = (missing > -INT64_MAX && missing < INT64_MAX ? (long double) (int64_t) missing :
			(long double) missing) / sum;
	for (i = from; i < to; i++)
	{
		long double size;
		qd_int128	share;
		qd_uint128	bits;

		QD_POLL(env, i);
		if (s->rule[i] <= QD_PIECE_ZERO)
			continue;
		size = size_of(s, method, i);
		if (size > most)
		{
			most = size;
			largest = i;
		}
		share = to_int128(each * size);
		missing -= share;
		bits = ((qd_uint128) (uint64_t) s->exact[i] << 64) + s->exact_fraction[i] + (qd_uint128) share;
		s->exact[i] = (int64_t) (uint64_t) (bits >> 64);
		s->exact_fraction[i] = (uint64_t) bits;
	}
	if (missing != 0 && largest >= 0)
	{
		qd_uint128	bits = ((qd_uint128) (uint64_t) s->exact[largest] << 64) +
		s->exact_fraction[largest] + (qd_uint128) missing;

		s->exact[largest] = (int64_t) (uint64_t) (bits >> 64);
		s->exact_fraction[largest] = (uint64_t) bits;
	}
}

/* floor and fraction of the negated number */
static inline void
negate(int64_t *whole, uint64_t *fraction)
{
	*whole = *fraction == 0 ? -*whole : -*whole - 1;
	*fraction = -*fraction;
}

/* where qd_select wants rows of a partition */
typedef struct rounding_space
{
	int32_t    *member;
	int64_t    *weight;
	uint8_t    *state;
	uint64_t   *key;
} rounding_space;

/*
 * How much of 2^-64 floating point may have added to or taken from exact amounts
 * of this magnitude: what differs by less is alike, so that it does not decide.
 */
static inline uint64_t
tolerance_of(uint64_t most)
{
	return most < (UINT64_C(1) << 40) ? (most + 1) << 12 : UINT64_C(1) << 52;
}

static inline uint64_t
magnitude(int64_t x)
{
	return x < 0 ? -(uint64_t) x : (uint64_t) x;
}

/*
 * Largest remainder within a bucket: the exact amounts, which sum to total,
 * become units.  Ties to the larger amount, then the earlier piece.
 */
static qd_status
round_bucket(const qd_env *env, const qd_series *s, const rounding_space *r, int32_t from, int32_t to,
			 int64_t total, bool mirrored)
{
	qd_group	group = {0};
	qd_int128	left = mirrored ? -(qd_int128) total : total;
	uint64_t	most = 0;
	int32_t		seen = 0;
	qd_cut		cut = {0};
	int32_t		i;

	for (i = from; i < to; i++)
	{
		QD_POLL(env, i);
		if (s->rule[i] == QD_PIECE_NONE)
			continue;
		if (mirrored)
			negate(&s->exact[i], &s->exact_fraction[i]);
		s->amount[i] = s->exact[i];
		left -= s->exact[i];
		if (s->rule[i] == QD_PIECE_ZERO)
			continue;
		if (magnitude(s->exact[i]) > most)
			most = magnitude(s->exact[i]);
		r->member[group.size++] = i;
		/* in the order of the amounts, but not below 0 */
		r->weight[i] = (int64_t) (((uint64_t) s->exact[i] + (UINT64_C(1) << 63)) >> 1);
		r->state[i] = QD_ACTIVE;
	}
	if (left < 0 || left > group.size)
		return QD_INTERNAL;
	if (left > 0 && left < group.size)
	{
		group.member = r->member;
		group.weight = r->weight;
		group.state = r->state;
		group.key = r->key;
		qd_select(env, &group, s->exact_fraction, (int32_t) left, tolerance_of(most), &cut);
	}
	for (i = 0; i < group.size; i++)
	{
		int32_t		row = r->member[i];

		QD_POLL(env, i);
		if (left == group.size ||
			(left > 0 && qd_cut_serves(&cut, s->exact_fraction[row], r->weight[row], &seen)))
			s->amount[row]++;
	}
	for (i = from; mirrored && i < to; i++)
	{
		QD_POLL(env, i);
		if (s->rule[i] == QD_PIECE_NONE)
			continue;
		s->amount[i] = -s->amount[i];
		negate(&s->exact[i], &s->exact_fraction[i]);
	}
	return QD_OK;
}

/* the sum of a bucket without a total, to the nearest unit */
static qd_status
own_total(const qd_env *env, const qd_series *s, int32_t from, int32_t to, int64_t *total)
{
	const uint64_t half = UINT64_C(1) << 63;
	qd_int128	whole = 0;
	qd_uint128	fraction = 0;
	uint64_t	most = 0;
	uint64_t	rest;
	int32_t		i;

	for (i = from; i < to; i++)
	{
		QD_POLL(env, i);
		if (s->rule[i] == QD_PIECE_NONE)
			continue;
		whole += s->exact[i];
		fraction += s->exact_fraction[i];
		if (magnitude(s->exact[i]) > most)
			most = magnitude(s->exact[i]);
	}
	whole += (int64_t) (fraction >> 64);
	rest = (uint64_t) fraction;
	/* half away from zero */
	if ((rest > half ? rest - half : half - rest) <= tolerance_of(most))
		rest = whole >= 0 ? half : half - 1;
	if (rest >= half)
		whole++;
	if (whole > INT64_MAX || whole < -INT64_MAX)
		return QD_OVERFLOW;
	*total = (int64_t) whole;
	return QD_OK;
}

/* forward again: the amounts, bucket by bucket, each rounded at once */
static qd_status
spread(const qd_env *env, qd_series *s, qd_denton_method method, const benchmark *benches,
	   int32_t count, const rounding_space *r, qd_problem *problem)
{
	walk		w = {-1, 0};
	long double u = 0;
	long double slope = 0;		/* of the border before */
	int32_t		k = 0;			/* the next bucket with a total */
	int32_t		b;

	/* before the first such bucket u is what it is at its beginning */
	u = benches[0].level - benches[0].cross * benches[0].slope;
	for (b = 0; b < s->buckets; b++)
	{
		bool		fitted = k < count && benches[k].bucket == b;
		long double inverse = fitted ? 1 / benches[k].sum : 0;
		long double running = 0;
		bool		first = true;
		int64_t		total = s->has_total[b] ? s->total[b] : 0;
		qd_status	status;
		bool		mirrored;
		int32_t		i;

		for (i = s->start[b]; i < s->start[b + 1]; i++)
		{
			long double size;
			long double h;

			QD_POLL(env, i);
			s->rule[i] = QD_PIECE_NONE;
			if (!takes_part(s, i))
				continue;
			h = step_to(s, &w, i);
			size = size_of(s, method, i);
			if (!fitted)
				u += h * slope;
			else if (first)
				/* from the bucket itself: no error comes from those before */
				u = benches[k].level - benches[k].front * slope - benches[k].cross * benches[k].slope;
			else
			{
				long double t = running * inverse;

				u += h * ((1 - t) * slope + t * benches[k].slope);
			}
			first = false;
			running += size;
			if (days_of(s, i) == 0 ||
				(method == QD_DENTON_PROPORTIONAL && indicator_of(s, i) == 0))
			{
				s->rule[i] = QD_PIECE_ZERO;
				s->exact[i] = 0;
				s->exact_fraction[i] = 0;
				continue;
			}
			s->rule[i] = fitted ? QD_PIECE_FITTED :
				k > 0 && k < count ? QD_PIECE_INTERPOLATED : QD_PIECE_EXTRAPOLATED;
			if (!to_fixed(size * u + offset_of(s, method, i), &s->exact[i], &s->exact_fraction[i]))
			{
				problem->row = i;
				return QD_OVERFLOW;
			}
		}
		if (first)
			continue;			/* nobody in it */
		if (fitted)
		{
			make_exact(env, s, method, s->start[b], s->start[b + 1], total, benches[k].sum);
			slope = benches[k].slope;
			k++;
		}
		else
		{
			problem->row = s->start[b];
			status = own_total(env, s, s->start[b], s->start[b + 1], &total);
			if (status != QD_OK)
				return status;
		}
		/* f(-x) = -f(x) */
		mirrored = total < 0;
		for (i = s->start[b]; total == 0 && i < s->start[b + 1]; i++)
		{
			QD_POLL(env, i);
			if (s->rule[i] == QD_PIECE_NONE || (s->exact[i] == 0 && s->exact_fraction[i] == 0))
				continue;
			mirrored = s->exact[i] < 0;
			break;
		}
		status = round_bucket(env, s, r, s->start[b], s->start[b + 1], total, mirrored);
		if (status != QD_OK)
			return status;
	}
	return QD_OK;
}

qd_status
qd_disaggregate(const qd_env *env, qd_series *series, qd_denton_method method,
				qd_problem *problem)
{
	benchmark  *benches;
	rounding_space r = {0};
	int32_t		count = 0;
	size_t		largest = 1;
	qd_status	status;
	int32_t		b;

	problem->row = -1;
	for (b = 0; b < series->buckets; b++)
	{
		size_t		size = (size_t) (series->start[b + 1] - series->start[b]);

		if (size > largest)
			largest = size;
		if (series->has_total[b])
			count++;
		QD_POLL(env, b);
	}
	benches = env->alloc(env->arg, sizeof(benchmark) * ((size_t) count + 1));
	if (!benches)
		return QD_NOMEM;
	status = eliminate(env, series, method, benches, &count, problem);
	if (status == QD_OK && count == 0)
	{
		int32_t		i;

		for (i = 0; i < series->n; i++)
		{
			series->rule[i] = QD_PIECE_NONE;
			QD_POLL(env, i);
		}
	}
	else if (status == QD_OK)
	{
		substitute(env, benches, count);
		r.member = env->alloc(env->arg, sizeof(int32_t) * largest);
		r.weight = env->alloc(env->arg, sizeof(int64_t) * (size_t) series->n);
		r.state = env->alloc(env->arg, (size_t) series->n);
		r.key = env->alloc(env->arg, sizeof(uint64_t) * largest);
		if (!r.member || !r.weight || !r.state || !r.key)
			status = QD_NOMEM;
		else
			status = spread(env, series, method, benches, count, &r, problem);
		if (r.member)
			env->release(env->arg, r.member);
		if (r.weight)
			env->release(env->arg, r.weight);
		if (r.state)
			env->release(env->arg, r.state);
		if (r.key)
			env->release(env->arg, r.key);
	}
	env->release(env->arg, benches);
	return status;
}
