/*
 * webster.c
 *		Webster's method under floors and caps, in linear time.
 *
 * x = clamp(round(ratio * w), low, high) with one ratio.  Rounding moves the
 * sum by at most half a unit a member, so the ratio sought lies between those
 * at which the exact shares sum to total - size/2 and total + size/2; only
 * O(size) signposts (k - 1/2) / w lie between, and one rank selection among
 * them settles it.  After Reitzig & Wild, "A simple and fast linear-time
 * algorithm for divisor methods of apportionment" (Math. Programming 203,
 * 2024), with the water-filling ratio in place of total / sum(w).
 */
#include "kernel/group.h"

/* the step of a row from k - 1 to k units */
typedef struct signpost
{
	int64_t		k;
	int32_t		row;
} signpost;

/* earlier is served first: lower signpost, larger weight, window order */
static int
compare_signposts(const int64_t *weight, const signpost *a, const signpost *b)
{
	qd_int128	left = (2 * (qd_int128) a->k - 1) * weight[b->row];
	qd_int128	right = (2 * (qd_int128) b->k - 1) * weight[a->row];

	if (left != right)
		return left < right ? -1 : 1;
	if (weight[a->row] != weight[b->row])
		return weight[a->row] > weight[b->row] ? -1 : 1;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	return 0;
}

/* moves the `count` earliest signposts to the front, the last of them at
 * count - 1 and the first that is not served at count; 0 < count < n */
static void
select_signposts(const qd_env *env, const int64_t *weight, signpost *post, int64_t n, int64_t count)
{
	int64_t		want;
	uint64_t	random = UINT64_C(0xd1342543de82ef95);

	for (want = count - 1; want <= count; want++)
	{
		int64_t		lo = (want == count) ? count : 0;
		int64_t		hi = n - 1;

		while (lo < hi)
		{
			int64_t		i = lo;
			int64_t		j = hi;
			signpost	pivot = post[lo + (int64_t) (qd_random(&random) % (uint64_t) (hi - lo + 1))];

			while (i <= j)
			{
				while (compare_signposts(weight, &post[i], &pivot) < 0)
				{
					i++;
					QD_POLL(env, i);
				}
				while (compare_signposts(weight, &post[j], &pivot) > 0)
				{
					j--;
					QD_POLL(env, j);
				}
				if (i <= j)
				{
					signpost	swap = post[i];

					post[i] = post[j];
					post[j] = swap;
					i++;
					j--;
					QD_POLL(env, i);
				}
			}
			if (want <= j)
				hi = j;
			else if (want >= i)
				lo = i;
			else
				break;
		}
	}
}

/*
 * round(shared * weight / weight_sum) of a row, within its bounds; halves go up, or down
 * when half_down.  Rows at a bound keep it.
 */
static int64_t
round_share(const qd_group *group, qd_int128 shared, int64_t weight_sum, int32_t row,
			bool half_down)
{
	int64_t		low = qd_low(group, row);
	int64_t		high = qd_high(group, row);
	qd_int128	twice;
	qd_int128	x;

	if (group->state[row] == QD_AT_LOW)
		return low;
	if (group->state[row] == QD_AT_HIGH)
		return high;

	/* floor((2 p + W) / 2 W), p = shared * w, kept within 128 bits */
	x = qd_floor_div(shared * group->weight[row], weight_sum);
	twice = 2 * (shared * group->weight[row] - x * weight_sum);
	if (half_down ? twice > weight_sum : twice >= weight_sum)
		x++;
	if (x < low)
		x = low;
	if (x > high)
		x = high;
	return (int64_t) x;
}

/*
 * The rule of each row, given that `edge` is the last signpost served (or,
 * if !served, the first that was not).
 */
static void
name_rules(const qd_env *env, const qd_group *group, const int64_t *amount,
		   const qd_pool *pool, const signpost *edge, bool served, uint8_t *rule)
{
	/* the ratio that was found: p / (2 q) */
	qd_int128	p = edge ? 2 * (qd_int128) edge->k - 1 : 2 * (qd_int128) pool->amount.whole;
	int64_t		q = edge ? group->weight[edge->row] : pool->weight;
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		w = group->weight[row];

		QD_POLL(env, i);
		if (w == 0)
			rule[row] = amount[row] != 0 ? QD_RULE_FLOOR : QD_RULE_ZERO;
		else if (q == 0)		/* everybody is at a bound */
			rule[row] = group->state[row] == QD_AT_LOW ? QD_RULE_FLOOR : QD_RULE_CAP;
		else
		{
			/* would the ratio alone have given less than low, more than high? */
			qd_int128	here = p * w;
			bool		below = amount[row] == qd_low(group, row) &&
			(served ? (2 * (qd_int128) amount[row] - 1) * q > here :
			 (2 * (qd_int128) amount[row] - 1) * q >= here);
			bool		above = amount[row] == qd_high(group, row) &&
			(2 * (qd_int128) amount[row] + 1) * q < here;

			rule[row] = below ? QD_RULE_FLOOR : above ? QD_RULE_CAP :
				group->equal ? QD_RULE_EQUAL : QD_RULE_WEBSTER;
		}
	}
}

qd_status
qd_webster(const qd_env *env, const qd_group *group, int64_t total,
		   bool explain, int64_t *amount, uint8_t *rule, qd_pool *pool)
{
	qd_fixed	target = {total, 0};
	qd_int128	missing = total;
	qd_int128	low;
	qd_int128	high;
	bool		high_open;
	qd_int128	limit;
	int64_t		limit_weight;
	int64_t		posts = 0;
	int64_t		keep;
	signpost   *post;
	qd_status	status;
	int32_t		i;

	status = qd_fill(env, group, target, pool);
	if (status != QD_OK)
		return status;
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);

		amount[row] = round_share(group, pool->amount.whole, pool->weight, row, false);
		missing -= amount[row];
		QD_POLL(env, i);
	}
	if (missing == 0)
	{
		name_rules(env, group, amount, pool, NULL, true, rule);
		return QD_OK;
	}

	/* the ratio at which rounding is certain to have gone far enough */
	qd_group_range(env, group, &low, &high, &high_open);
	if (missing > 0)
	{
		limit = (qd_int128) total + group->size / 2 + 1;
		if (!high_open && limit > high)
			limit = high;
	}
	else
	{
		limit = (qd_int128) total - group->size / 2 - 1;
		if (limit < low)
			limit = low;
	}
	qd_fill_wide(env, group, limit, 0, &limit, &limit_weight);
	if (limit >> 64 != 0 && limit >> 64 != -1)
		return QD_OVERFLOW;

	/* the steps between here and there, in two passes: count, then list */
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		there = round_share(group, limit, limit_weight, row, missing < 0);

		if (group->weight[row] > 0)
			posts += missing > 0 ? there - amount[row] : amount[row] - there;
		QD_POLL(env, i);
	}
	keep = missing > 0 ? (int64_t) missing : posts + (int64_t) missing;
	if (keep < 0 || keep > posts)
		return QD_INTERNAL;
	post = env->alloc(env->arg, ((size_t) posts + 1) * sizeof(signpost));
	if (!post)
		return QD_NOMEM;
	posts = 0;
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		int64_t		there = round_share(group, limit, limit_weight, row, missing < 0);
		int64_t		from = missing > 0 ? amount[row] : there;
		int64_t		to = missing > 0 ? there : amount[row];

		QD_POLL(env, i);
		if (group->weight[row] == 0)
			continue;
		amount[row] = from;
		while (from < to)
		{
			post[posts].k = ++from;
			post[posts].row = row;
			posts++;
			QD_POLL(env, posts);
		}
	}

	if (keep > 0 && keep < posts)
		select_signposts(env, group->weight, post, posts, keep);
	for (i = 0; i < keep; i++)
	{
		amount[post[i].row]++;
		QD_POLL(env, i);
	}

	/* the pool of the total itself, which the second fill overwrote */
	status = qd_fill(env, group, target, pool);
	if (status == QD_OK)
	{
		signpost	edge;
		bool		served = keep > 0;

		/*
		 * nth_element leaves the last one served at keep - 1 only if it had
		 * something to choose
		 */
		edge = post[served ? keep - 1 : 0];
		if (!served || keep == posts)
		{
			int64_t		j;

			for (j = 0; j < (served ? keep : posts); j++)
			{
				int			c = compare_signposts(group->weight, &post[j], &edge);

				if (served ? c > 0 : c < 0)
					edge = post[j];
				QD_POLL(env, j);
			}
		}
		name_rules(env, group, amount, pool, &edge, served, rule);

		/* two peers told apart at one signpost by nothing but their place */
		if (explain && env->peers && keep > 0 && keep < posts)
		{
			signpost   *last = &post[keep - 1];
			signpost   *next = &post[keep];
			int64_t		w = group->weight[last->row];

			if (last->k == next->k && w == group->weight[next->row] &&
				env->peers(env->arg, last->row, next->row))
			{
				int64_t		j;

				for (j = 0; j < posts; j++)
				{
					int32_t		row = post[j].row;

					QD_POLL(env, j);
					if (post[j].k == last->k && group->weight[row] == w &&
						rule[row] > QD_RULE_TIE &&
						env->peers(env->arg, last->row, row))
						rule[row] = QD_RULE_TIE;
				}
			}
		}
	}
	env->release(env->arg, post);
	return status;
}
