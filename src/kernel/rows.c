/*
 * rows.c
 *		One partition: locks out, mirror, fill, round.
 */
#include "kernel/group.h"

const char *
qd_rule_name(qd_rule rule)
{
	static const char *const name[] = {
		NULL, "locked", "unfitted", "floor", "cap", "uplift", "equal", "zero", "tie", "webster", "share"
	};

	return name[rule];
}

/*
 * Negates a floor array into the caps of the mirrored domain or the other way
 * round; rows without the bound get what a missing one means there.
 */
static void
mirror_bounds(const qd_env *env, const qd_rows *rows, int64_t *bound, uint8_t flag, int64_t missing)
{
	int32_t		i;

	for (i = 0; i < rows->n; i++)
	{
		bound[i] = (rows->flags[i] & flag) ? -bound[i] : missing;
		QD_POLL(env, i);
	}
}

static void
complete_bounds(const qd_env *env, const qd_rows *rows, int64_t *bound, uint8_t flag, int64_t missing)
{
	int32_t		i;

	for (i = 0; i < rows->n; i++)
	{
		if (!(rows->flags[i] & flag))
			bound[i] = missing;
		QD_POLL(env, i);
	}
}

/* reports amounts of the mirrored domain in the caller's sign */
static void
report_range(qd_problem *problem, qd_int128 total, qd_int128 low, qd_int128 high,
			 bool high_open, bool mirrored)
{
	problem->asked = total;
	problem->low = mirrored ? -high : low;
	problem->high = mirrored ? -low : high;
	problem->unbounded_low = mirrored && high_open;
	problem->unbounded_high = !mirrored && high_open;
}

/*
 * Caps below floors.  The caller has compared those that were given; what is
 * left is a cap below the floor 0 that a missing one is, or its mirror image.
 */
static qd_status
check_bounds(const qd_env *env, const qd_group *group, bool mirrored, qd_problem *problem)
{
	int32_t		i;

	for (i = 0; group->high && i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);

		QD_POLL(env, i);
		if (qd_low(group, row) > group->high[row])
		{
			problem->subject = QD_ON_BOUND;
			problem->row = row;
			problem->asked = mirrored ? -group->high[row] : group->high[row];
			return QD_INFEASIBLE;
		}
	}
	return QD_OK;
}

/* largest remainder */
static qd_status
round_hamilton(const qd_env *env, const qd_group *group, const qd_pool *pool, qd_rows *rows,
			   bool explain)
{
	int64_t		whole = pool->amount.whole;
	int64_t		sum = pool->weight;
	uint64_t   *remainder;
	int64_t		left = whole;
	int32_t		active = 0;
	int32_t		seen = 0;
	qd_cut		cut;
	int32_t		i;

	remainder = env->alloc(env->arg, sizeof(uint64_t) * (size_t) rows->n);
	if (!remainder)
		return QD_NOMEM;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		w = group->weight[row];
		int64_t		amount;

		QD_POLL(env, i);
		if (group->state[row] != QD_ACTIVE)
			continue;
		active++;
		if (whole >= 0)
		{
			uint64_t	small;

			/* most products fit 64 bits, where division is much cheaper */
			if (!__builtin_mul_overflow((uint64_t) whole, (uint64_t) w, &small))
			{
				amount = (int64_t) (small / (uint64_t) sum);
				remainder[row] = small % (uint64_t) sum;
			}
			else
			{
				qd_uint128	product = (qd_uint128) (uint64_t) whole * (uint64_t) w;

				amount = (int64_t) (product / (uint64_t) sum);
				remainder[row] = (uint64_t) (product -
											 (qd_uint128) (uint64_t) amount * (uint64_t) sum);
			}
		}
		else
		{
			qd_int128	product = (qd_int128) whole * w;

			amount = (int64_t) qd_floor_div(product, sum);
			remainder[row] = (uint64_t) (product - (qd_int128) amount * sum);
		}
		rows->amount[row] = amount;
		left -= amount;
	}
	/* remainders are below the sum of weights: fewer than `active` are left */
	if (left < 0 || left > active)
	{
		env->release(env->arg, remainder);
		return QD_INTERNAL;
	}
	if (left > 0)
	{
		qd_select(env, group, remainder, (int32_t) left, 0, &cut);
		for (i = 0; i < group->size; i++)
		{
			int32_t		row = qd_row(group, i);

			/* added, not branched on: nothing could predict it */
			if (group->state[row] == QD_ACTIVE)
				rows->amount[row] += qd_cut_serves(&cut, remainder[row], group->weight[row],
												   &seen);
			QD_POLL(env, i);
		}
		if (explain)
			qd_mark_ties(env, group, remainder, &cut, rows->rule);
	}
	env->release(env->arg, remainder);
	return QD_OK;
}

static bool
is_fractional(void *arg, int32_t row)
{
	const qd_rows *rows = arg;

	return (qd_int128) rows->pool * rows->weight[row] % rows->pool_weight != 0;
}

/* every running sum is that of the exact shares, rounded, halves up */
static void
round_cumulative(const qd_env *env, const qd_group *group, const qd_pool *pool, qd_rows *rows)
{
	qd_int128	total = pool->amount.whole;
	int64_t		sum = pool->weight;
	int64_t		running = 0;
	int64_t		before = 0;
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		qd_int128	product;
		qd_int128	after;

		QD_POLL(env, i);
		if (group->state[row] != QD_ACTIVE)
			continue;
		running += group->weight[row];
		product = total * running;
		after = qd_floor_div(product, sum);
		if (2 * (product - after * sum) >= sum)
			after++;
		rows->amount[row] = (int64_t) after - before;
		before = (int64_t) after;
	}
}

/* amount and rule of what the fill decided; the active keep theirs for later */
static void
settle_pinned(const qd_env *env, const qd_group *group, qd_rows *rows)
{
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		uint8_t		state = group->state[row];

		QD_POLL(env, i);
		if (state == QD_AT_LOW)
		{
			rows->amount[row] = qd_low(group, row);
			rows->rule[row] = group->weight[row] > 0 || rows->amount[row] != 0 ?
				QD_RULE_FLOOR : QD_RULE_ZERO;
		}
		else if (state == QD_AT_HIGH)
		{
			rows->amount[row] = qd_high(group, row);
			rows->rule[row] = QD_RULE_CAP;
		}
		else
			rows->rule[row] = group->equal ? QD_RULE_EQUAL : QD_RULE_SHARE;
	}
}

/* fill and round the group of unlocked rows; scratch is in the group */
static qd_status
round_group(const qd_env *env, qd_group *group, qd_rows *rows, int64_t total,
			qd_rounding rounding, bool explain)
{
	qd_fixed	target = {total, 0};
	qd_pool		pool = {{0, 0}, 0};
	qd_status	status;

	if (rounding == QD_WEBSTER)
		status = qd_webster(env, group, total, explain, rows->amount, rows->rule, &pool);
	else
		status = qd_fill(env, group, target, &pool);
	if (status != QD_OK)
		return status;
	rows->pool = pool.amount.whole;
	rows->pool_weight = pool.weight;
	if (rounding == QD_WEBSTER)
		return QD_OK;

	settle_pinned(env, group, rows);
	if (pool.weight == 0)
		return pool.amount.whole == 0 ? QD_OK : QD_INTERNAL;
	if (rounding == QD_HAMILTON)
		return round_hamilton(env, group, &pool, rows, explain);
	round_cumulative(env, group, &pool, rows);
	if (explain)
		qd_mark_running_ties(env, group, is_fractional, rows, rows->rule);
	return QD_OK;
}

qd_status
qd_allocate_rows(const qd_env *env, qd_rows *rows, int64_t total,
				 qd_rounding rounding, bool explain, qd_problem *problem)
{
	bool		mirrored = total < 0;
	qd_group	group = {0};
	qd_int128	rest = total;
	qd_int128	low;
	qd_int128	high;
	bool		high_open;
	int32_t		part = 0;		/* unlocked rows with a weight */
	int32_t		locked = 0;
	qd_int128	weight_sum = 0;
	qd_status	status;
	int32_t    *member = NULL;
	int32_t		i;

	problem->row = -1;
	rows->pool = 0;
	rows->pool_weight = 0;
	rows->mirrored = mirrored;
	for (i = 0; i < rows->n; i++)
	{
		uint8_t		flags = rows->flags[i];

		QD_POLL(env, i);
		rows->rule[i] = QD_RULE_NONE;
		if (flags & QD_LOCKED)
		{
			if (((flags & QD_HAS_FLOOR) && rows->amount[i] < rows->floor[i]) ||
				((flags & QD_HAS_CAP) && rows->amount[i] > rows->cap[i]))
			{
				problem->subject = QD_ON_LOCK;
				problem->row = i;
				problem->asked = rows->amount[i];
				problem->unbounded_low = !(flags & QD_HAS_FLOOR);
				problem->low = (flags & QD_HAS_FLOOR) ? rows->floor[i] : 0;
				problem->unbounded_high = !(flags & QD_HAS_CAP);
				problem->high = (flags & QD_HAS_CAP) ? rows->cap[i] : 0;
				return QD_INFEASIBLE;
			}
			rows->rule[i] = QD_RULE_LOCKED;
			rest -= rows->amount[i];
			locked++;
		}
		else if (flags & QD_HAS_WEIGHT)
		{
			part++;
			weight_sum += rows->weight[i];
		}
	}
	if (part == 0 && locked == 0)
		return QD_OK;
	if (weight_sum >= QD_MAX_WEIGHT_SUM)
		return QD_WEIGHT_OVERFLOW;

	/* f(-T) = -f(T): from here on a missing floor is 0 */
	if (mirrored)
	{
		int64_t    *swap = rows->floor;

		rest = -rest;
		if (rows->floor)
			mirror_bounds(env, rows, rows->floor, QD_HAS_FLOOR, QD_NO_CAP);
		if (rows->cap)
			mirror_bounds(env, rows, rows->cap, QD_HAS_CAP, 0);
		rows->floor = rows->cap;
		rows->cap = swap;
	}
	else
	{
		if (rows->floor)
			complete_bounds(env, rows, rows->floor, QD_HAS_FLOOR, 0);
		if (rows->cap)
			complete_bounds(env, rows, rows->cap, QD_HAS_CAP, QD_NO_CAP);
	}

	group.size = part;
	group.weight = rows->weight;
	group.low = rows->floor;
	group.high = rows->cap;
	group.state = rows->state;
	if (part < rows->n)
	{
		int32_t		next = 0;

		member = env->alloc(env->arg, sizeof(int32_t) * ((size_t) part + 1));
		if (!member)
			return QD_NOMEM;
		for (i = 0; i < rows->n; i++)
		{
			if ((rows->flags[i] & (QD_HAS_WEIGHT | QD_LOCKED)) == QD_HAS_WEIGHT)
				member[next++] = i;
			QD_POLL(env, i);
		}
		group.member = member;
	}
	qd_group_equalize(env, &group);

	/* can it be done at all? */
	status = check_bounds(env, &group, mirrored, problem);
	qd_group_range(env, &group, &low, &high, &high_open);
	if (status != QD_OK)
		;						/* not by any total */
	else if (rest < low || (rest > high && !high_open))
	{
		qd_int128	held = (mirrored ? -(qd_int128) total : (qd_int128) total) - rest;

		problem->subject = QD_ON_TOTAL;
		problem->row = -1;
		report_range(problem, total, low + held, high + held, high_open, mirrored);
		status = QD_INFEASIBLE;
	}
	else if (rest > INT64_MAX || rest < -INT64_MAX)
		status = QD_OVERFLOW;
	else if (part > 0)
	{
		if (rounding != QD_CUMULATIVE)
			group.key = env->alloc(env->arg, sizeof(uint64_t) * (size_t) part);
		if (group.low || group.high)
			group.scratch = env->alloc(env->arg, sizeof(int32_t) * (size_t) part);
		if ((rounding != QD_CUMULATIVE && !group.key) ||
			((group.low || group.high) && !group.scratch))
			status = QD_NOMEM;
		else
			status = round_group(env, &group, rows, (int64_t) rest, rounding, explain);
		if (group.scratch)
			env->release(env->arg, group.scratch);
		if (group.key)
			env->release(env->arg, group.key);
	}
	if (member)
		env->release(env->arg, member);

	if (mirrored)
		for (i = 0; i < rows->n; i++)
		{
			if (rows->rule[i] > QD_RULE_LOCKED)
				rows->amount[i] = -rows->amount[i];
			/* a bound goes by the name its user knows */
			if (rows->rule[i] == QD_RULE_FLOOR)
				rows->rule[i] = QD_RULE_CAP;
			else if (rows->rule[i] == QD_RULE_CAP)
				rows->rule[i] = QD_RULE_FLOOR;
			QD_POLL(env, i);
		}
	return status;
}

void
qd_rows_exact(const qd_rows *rows, int32_t i, int64_t *whole, int64_t *millionths)
{
	uint8_t		state = rows->state[i];
	int64_t		sign = rows->mirrored ? -1 : 1;

	*millionths = 0;
	if (rows->rule[i] == QD_RULE_LOCKED)
		*whole = rows->amount[i];
	else if (state == QD_AT_LOW)
		*whole = rows->floor ? sign * rows->floor[i] : 0;
	else if (state == QD_AT_HIGH)
		*whole = sign * rows->cap[i];
	else
	{
		qd_int128	product = (qd_int128) rows->pool * rows->weight[i];
		bool		negative = product < 0;
		qd_uint128	p = negative ? -(qd_uint128) product : (qd_uint128) product;
		uint64_t	w = (uint64_t) rows->pool_weight;
		uint64_t	rest = (uint64_t) (p % w);

		/* half away from zero; may carry into the whole part */
		*whole = (int64_t) (p / w);
		*millionths = (int64_t) (((qd_uint128) rest * 2000000 + w) / (2 * (qd_uint128) w));
		if (*millionths == 1000000)
		{
			*millionths = 0;
			(*whole)++;
		}
		if (negative)
			sign = -sign;
		*whole *= sign;
		*millionths *= sign;
	}
}
