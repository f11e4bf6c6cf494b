/*
 * fill.c
 *		Exact shares of a group under floors and caps (water-filling).
 *
 * A continuous quadratic knapsack without the quadratic: breakpoints low/w and
 * high/w are searched as in Kiwiel, "Breakpoint searching algorithms for the
 * continuous quadratic knapsack problem" (Math. Programming 112, 2008), with
 * rational pivots and 128-bit comparisons, so that there is nothing to round.
 */
#include "kernel/group.h"

/* what is not yet known of a member during the search */
#define OPEN_LOW	4
#define OPEN_HIGH	8

void
qd_group_equalize(const qd_env *env, qd_group *group)
{
	int32_t		i;

	group->equal = false;
	for (i = 0; i < group->size; i++)
	{
		if (group->weight[qd_row(group, i)] != 0)
			return;
		QD_POLL(env, i);
	}
	for (i = 0; i < group->size; i++)
	{
		group->weight[qd_row(group, i)] = 1;
		QD_POLL(env, i);
	}
	group->equal = group->size > 0;
}

void
qd_group_range(const qd_env *env, const qd_group *group,
			   qd_int128 *low, qd_int128 *high, bool *high_open)
{
	int32_t		i;

	*low = 0;
	*high = 0;
	*high_open = false;
	if (!group->low && !group->high)
	{
		/* qd_group_equalize leaves a positive weight wherever there is a row */
		*high_open = group->size > 0;
		return;
	}
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		row_low = qd_low(group, row);
		int64_t		row_high = group->weight[row] > 0 ? qd_high(group, row) : row_low;

		*low += row_low;
		if (row_high == QD_NO_CAP)
			*high_open = true;
		else
			*high += row_high;
		QD_POLL(env, i);
	}
}

/* sign of bound / weight - p / q */
static inline int
compare_ratio(int64_t bound, int64_t weight, int64_t p, int64_t q)
{
	qd_int128	a = (qd_int128) bound * q;
	qd_int128	b = (qd_int128) p * weight;

	return a < b ? -1 : (a > b);
}

/* sum and weight of the members whose place is settled */
typedef struct settled
{
	qd_int128	held;			/* what those at a bound hold */
	int64_t		weight;			/* of those certainly active */
} settled;

/*
 * The sign of what the group would hold at ratio p/q, minus amount.
 */
static int
compare_at(const qd_env *env, const qd_group *group, const int32_t *open, int32_t count,
		   const settled *done, qd_int128 whole, uint64_t fraction, int64_t p, int64_t q)
{
	qd_int128	held = done->held;
	int64_t		weight = done->weight;
	int32_t		i;

	for (i = 0; i < count; i++)
	{
		int32_t		row = open[i];
		uint8_t		state = group->state[row];
		int64_t		w = group->weight[row];

		if ((state & OPEN_LOW) && compare_ratio(qd_low(group, row), w, p, q) >= 0)
			held += qd_low(group, row);
		else if ((state & OPEN_HIGH) && compare_ratio(qd_high(group, row), w, p, q) <= 0)
			held += qd_high(group, row);
		else
			weight += w;
		QD_POLL(env, i);
	}
	return qd_compare_scaled((qd_int128) weight * p, whole - held, fraction, q);
}

/*
 * Settles, after a pivot p/q was seen to be below (side < 0) or at or above
 * (> 0) the ratio sought, every open member that this decides.
 */
static int32_t
settle(const qd_env *env, const qd_group *group, int32_t *open, int32_t count,
	   settled *done, int64_t p, int64_t q, int side)
{
	int32_t		kept = 0;
	int32_t		i;

	for (i = 0; i < count; i++)
	{
		int32_t		row = open[i];
		uint8_t		state = group->state[row];
		int64_t		w = group->weight[row];

		if (state & OPEN_LOW)
		{
			int			c = compare_ratio(qd_low(group, row), w, p, q);

			if (side > 0 && c >= 0)
				state = QD_AT_LOW;
			else if (side < 0 && c <= 0)
				state &= ~OPEN_LOW;
		}
		if (state & OPEN_HIGH)
		{
			int			c = compare_ratio(qd_high(group, row), w, p, q);

			if (side < 0 && c <= 0)
				state = QD_AT_HIGH;
			else if (side > 0 && c >= 0)
				state &= ~OPEN_HIGH;
		}
		group->state[row] = state;
		if (state & (OPEN_LOW | OPEN_HIGH))
			open[kept++] = row;
		else if (state == QD_AT_LOW)
			done->held += qd_low(group, row);
		else if (state == QD_AT_HIGH)
			done->held += qd_high(group, row);
		else
			done->weight += w;
		QD_POLL(env, i);
	}
	return kept;
}

/*
 * The state of every member at the ratio p/q, which is the one sought: who is
 * just at a bound is active, for it takes no bound to hold it there.
 */
static void
place(const qd_env *env, const qd_group *group, settled *done, int64_t p, int64_t q)
{
	int32_t		i;

	done->held = 0;
	done->weight = 0;
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		w = group->weight[row];
		int64_t		low = qd_low(group, row);
		int64_t		high = qd_high(group, row);

		QD_POLL(env, i);
		if (w == 0 || compare_ratio(low, w, p, q) > 0)
		{
			group->state[row] = QD_AT_LOW;
			done->held += low;
		}
		else if (high != QD_NO_CAP && compare_ratio(high, w, p, q) < 0)
		{
			group->state[row] = QD_AT_HIGH;
			done->held += high;
		}
		else
		{
			group->state[row] = QD_ACTIVE;
			done->weight += w;
		}
	}
}

void
qd_fill_wide(const qd_env *env, const qd_group *group, qd_int128 whole, uint64_t fraction,
			 qd_int128 *left, int64_t *weight)
{
	bool		bounded = group->low || group->high;
	int32_t    *open = group->scratch;
	int32_t		count = 0;
	settled		done = {0, 0};
	uint64_t	random = UINT64_C(0x9e3779b97f4a7c15);
	bool		met = false;	/* a breakpoint is the ratio sought: */
	int64_t		met_p = 0;
	int64_t		met_q = 1;
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		w = group->weight[row];

		if (w == 0)
		{
			group->state[row] = QD_AT_LOW;
			done.held += qd_low(group, row);
		}
		else if (bounded)
		{
			group->state[row] = OPEN_LOW;
			if (qd_high(group, row) != QD_NO_CAP)
				group->state[row] |= OPEN_HIGH;
			open[count++] = row;
		}
		else
		{
			group->state[row] = QD_ACTIVE;
			done.weight += w;
		}
		QD_POLL(env, i);
	}

	while (count > 0)
	{
		int32_t		row;
		int64_t		p;
		int64_t		q;
		int			side;

		/* any open breakpoint will do */
		row = open[qd_random(&random) % (uint32_t) count];
		q = group->weight[row];
		if ((group->state[row] & OPEN_LOW) &&
			(!(group->state[row] & OPEN_HIGH) || (random & 1)))
			p = qd_low(group, row);
		else
			p = qd_high(group, row);

		side = compare_at(env, group, open, count, &done, whole, fraction, p, q);
		if (side == 0)
		{
			/*
			 * So may others be, if all are at bounds between them.  The least
			 * one, for the states are not to depend on the order of the rows.
			 */
			met = true;
			met_p = p;
			met_q = q;
			side = 1;
		}
		count = settle(env, group, open, count, &done, p, q, side);
	}
	if (met)
		place(env, group, &done, met_p, met_q);

	*left = whole - done.held;
	*weight = done.weight;
}

qd_status
qd_fill(const qd_env *env, const qd_group *group, qd_fixed amount, qd_pool *pool)
{
	qd_int128	left;

	qd_fill_wide(env, group, amount.whole, amount.fraction, &left, &pool->weight);
	if (left > INT64_MAX || left < -INT64_MAX)
		return QD_OVERFLOW;
	pool->amount.whole = (int64_t) left;
	pool->amount.fraction = amount.fraction;
	return QD_OK;
}
