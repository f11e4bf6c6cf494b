/*
 * tree_round.c
 *		Units to the children of one node, against their exact shares.
 */
#include "kernel/tree.h"

/*
 * Units of one more or less where fixed-point noise left the floors of the
 * shares a unit beside what the parent holds.  At most a handful of steps.
 */
static qd_status
absorb(const qd_env *env, qd_tree *tree, const qd_group *group, qd_int128 left)
{
	while (left != 0)
	{
		int			step = left > 0 ? 1 : -1;
		int32_t		best = -1;
		int32_t		i;

		for (i = 0; i < group->size; i++)
		{
			int32_t		row = qd_row(group, i);

			QD_POLL(env, i);
			if (step > 0 ? tree->amount[row] >= qd_high(group, row) :
				tree->amount[row] <= qd_low(group, row))
				continue;
			/* the nearest to its share after the step */
			if (best < 0 ||
				(step > 0 ? tree->exact_fraction[row] > tree->exact_fraction[best] :
				 tree->exact_fraction[row] < tree->exact_fraction[best]))
				best = row;
		}
		if (best < 0)
			return QD_INTERNAL;
		tree->amount[best] += step;
		left -= step;
	}
	return QD_OK;
}

qd_status
qd_round_children(const qd_env *env, qd_tree *tree, const qd_group *group, int64_t total,
				  uint64_t tolerance, bool explain)
{
	qd_int128	left = total;
	int32_t		active = 0;
	int32_t		i;

	for (i = 0; i < group->size; i++)
	{
		int32_t		row = qd_row(group, i);

		QD_POLL(env, i);
		tree->amount[row] = tree->exact[row];
		left -= tree->amount[row];
		if (group->state[row] == QD_ACTIVE)
			active++;
	}
	/* noise can leave every share a hair below its whole number */
	if (left >= active && active > 0)
		for (i = 0; i < group->size; i++)
		{
			int32_t		row = qd_row(group, i);

			QD_POLL(env, i);
			if (group->state[row] == QD_ACTIVE && tree->amount[row] < qd_high(group, row))
			{
				tree->amount[row]++;
				left--;
			}
		}
	else if (left > 0 && active > 0)
	{
		qd_cut		cut;
		int32_t		seen = 0;

		qd_select(env, group, tree->exact_fraction, (int32_t) left, tolerance, &cut);
		for (i = 0; i < group->size; i++)
		{
			int32_t		row = qd_row(group, i);

			QD_POLL(env, i);
			if (group->state[row] == QD_ACTIVE &&
				qd_cut_serves(&cut, tree->exact_fraction[row], group->weight[row], &seen))
			{
				/* noise alone can ask for a unit above a cap just reached */
				if (tree->amount[row] >= qd_high(group, row))
					continue;
				tree->amount[row]++;
				left--;
			}
		}
		if (explain)
			qd_mark_ties(env, group, tree->exact_fraction, &cut, tree->rule);
	}
	return left == 0 ? QD_OK : absorb(env, tree, group, left);
}
