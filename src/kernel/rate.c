/*
 * rate.c
 *		A ratio target pushed down: the bounded problem of fill.c with an
 *		offset, and a rounding that the weighted mean survives.
 *
 * sum(volume * clip(base + t * size, low, high)) is piecewise linear and never
 * falls with t, so the t that meets the target lies between two breakpoints
 * (low - base) / size, (high - base) / size, which a search with random pivots
 * finds in O(n) (Kiwiel 2008, as in fill.c).  All in integers: a product of
 * volume, size and pivot has up to 186 bits.
 *
 * Rounding each rate to the nearest step moves the weighted mean by less than
 * half a step: sum(volume * |error|) <= sum(volume) / 2.  Only where all are at
 * the half together, or the target was met by rounding only, some have to be
 * rounded to the other side.
 */
#include "kernel/group.h"
#include "kernel/quad.h"
#include "kernel/rate.h"

/* what is not yet known of a row during the search */
#define OPEN_LOW	4
#define OPEN_HIGH	8

/* a row of 256-bit arithmetic takes as long as ten of others */
#define POLL_OFTEN(env, i) \
	do { \
		if (((i) & 0x0fff) == 0x0fff && (env)->poll) \
			(env)->poll((env)->arg); \
	} while (0)

#define NO_LOW		INT64_MIN
#define NO_HIGH		INT64_MAX

static inline qd_two_words
pack(qd_int128 x)
{
	qd_two_words r;

	r.high = (int64_t) (x >> 64);
	r.low = (uint64_t) x;
	return r;
}

static inline qd_int128
unpack(qd_two_words x)
{
	return (qd_int128) (((qd_uint128) (uint64_t) x.high << 64) | x.low);
}

static inline bool
takes_part(const qd_rates *rates, int32_t i)
{
	return (rates->flags[i] & QD_HAS_WEIGHT) != 0;
}

static inline int64_t
low_of(const qd_rates *rates, int32_t i)
{
	/* mirrored, floors were caps */
	uint8_t		flag = rates->mirrored ? QD_HAS_CAP : QD_HAS_FLOOR;

	return (rates->flags[i] & flag) ? rates->floor[i] : rates->low;
}

static inline int64_t
high_of(const qd_rates *rates, int32_t i)
{
	uint8_t		flag = rates->mirrored ? QD_HAS_FLOOR : QD_HAS_CAP;

	return (rates->flags[i] & flag) ? rates->cap[i] : rates->high;
}

/* how far a row moves for t = 1; >= 0 */
static inline int64_t
size_of(const qd_rates *rates, int32_t i)
{
	int64_t		base = rates->base[i];

	if (rates->equal || rates->method == QD_RATE_SHIFT)
		return 1;
	if (rates->method == QD_RATE_SCALE)
		return base < 0 ? -base : base;
	return rates->best - base;
}

static inline int64_t
clip(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

/* round half away from zero; b > 0, below 2^125 */
static qd_int128
round_div(qd_int128 a, qd_int128 b)
{
	bool		negative = a < 0;
	qd_uint128	m = negative ? -(qd_uint128) a : (qd_uint128) a;
	qd_uint128	d = (qd_uint128) b;
	qd_int128	q = (qd_int128) (m / d);

	if (2 * (m % d) >= d)
		q++;
	return negative ? -q : q;
}

/* the ends of what the bases, the target and the bounds span */
typedef struct rate_extent
{
	int32_t		count;			/* rows that take part */
	int64_t		volume;
	int64_t		least;			/* base */
	int64_t		most;
	bool		negative;		/* something is below 0 */
	bool		positive;
} rate_extent;

static qd_status
measure(const qd_env *env, const qd_rates *rates, int64_t target, rate_extent *e)
{
	qd_int128	volume = 0;
	int32_t		i;

	e->count = 0;
	e->least = INT64_MAX;
	e->most = INT64_MIN;
	e->negative = target < 0;
	e->positive = target > 0;
	for (i = 0; i < rates->n; i++)
	{
		int64_t		base = rates->base[i];

		QD_POLL(env, i);
		if (!takes_part(rates, i))
			continue;
		e->count++;
		volume += rates->volume[i];
		if (base < e->least)
			e->least = base;
		if (base > e->most)
			e->most = base;
		if (base < 0 || ((rates->flags[i] & QD_HAS_CAP) && rates->cap[i] < 0))
			e->negative = true;
		if (base > 0 || ((rates->flags[i] & QD_HAS_FLOOR) && rates->floor[i] > 0))
			e->positive = true;
	}
	e->volume = (int64_t) volume;
	return volume < QD_MAX_WEIGHT_SUM ? QD_OK : QD_WEIGHT_OVERFLOW;
}

/* the volume-weighted sum if everybody had this rate, within his bounds */
static qd_int128
sum_at(const qd_env *env, const qd_rates *rates, int64_t rate)
{
	qd_int128	sum = 0;
	int32_t		i;

	for (i = 0; i < rates->n; i++)
	{
		QD_POLL(env, i);
		if (takes_part(rates, i))
			sum += (qd_int128) rates->volume[i] *
				clip(rate, low_of(rates, i), high_of(rates, i));
	}
	return sum;
}

/* the weighted sum of the bases, within their bounds */
static qd_int128
sum_of_bases(const qd_env *env, const qd_rates *rates)
{
	qd_int128	sum = 0;
	int32_t		i;

	for (i = 0; i < rates->n; i++)
	{
		QD_POLL(env, i);
		if (takes_part(rates, i))
			sum += (qd_int128) rates->volume[i] *
				clip(rates->base[i], low_of(rates, i), high_of(rates, i));
	}
	return sum;
}

/* the weighted sums that scale and shift can reach */
static void
reach(const qd_env *env, const qd_rates *rates, qd_int128 *low, bool *low_open,
	  qd_int128 *high, bool *high_open)
{
	int32_t		i;

	*low = *high = 0;
	*low_open = *high_open = false;
	for (i = 0; i < rates->n; i++)
	{
		int64_t		least;
		int64_t		most;

		QD_POLL(env, i);
		if (!takes_part(rates, i))
			continue;
		least = low_of(rates, i);
		most = high_of(rates, i);
		if (size_of(rates, i) == 0)
			least = most = clip(rates->base[i], least, most);
		if (least == NO_LOW)
			*low_open = true;
		else
			*low += (qd_int128) rates->volume[i] * least;
		if (most == NO_HIGH)
			*high_open = true;
		else
			*high += (qd_int128) rates->volume[i] * most;
	}
}

/* everything with the sign changed */
static void
mirror(const qd_env *env, qd_rates *rates)
{
	int64_t    *swap = rates->floor;
	int64_t		low = rates->low;
	int32_t		i;

	for (i = 0; i < rates->n; i++)
	{
		QD_POLL(env, i);
		if (!takes_part(rates, i))
			continue;
		rates->base[i] = -rates->base[i];
		if (rates->flags[i] & QD_HAS_FLOOR)
			rates->floor[i] = -rates->floor[i];
		if (rates->flags[i] & QD_HAS_CAP)
			rates->cap[i] = -rates->cap[i];
	}
	rates->floor = rates->cap;
	rates->cap = swap;
	rates->low = rates->high == NO_HIGH ? NO_LOW : -rates->high;
	rates->high = low == NO_LOW ? NO_HIGH : -low;
	rates->mirrored = true;
}

/* volumes times what is settled already */
typedef struct settled
{
	qd_int128	held;			/* bounds and bases */
	qd_int128	load;			/* sizes of those that certainly move */
} settled;

/* sign of (bound - base) / size - p / q */
static inline int
compare_ratio(int64_t bound, int64_t base, int64_t size, int64_t p, int64_t q)
{
	qd_int128	a = (qd_int128) (bound - base) * q;
	qd_int128	b = (qd_int128) p * size;

	return a < b ? -1 : (a > b);
}

/* the sign of the weighted sum at t = p / q, minus asked */
static int
compare_at(const qd_env *env, const qd_rates *rates, const int32_t *open, int32_t count,
		   const settled *done, qd_int128 asked, int64_t p, int64_t q)
{
	qd_int128	held = done->held;
	qd_int128	load = done->load;
	qd_quad		difference;
	int32_t		i;

	for (i = 0; i < count; i++)
	{
		int32_t		row = open[i];
		uint8_t		state = rates->state[row];
		int64_t		base = rates->base[row];
		int64_t		size = size_of(rates, row);
		int64_t		volume = rates->volume[row];

		POLL_OFTEN(env, i);
		if ((state & OPEN_LOW) &&
			compare_ratio(low_of(rates, row), base, size, p, q) >= 0)
			held += (qd_int128) volume * low_of(rates, row);
		else if ((state & OPEN_HIGH) &&
				 compare_ratio(high_of(rates, row), base, size, p, q) <= 0)
			held += (qd_int128) volume * high_of(rates, row);
		else
		{
			held += (qd_int128) volume * base;
			load += (qd_int128) volume * size;
		}
	}
	difference = qd_quad_add(qd_quad_product(held - asked, q), qd_quad_product(load, p));
	return qd_quad_sign(&difference);
}

/*
 * Settles what a pivot below (side < 0), or at or above (> 0), the t sought
 * decides.
 */
static int32_t
settle(const qd_env *env, const qd_rates *rates, int32_t *open, int32_t count, settled *done,
	   int64_t p, int64_t q, int side)
{
	int32_t		kept = 0;
	int32_t		i;

	for (i = 0; i < count; i++)
	{
		int32_t		row = open[i];
		uint8_t		state = rates->state[row];
		int64_t		base = rates->base[row];
		int64_t		size = size_of(rates, row);
		qd_int128	volume = rates->volume[row];

		POLL_OFTEN(env, i);
		if (state & OPEN_LOW)
		{
			int			c = compare_ratio(low_of(rates, row), base, size, p, q);

			if (side > 0 && c >= 0)
				state = QD_AT_LOW;
			else if (side < 0 && c <= 0)
				state &= (uint8_t) ~OPEN_LOW;
		}
		if (state & OPEN_HIGH)
		{
			int			c = compare_ratio(high_of(rates, row), base, size, p, q);

			if (side < 0 && c <= 0)
				state = QD_AT_HIGH;
			else if (side > 0 && c >= 0)
				state &= (uint8_t) ~OPEN_HIGH;
		}
		rates->state[row] = state;
		if (state & (OPEN_LOW | OPEN_HIGH))
			open[kept++] = row;
		else if (state == QD_AT_LOW)
			done->held += volume * low_of(rates, row);
		else if (state == QD_AT_HIGH)
			done->held += volume * high_of(rates, row);
		else
		{
			done->held += volume * base;
			done->load += volume * size;
		}
	}
	return kept;
}

/*
 * The state of every row at the t sought, p/q.  Who is just at a bound counts as
 * held by it: so it is, whichever t is found where several would do.
 */
static void
place(const qd_env *env, qd_rates *rates, settled *done, int64_t p, int64_t q)
{
	int32_t		i;

	done->held = 0;
	done->load = 0;
	for (i = 0; i < rates->n; i++)
	{
		qd_int128	volume = rates->volume[i];
		int64_t		base = rates->base[i];
		int64_t		low = low_of(rates, i);
		int64_t		high = high_of(rates, i);
		int64_t		size;

		POLL_OFTEN(env, i);
		if (!takes_part(rates, i))
			continue;
		size = size_of(rates, i);
		if (size == 0)
		{
			/* no t moves it: its state is known */
			done->held += volume * clip(base, low, high);
			continue;
		}
		if (low != NO_LOW && compare_ratio(low, base, size, p, q) >= 0)
		{
			rates->state[i] = QD_AT_LOW;
			done->held += volume * low;
		}
		else if (high != NO_HIGH && compare_ratio(high, base, size, p, q) <= 0)
		{
			rates->state[i] = QD_AT_HIGH;
			done->held += volume * high;
		}
		else
		{
			rates->state[i] = QD_ACTIVE;
			done->held += volume * base;
			done->load += volume * size;
		}
	}
}

/*
 * Finds who is at a bound, and t for the rest, where the weighted sum is
 * asked, which is within reach.
 */
static qd_status
fill(const qd_env *env, qd_rates *rates, int32_t part, qd_int128 asked)
{
	settled		done = {0, 0};
	uint64_t	random = UINT64_C(0x9e3779b97f4a7c15);
	bool		met = false;	/* a breakpoint is the t sought: */
	int64_t		met_p = 0;
	int64_t		met_q = 1;
	int32_t    *open;
	int32_t		count = 0;
	int32_t		i;

	open = env->alloc(env->arg, sizeof(int32_t) * (size_t) part);
	if (!open)
		return QD_NOMEM;
	for (i = 0; i < rates->n; i++)
	{
		int64_t		low;
		int64_t		high;
		int64_t		base = rates->base[i];

		POLL_OFTEN(env, i);
		if (!takes_part(rates, i))
			continue;
		low = low_of(rates, i);
		high = high_of(rates, i);
		rates->state[i] = QD_ACTIVE;
		if (size_of(rates, i) == 0)
		{
			rates->state[i] = base < low ? QD_AT_LOW : base > high ? QD_AT_HIGH : QD_ACTIVE;
			done.held += (qd_int128) rates->volume[i] * clip(base, low, high);
		}
		else if (low != NO_LOW || high != NO_HIGH)
		{
			rates->state[i] = (uint8_t) ((low != NO_LOW ? OPEN_LOW : 0) |
										 (high != NO_HIGH ? OPEN_HIGH : 0));
			open[count++] = i;
		}
		else
		{
			done.held += (qd_int128) rates->volume[i] * base;
			done.load += (qd_int128) rates->volume[i] * size_of(rates, i);
		}
	}
	while (count > 0)
	{
		/* any open breakpoint will do */
		int32_t		row = open[qd_random(&random) % (uint32_t) count];
		uint8_t		state = rates->state[row];
		int64_t		q = size_of(rates, row);
		int64_t		bound;
		int			side;

		if ((state & OPEN_LOW) && (!(state & OPEN_HIGH) || (random & 1)))
			bound = low_of(rates, row);
		else
			bound = high_of(rates, row);
		side = compare_at(env, rates, open, count, &done, asked, bound - rates->base[row], q);
		if (side == 0)
		{
			/* as others may be; the least, whatever the order of the rows */
			met = true;
			met_p = bound - rates->base[row];
			met_q = q;
			side = 1;
		}
		count = settle(env, rates, open, count, &done, bound - rates->base[row], q, side);
	}
	env->release(env->arg, open);
	if (met)
		place(env, rates, &done, met_p, met_q);
	rates->gain = pack(asked - done.held);
	rates->load = pack(done.load);
	return QD_OK;
}

/* what the exact rates of all rows that move have in common */
typedef struct rate_line
{
	qd_int128	load;
	qd_int128	gain;
	qd_quad fixed;				/* divisor of those that do not move */
	qd_quad		moving;			/* of those that do */
} rate_line;

static void
line_of(const qd_rates *rates, rate_line *line)
{
	line->load = unpack(rates->load);
	line->gain = unpack(rates->gain);
	line->fixed = qd_quad_from(rates->step);
	line->moving = qd_quad_product(line->load, rates->step);
}

static bool
exact_rate(const qd_rates *rates, const rate_line *line, int32_t i, int64_t *whole,
		   int64_t *millionths)
{
	int64_t		base = rates->base[i];
	int64_t		size = size_of(rates, i);
	const qd_quad *divisor;
	qd_quad		x;
	qd_quad		rest;
	int64_t		parts;
	bool		upwards;
	int			half;

	*millionths = 0;
	if (rates->state[i] != QD_ACTIVE)
	{
		/* a whole number of steps */
		int64_t		bound = rates->state[i] == QD_AT_LOW ? low_of(rates, i) : high_of(rates, i);

		*whole = (rates->mirrored ? -bound : bound) / rates->step;
		return true;
	}
	if (line->load == 0 || size == 0)
	{
		divisor = &line->fixed;
		x = qd_quad_from(base);
	}
	else
	{
		divisor = &line->moving;
		x = qd_quad_add(qd_quad_product(line->load, base), qd_quad_product(line->gain, size));
	}
	if (rates->mirrored && !qd_quad_is_zero(&x))
		x.negative = !x.negative;
	upwards = !x.negative;
	if (!qd_quad_floor_div(x, divisor, whole, &rest))
		return false;
	if (qd_quad_is_zero(&rest))
		return true;
	if (!qd_quad_floor_div(qd_quad_mul(rest, 1000000), divisor, &parts, &rest))
		return false;
	rest = qd_quad_mul(rest, 2);
	half = qd_quad_compare_magnitude(&rest, divisor);
	if (half > 0 || (half == 0 && upwards))
		parts++;
	if (parts == 1000000)
	{
		parts = 0;
		if (*whole == INT64_MAX)
			return false;
		(*whole)++;
	}
	*millionths = parts;
	return true;
}

bool
qd_rates_exact(const qd_rates *rates, int32_t i, int64_t *whole, int64_t *millionths)
{
	rate_line	line;

	line_of(rates, &line);
	return exact_rate(rates, &line, i, whole, millionths);
}

/* a row whose rate could be rounded to the other side, and how willingly */
typedef struct turn_candidate
{
	int32_t		row;
	int32_t		fraction;		/* in millionths, of the way to that side */
	int64_t		volume;
} turn_candidate;

/* whether a is to be turned before b */
static inline bool
goes_before(const turn_candidate *a, const turn_candidate *b)
{
	if (a->fraction != b->fraction)
		return a->fraction > b->fraction;
	if (a->volume != b->volume)
		return a->volume > b->volume;
	return a->row < b->row;
}

/* the parent sinks below the children that go before it */
static void
sink(turn_candidate *heap, int32_t at, int32_t count)
{
	turn_candidate moving = heap[at];

	for (;;)
	{
		int64_t		child = 2 * (int64_t) at + 1;

		if (child >= count)
			break;
		if (child + 1 < count && goes_before(&heap[child + 1], &heap[child]))
			child++;
		if (!goes_before(&heap[child], &moving))
			break;
		heap[at] = heap[child];
		at = (int32_t) child;
	}
	heap[at] = moving;
}

/* the weighted sum of steps, minus what the target wants: acceptable? */
static int
judge(qd_int128 error, int64_t volume, int64_t target)
{
	if (target < 0 ? 2 * error > volume : 2 * error >= volume)
		return 1;
	if (target > 0 ? 2 * error < -(qd_int128) volume : 2 * error <= -(qd_int128) volume)
		return -1;
	return 0;
}

/* peers of the last row that was turned, alike in all that decides, say so */
static void
mark_ties(const qd_env *env, const qd_rates *rates, const rate_line *line, const turn_candidate *last, const turn_candidate *next)
{
	int			side;

	if (!env->peers || last->fraction != next->fraction || last->volume != next->volume ||
		!env->peers(env->arg, last->row, next->row))
		return;
	/* peers are neighbours in window order */
	for (side = -1; side <= 1; side += 2)
	{
		int32_t		row;

		for (row = last->row + (side < 0 ? 0 : 1); row >= 0 && row < rates->n; row += side)
		{
			int64_t		whole;
			int64_t		millionths;

			QD_POLL(env, row);
			if (row != last->row && !env->peers(env->arg, last->row, row))
				break;
			if (takes_part(rates, row) && rates->volume[row] == last->volume &&
				rates->rule[row] > QD_RULE_TIE &&
				exact_rate(rates, line, row, &whole, &millionths) &&
				(millionths == last->fraction || millionths == 1000000 - last->fraction))
				rates->rule[row] = QD_RULE_TIE;
		}
	}
}

/*
 * Rounds some rates to the other side, still within a step of their exact
 * values: the nearest to it first, then the larger volume, then the order.
 */
static qd_status
turn_some(const qd_env *env, qd_rates *rates, const rate_line *line, int32_t part, int64_t volume, int64_t target,
		  qd_int128 error, bool explain)
{
	int			side = judge(error, volume, target);
	turn_candidate *heap = env->alloc(env->arg, sizeof(turn_candidate) * (size_t) part);
	turn_candidate last = {-1, 0, 0};
	int32_t		count = 0;
	int32_t		i;

	if (!heap)
		return QD_NOMEM;
	for (i = 0; i < rates->n; i++)
	{
		int64_t		whole;
		int64_t		millionths;

		POLL_OFTEN(env, i);
		if (!takes_part(rates, i))
			continue;
		if (!exact_rate(rates, line, i, &whole, &millionths) || millionths == 0)
			continue;
		/* too much: those that were rounded up can go down */
		if (side > 0 && rates->rate[i] > whole)
			heap[count].fraction = (int32_t) (1000000 - millionths);
		else if (side < 0 && rates->rate[i] == whole)
			heap[count].fraction = (int32_t) millionths;
		else
			continue;
		heap[count].row = i;
		heap[count].volume = rates->volume[i];
		count++;
	}
	for (i = count / 2 - 1; i >= 0; i--)
	{
		sink(heap, i, count);
		QD_POLL(env, i);
	}
	while (count > 0 && judge(error, volume, target) == side)
	{
		last = heap[0];
		rates->rate[last.row] -= side;
		error -= (qd_int128) side * last.volume;
		heap[0] = heap[--count];
		if (count > 0)
			sink(heap, 0, count);
		QD_POLL(env, count);
	}
	if (explain && last.row >= 0 && count > 0)
		mark_ties(env, rates, line, &last, &heap[0]);
	env->release(env->arg, heap);
	return judge(error, volume, target) == 0 ? QD_OK : QD_INTERNAL;
}

/* rounds all rates, so that the weighted mean rounds to target */
static qd_status
round_rates(const qd_env *env, qd_rates *rates, int32_t part, int64_t volume, int64_t target,
			bool explain, qd_problem *problem)
{
	qd_int128	sum = 0;
	qd_int128	error;
	rate_line	own;
	const rate_line *line = &own;
	int32_t		i;

	line_of(rates, &own);
	for (i = 0; i < rates->n; i++)
	{
		int64_t		whole;
		int64_t		millionths;

		POLL_OFTEN(env, i);
		rates->rule[i] = QD_RULE_NONE;
		if (!takes_part(rates, i))
			continue;
		if (!exact_rate(rates, line, i, &whole, &millionths) ||
			whole >= INT64_MAX - 1 || whole <= -INT64_MAX + 1)
		{
			problem->row = i;
			return QD_OVERFLOW;
		}
		/* half away from zero */
		if (millionths > 500000 || (millionths == 500000 && whole >= 0))
			whole++;
		rates->rate[i] = whole;
		sum += (qd_int128) whole * rates->volume[i];
		if (rates->state[i] != QD_ACTIVE)
			rates->rule[i] = (rates->state[i] == QD_AT_LOW) == !rates->mirrored ?
				QD_RULE_FLOOR : QD_RULE_CAP;
		else if (rates->equal)
			rates->rule[i] = QD_RULE_EQUAL;
		else if (rates->method == QD_RATE_SCALE && rates->base[i] == 0)
			rates->rule[i] = QD_RULE_ZERO;
		else
			rates->rule[i] = QD_RULE_SHARE;
	}
	error = sum - (qd_int128) target * volume;
	if (judge(error, volume, target) == 0)
		return QD_OK;
	return turn_some(env, rates, line, part, volume, target, error, explain);
}

qd_status
qd_allocate_rate(const qd_env *env, qd_rates *rates, int64_t target, qd_rate_method method,
				 bool explain, qd_problem *problem)
{
	rate_extent e;
	qd_int128	asked;
	qd_int128	low;
	qd_int128	high;
	bool		low_open = false;
	bool		high_open = false;
	qd_int128	unit;			/* a step of the mean, in what the sums are in */
	qd_status	status;
	int32_t		i;

	problem->row = -1;
	problem->subject = QD_ON_TOTAL;
	rates->method = method;
	rates->equal = false;
	rates->mirrored = false;
	rates->best = 0;
	rates->gain = pack(0);
	rates->load = pack(0);
	status = measure(env, rates, target, &e);
	if (status != QD_OK)
		return status;
	if (e.count == 0)
	{
		for (i = 0; i < rates->n; i++)
		{
			rates->rule[i] = QD_RULE_NONE;
			QD_POLL(env, i);
		}
		return QD_OK;
	}
	/* what was never below 0 stays so */
	rates->low = e.negative ? NO_LOW : 0;
	rates->high = e.negative && !e.positive ? 0 : NO_HIGH;
	rates->equal = method == QD_RATE_SCALE && e.least == 0 && e.most == 0;

	if (method == QD_RATE_CLOSE_GAP)
	{
		low = sum_at(env, rates, e.least);
		high = sum_at(env, rates, e.most);
	}
	else
		reach(env, rates, &low, &low_open, &high, &high_open);
	unit = (qd_int128) e.volume * rates->step;
	problem->asked = target;
	problem->low = low_open ? 0 : round_div(low, unit);
	problem->high = high_open ? 0 : round_div(high, unit);
	problem->unbounded_low = low_open;
	problem->unbounded_high = high_open;
	if ((!low_open && target < problem->low) || (!high_open && target > problem->high))
		return QD_INFEASIBLE;

	/* a target that is met by rounding only: as near to it as they come */
	asked = target * unit;
	if (!low_open && asked < low)
		asked = low;
	if (!high_open && asked > high)
		asked = high;

	if (method == QD_RATE_CLOSE_GAP)
	{
		rates->best = e.most;
		if (asked < sum_of_bases(env, rates))
		{
			mirror(env, rates);
			rates->best = -e.least;
			asked = -asked;
		}
	}
	status = fill(env, rates, e.count, asked);
	if (status != QD_OK)
		return status;
	return round_rates(env, rates, e.count, e.volume, target, explain, problem);
}
