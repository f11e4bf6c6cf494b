/*
 * tree_bounds.c
 *		What every subtree weighs and what it can hold, from the leaves up.
 */
#include "kernel/tree.h"

qd_status
qd_complete_weights(const qd_env *env, qd_tree *tree, bool *bounded, qd_problem *problem)
{
	int32_t		at;
	qd_int128	given = 0;

	*bounded = false;
	for (at = tree->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		uint8_t		flags = tree->flags[row];
		bool		part = (flags & (QD_HAS_WEIGHT | QD_LOCKED)) != 0;

		QD_POLL(env, at);
		if (flags & (QD_HAS_FLOOR | QD_HAS_CAP | QD_LOCKED))
			*bounded = true;
		if (flags & QD_HAS_WEIGHT)
			given += tree->weight[row];
		else
			tree->weight[row] = 0;
		if (!qd_is_leaf(tree, row))
		{
			qd_int128	sum = 0;
			bool		child_part = false;
			int32_t		c;

			for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
			{
				int32_t		child = tree->child[c];

				if (tree->flags[child] & QD_TAKES_PART)
				{
					child_part = true;
					sum += tree->weight[child];
				}
				QD_POLL(env, c);
			}
			if (!(flags & QD_HAS_WEIGHT))
			{
				if (sum >= QD_MAX_WEIGHT_SUM)
					return QD_WEIGHT_OVERFLOW;
				tree->weight[row] = (int64_t) sum;
			}
			else if (tree->weight[row] == 0 && sum > 0)
			{
				problem->row = row;
				return QD_INTERIOR_ZERO;
			}
			if (!child_part && (part || (flags & (QD_HAS_FLOOR | QD_HAS_CAP))))
				*bounded = true;
			part = part || child_part || (flags & (QD_HAS_FLOOR | QD_HAS_CAP));
		}
		tree->flags[row] &= ~QD_TAKES_PART;
		if (part)
			tree->flags[row] |= QD_TAKES_PART;
	}
	/* every effective weight of siblings sums to no more than this */
	return given < QD_MAX_WEIGHT_SUM ? QD_OK : QD_WEIGHT_OVERFLOW;
}

static qd_int128
clamp64(qd_int128 x)
{
	return x > INT64_MAX ? INT64_MAX : x < -INT64_MAX ? -INT64_MAX : x;
}

void
qd_children_range(const qd_env *env, const qd_tree *tree, int32_t row,
				  const int64_t *low, const int64_t *high,
				  qd_int128 *sum_low, qd_int128 *sum_high, bool *open)
{
	bool		equal = true;
	int32_t		c;

	*sum_low = 0;
	*sum_high = 0;
	*open = false;
	for (c = tree->child_start[row]; c < tree->child_start[row + 1] && equal; c++)
	{
		int32_t		child = tree->child[c];

		if ((tree->flags[child] & (QD_TAKES_PART | QD_LOCKED)) == QD_TAKES_PART &&
			tree->weight[child] > 0)
			equal = false;
		QD_POLL(env, c);
	}
	for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
	{
		int32_t		child = tree->child[c];
		bool		stays = !equal && tree->weight[child] == 0;

		QD_POLL(env, c);
		if (!(tree->flags[child] & QD_TAKES_PART))
			continue;
		*sum_low += low[child];
		if (stays)
			*sum_high += low[child];
		else if (high[child] == QD_NO_CAP)
			*open = true;
		else
			*sum_high += high[child];
	}
}

qd_status
qd_lift_bounds(const qd_env *env, qd_tree *tree, const int64_t *floor, const int64_t *cap,
			   int64_t *low, int64_t *high, uint8_t *feasible, qd_problem *problem)
{
	int32_t		at;

	for (at = tree->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		uint8_t		flags = tree->flags[row];
		bool		mirrored = (flags & QD_NEGATIVE) != 0;
		bool		has_low = (flags & (mirrored ? QD_HAS_CAP : QD_HAS_FLOOR)) != 0;
		bool		has_high = (flags & (mirrored ? QD_HAS_FLOOR : QD_HAS_CAP)) != 0;
		int64_t		own_low = 0;
		int64_t		own_high = QD_NO_CAP;
		bool		ok = true;

		QD_POLL(env, at);
		if (has_low)
			own_low = mirrored ? -cap[row] : floor[row];
		if (has_high)
			own_high = mirrored ? -floor[row] : cap[row];
		if (flags & QD_LOCKED)
		{
			int64_t		lock = mirrored ? -tree->amount[row] : tree->amount[row];

			if ((has_low && lock < own_low) || (has_high && lock > own_high))
			{
				problem->subject = QD_ON_LOCK;
				problem->row = row;
				problem->asked = tree->amount[row];
				problem->unbounded_low = !(flags & QD_HAS_FLOOR);
				problem->low = (flags & QD_HAS_FLOOR) ? floor[row] : 0;
				problem->unbounded_high = !(flags & QD_HAS_CAP);
				problem->high = (flags & QD_HAS_CAP) ? cap[row] : 0;
				return QD_INFEASIBLE;
			}
			own_low = own_high = lock;
			has_low = has_high = true;
		}
		if (flags & QD_NO_TOTAL)
			continue;			/* nobody asks */
		if (!(flags & QD_TAKES_PART))
			own_low = own_high = 0;
		else if (qd_is_leaf(tree, row))
		{
			/* against the floor that a missing one is */
			ok = own_low <= own_high;
			if (!ok && !feasible)
			{
				problem->subject = QD_ON_BOUND;
				problem->row = row;
				problem->asked = mirrored ? -own_high : own_high;
				return QD_INFEASIBLE;
			}
		}
		else
		{
			qd_int128	sum_low;
			qd_int128	sum_high;
			bool		open;
			int32_t		c;

			qd_children_range(env, tree, row, low, high, &sum_low, &sum_high, &open);
			if ((has_high && own_high < sum_low) ||
				(has_low && !open && own_low > sum_high))
			{
				ok = false;
				if (!feasible)
				{
					bool		too_low = has_high && own_high < sum_low;
					qd_int128	asked = too_low ? own_high : own_low;

					problem->subject = QD_ON_CHILDREN;
					problem->row = row;
					problem->bound = (flags & QD_LOCKED) ? QD_LOCKED :
						too_low == mirrored ? QD_HAS_FLOOR : QD_HAS_CAP;
					problem->asked = mirrored ? -asked : asked;
					problem->low = mirrored ? -sum_high : sum_low;
					problem->high = mirrored ? -sum_low : sum_high;
					problem->unbounded_low = mirrored && open;
					problem->unbounded_high = !mirrored && open;
					return QD_INFEASIBLE;
				}
			}

			/*
			 * to allocate, a cap beyond all amounts is none; to report, it is
			 * one
			 */
			if (sum_low > INT64_MAX || sum_low < -INT64_MAX ||
				(feasible && !open && (sum_high >= QD_NO_CAP || sum_high < -INT64_MAX)))
			{
				problem->row = row;
				return QD_OVERFLOW;
			}
			/* a missing own floor is 0 only at leaves: returns may be below */
			if (!has_low || own_low < sum_low)
				own_low = (int64_t) clamp64(sum_low);
			if (!open && (!has_high || own_high > sum_high))
				own_high = (int64_t) clamp64(sum_high);
			for (c = tree->child_start[row]; feasible && ok && c < tree->child_start[row + 1]; c++)
			{
				ok = feasible[tree->child[c]] != 0;
				QD_POLL(env, c);
			}
		}
		low[row] = own_low;
		high[row] = own_high;
		if (feasible)
			feasible[row] = ok;
	}
	return QD_OK;
}

qd_status
qd_bounds_tree(const qd_env *env, qd_tree *tree, int64_t *low, int64_t *high,
			   uint8_t *feasible, qd_problem *problem)
{
	bool		bounded;
	qd_status	status = qd_complete_weights(env, tree, &bounded, problem);

	if (status != QD_OK)
		return status;
	return qd_lift_bounds(env, tree, tree->floor, tree->cap, low, high, feasible, problem);
}
