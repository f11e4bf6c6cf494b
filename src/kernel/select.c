/*
 * select.c
 *		Who gets the units that are left over: the largest remainders, then
 *		the larger weights, then the earlier rows.
 *
 * Keys are copied into a flat array and cut by quickselect with random pivots
 * (O(n) expected, whatever the input), instead of moving rows about.
 */
#include "kernel/group.h"

static uint64_t
median(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t	low = a < b ? a : b;
	uint64_t	high = a < b ? b : a;

	return c < low ? low : c > high ? high : c;
}

/*
 * The rank-th largest of key[0 .. n-1], rank from 1; reorders key.  Which side
 * of the pivot a key is on cannot be predicted, so no branch depends on it.
 */
static uint64_t
nth_largest(const qd_env *env, uint64_t *key, int32_t n, int32_t rank)
{
	int32_t		lo = 0;
	int32_t		hi = n;
	int32_t		want = rank - 1;
	uint64_t	random = UINT64_C(0x2545f4914f6cdd1d);

	while (hi - lo > 1)
	{
		uint64_t	pivot[3];
		int32_t		above = lo;
		int32_t		level;
		int32_t		i;

		for (i = 0; i < 3; i++)
		{
			pivot[i] = key[lo + (int32_t) (qd_random(&random) % (uint64_t) (hi - lo))];
		}
		pivot[0] = median(pivot[0], pivot[1], pivot[2]);

		/* the larger ones to the front */
		for (i = lo; i < hi; i++)
		{
			uint64_t	k = key[i];

			key[i] = key[above];
			key[above] = k;
			above += k > pivot[0];
			QD_POLL(env, i);
		}
		if (want < above)
		{
			hi = above;
			continue;
		}
		/* then the pivot and its like, of which there may be many */
		level = above;
		for (i = above; i < hi; i++)
		{
			uint64_t	k = key[i];

			key[i] = key[level];
			key[level] = k;
			level += k == pivot[0];
			QD_POLL(env, i);
		}
		if (want < level)
			return pivot[0];
		lo = level;
	}
	return key[lo];
}

void
qd_select(const qd_env *env, const qd_group *group, const uint64_t *remainder,
		  int32_t count, uint64_t tolerance, qd_cut *cut)
{
	uint64_t   *key = group->key;
	int32_t		above = 0;
	int32_t		ties = 0;
	int32_t		n = 0;
	int32_t		heavier = 0;
	int32_t		level = 0;
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);

		if (group->state[row] == QD_ACTIVE)
			key[n++] = remainder[row];
		QD_POLL(env, i);
	}
	cut->key = nth_largest(env, key, n, count);
	cut->tolerance = tolerance;
	cut->weight = 0;
	cut->first = 0;
	cut->split = false;

	/* among those at the cut, the larger weight decides */
	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		uint64_t	r;

		QD_POLL(env, i);
		if (group->state[row] != QD_ACTIVE)
			continue;
		r = remainder[row];
		if ((r > cut->key ? r - cut->key : cut->key - r) <= tolerance)
			key[ties++] = (uint64_t) group->weight[row];
		else
			above += r > cut->key;
	}
	if (above + ties == count)
	{
		cut->weight = -1;		/* all of them */
		return;
	}
	cut->weight = (int64_t) nth_largest(env, key, ties, count - above);
	for (i = 0; i < ties; i++)
	{
		if (key[i] > (uint64_t) cut->weight)
			heavier++;
		else if (key[i] == (uint64_t) cut->weight)
			level++;
		QD_POLL(env, i);
	}
	cut->first = count - above - heavier;
	cut->split = cut->first < level;
}

void
qd_mark_ties(const qd_env *env, const qd_group *group, const uint64_t *remainder,
			 const qd_cut *cut, uint8_t *rule)
{
	int32_t		seen = 0;
	int32_t		last = -1;		/* place of the last one served by order */
	int32_t		i;
	int			side;

	if (!cut->split || !env->peers)
		return;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);
		uint64_t	r;

		QD_POLL(env, i);
		if (group->state[row] != QD_ACTIVE || group->weight[row] != cut->weight)
			continue;
		r = remainder[row];
		if ((r > cut->key ? r - cut->key : cut->key - r) > cut->tolerance)
			continue;
		if (++seen == cut->first)
			last = i;
		else if (seen == cut->first + 1)
		{
			/* the first one not served: did only the physical order decide? */
			if (last < 0 || !env->peers(env->arg, qd_row(group, last), row))
				return;
			break;
		}
	}
	if (last < 0)
		return;

	/* peers are neighbours in window order: walk both ways while they are */
	for (side = -1; side <= 1; side += 2)
	{
		for (i = (side < 0) ? last : last + 1; i >= 0 && i < group->size; i += side)
		{
			int32_t		row = qd_row(group, i);
			uint64_t	r = remainder[row];

			QD_POLL(env, i);
			if (i != last && !env->peers(env->arg, qd_row(group, last), row))
				break;
			if (group->state[row] == QD_ACTIVE && group->weight[row] == cut->weight &&
				(r > cut->key ? r - cut->key : cut->key - r) <= cut->tolerance &&
				rule[row] > QD_RULE_TIE)
				rule[row] = QD_RULE_TIE;
		}
	}
}

void
qd_mark_running_ties(const qd_env *env, const qd_group *group,
					 bool (*fractional) (void *arg, int32_t row), void *arg,
					 uint8_t *rule)
{
	int32_t		start = 0;

	if (!env->peers)
		return;
	while (start < group->size)
	{
		int32_t		end = start;
		int32_t		uncertain = 0;
		int32_t		i;

		do
		{
			int32_t		row = qd_row(group, end);

			if (group->state[row] == QD_ACTIVE && fractional(arg, row))
				uncertain++;
			QD_POLL(env, end);
			end++;
		} while (end < group->size &&
				 env->peers(env->arg, qd_row(group, start), qd_row(group, end)));

		for (i = start; uncertain > 1 && i < end; i++)
		{
			int32_t		row = qd_row(group, i);

			if (group->state[row] == QD_ACTIVE && rule[row] > QD_RULE_TIE &&
				fractional(arg, row))
				rule[row] = QD_RULE_TIE;
			QD_POLL(env, i);
		}
		start = end;
	}
}
