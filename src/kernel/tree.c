/*
 * tree.c
 *		A target down a forest: bounds lifted from the leaves, exact shares in
 *		fixed point from the root, units settled parent by parent against them.
 */
#include "kernel/tree.h"

typedef struct walk
{
	const qd_env *env;
	qd_tree    *tree;
	qd_rounding rounding;
	bool		explain;
	qd_fixed   *start;			/* cumulative: where a node begins, by row */
	uint64_t	half;			/* fraction from which running sums round up */
	qd_group	group;
	int32_t    *member;			/* [most children] */
	uint8_t    *state;			/* [n] */
	qd_problem *problem;
} walk;

/* halves of running sums, a hair below them too: shares are not quite exact */
static int64_t
round_running(qd_fixed x, uint64_t half)
{
	return x.whole + (x.fraction >= half ? 1 : 0);
}

static bool
is_fractional(void *arg, int32_t row)
{
	const qd_tree *tree = arg;

	return tree->exact_fraction[row] != 0;
}

/* what the children of a node hold, and why; the node itself is done */
static qd_status
share_node(walk *w, int32_t row, int32_t depth)
{
	const qd_env *env = w->env;
	qd_tree    *tree = w->tree;
	qd_group   *group = &w->group;
	int64_t		sign = (tree->flags[row] & QD_NEGATIVE) ? -1 : 1;
	qd_fixed	exact = {tree->exact[row], tree->exact_fraction[row]};
	int64_t		total = tree->amount[row];
	bool		uplifted = tree->uplift && tree->uplift[row] != 0;
	qd_int128	rest;
	qd_fixed	share;
	qd_pool		pool = {{0, 0}, 0};
	qd_status	status = QD_OK;
	int32_t		c;
	int32_t		i;

	if (uplifted)
	{
		qd_int128	one = tree->uplift_one;
		qd_int128	factor = one + tree->uplift[row];
		bool		negative = total < 0;
		qd_int128	magnitude = negative ? -(qd_int128) total : total;
		qd_int128	raised;
		qd_int128	low;
		qd_int128	high;
		bool		open;

		if (__builtin_mul_overflow(2 * magnitude, factor, &raised) ||
			__builtin_add_overflow(raised, one, &raised))
		{
			w->problem->row = row;
			return QD_OVERFLOW;
		}
		raised /= 2 * one;
		if (negative)
			raised = -raised;
		if (tree->floor)
		{
			qd_children_range(env, tree, row, tree->floor, tree->cap, &low, &high, &open);
			if (raised < low)
				raised = low;
			if (!open && raised > high)
				raised = high;
		}
		if (raised > INT64_MAX || raised < -INT64_MAX)
		{
			w->problem->row = row;
			return QD_OVERFLOW;
		}
		total = (int64_t) raised;
		exact.whole = total;
		exact.fraction = 0;
	}

	/* locked children have theirs; who shares what is left? */
	group->size = 0;
	rest = 0;
	for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
	{
		int32_t		child = tree->child[c];

		QD_POLL(env, c);
		if (!(tree->flags[child] & QD_TAKES_PART))
			continue;
		if (tree->flags[child] & QD_LOCKED)
		{
			tree->amount[child] *= sign;
			tree->exact[child] = tree->amount[child];
			tree->exact_fraction[child] = 0;
			tree->rule[child] = QD_RULE_LOCKED;
			rest -= tree->amount[child];
		}
		else
			w->member[group->size++] = child;
	}
	group->equal = false;
	if (group->size > 0)
		qd_group_equalize(env, group);

	/* total and exact minus the locks */
	share.fraction = exact.fraction;
	if (exact.whole + rest > INT64_MAX || exact.whole + rest < -INT64_MAX ||
		total + rest > INT64_MAX || total + rest < -INT64_MAX)
	{
		w->problem->row = row;
		return QD_OVERFLOW;
	}
	share.whole = (int64_t) (exact.whole + rest);

	if (group->size > 0)
	{
		if (w->rounding == QD_WEBSTER)
			status = qd_webster(env, group, (int64_t) (total + rest), w->explain,
								tree->amount, tree->rule, &pool);
		if (status == QD_OK)
			status = qd_fill(env, group, share, &pool);
	}
	if (status != QD_OK)
	{
		w->problem->row = row;
		return status;
	}

	for (i = 0; i < group->size; i++)
	{
		int32_t		child = group->member[i];
		uint8_t		state = group->state[child];

		QD_POLL(env, i);
		tree->exact_fraction[child] = 0;
		if (state == QD_ACTIVE)
		{
			qd_fixed	x = qd_fixed_share(pool.amount, group->weight[child], pool.weight);

			tree->exact[child] = x.whole;
			tree->exact_fraction[child] = x.fraction;
		}
		else
			tree->exact[child] = state == QD_AT_LOW ? qd_low(group, child) :
				qd_high(group, child);

		if (w->rounding == QD_WEBSTER)
		{
			if (uplifted && tree->rule[child] > QD_RULE_UPLIFT)
				tree->rule[child] = QD_RULE_UPLIFT;
			continue;
		}
		if (state == QD_AT_LOW &&
			(group->weight[child] > 0 || tree->exact[child] != 0))
			tree->rule[child] = QD_RULE_FLOOR;
		else if (state == QD_AT_HIGH)
			tree->rule[child] = QD_RULE_CAP;
		else if (uplifted)
			tree->rule[child] = QD_RULE_UPLIFT;
		else if (group->equal)
			tree->rule[child] = QD_RULE_EQUAL;
		else
			tree->rule[child] = state == QD_AT_LOW ? QD_RULE_ZERO : QD_RULE_SHARE;
	}

	if (w->rounding == QD_CUMULATIVE)
	{
		/* borders of the children within the node's own stretch */
		qd_fixed	begin = w->start[row];
		qd_fixed	end = begin;
		qd_fixed	pinned = {0, 0};
		int64_t		running = 0;

		for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
		{
			int32_t		child = tree->child[c];
			qd_fixed	width;

			QD_POLL(env, c);
			if (!(tree->flags[child] & QD_TAKES_PART))
				continue;
			w->start[child] = end;
			if ((tree->flags[child] & QD_LOCKED) || group->state[child] != QD_ACTIVE)
				pinned.whole = (int64_t) ((uint64_t) pinned.whole +
										  (uint64_t) tree->exact[child]);
			else
				running += group->weight[child];
			end = qd_fixed_add(begin, pinned);
			if (running > 0)
				end = qd_fixed_add(end, qd_fixed_share(pool.amount, running, pool.weight));
			width = qd_fixed_sub(end, w->start[child]);
			tree->exact[child] = width.whole;
			tree->exact_fraction[child] = width.fraction;
			tree->amount[child] = (int64_t) ((uint64_t) round_running(end, w->half) -
											 (uint64_t) round_running(w->start[child], w->half));
		}
		if (w->explain && group->size > 0)
			qd_mark_running_ties(env, group, is_fractional, tree, tree->rule);
	}
	else if (w->rounding == QD_HAMILTON && group->size > 0)
		status = qd_round_children(env, tree, group, (int64_t) (total + rest),
								   (uint64_t) depth, w->explain);
	return status;
}

/* sets up each root: its sign, its total; checks it against the bounds */
static qd_status
share_roots(walk *w, const int64_t *total)
{
	qd_tree    *tree = w->tree;
	qd_fixed	nothing = {0, 0};
	int32_t		i;

	for (i = 0; i < tree->n && tree->parent[tree->order[i]] < 0; i++)
	{
		int32_t		row = tree->order[i];
		bool		mirrored = (tree->flags[row] & QD_NEGATIVE) != 0;
		qd_int128	asked;
		qd_int128	low = 0;
		qd_int128	high = 0;
		bool		open = false;

		QD_POLL(w->env, i);
		if (tree->flags[row] & QD_NO_TOTAL)
			continue;
		asked = mirrored ? -(qd_int128) total[row] : total[row];
		if (tree->floor)
		{
			low = tree->floor[row];
			high = tree->cap[row];
			open = high == QD_NO_CAP;
		}
		else if (tree->flags[row] & QD_TAKES_PART)
			open = true;
		if (asked < low || (!open && asked > high))
		{
			w->problem->subject = QD_ON_TOTAL;
			w->problem->row = row;
			w->problem->asked = total[row];
			w->problem->low = mirrored ? -high : low;
			w->problem->high = mirrored ? -low : high;
			w->problem->unbounded_low = mirrored && open;
			w->problem->unbounded_high = !mirrored && open;
			return QD_INFEASIBLE;
		}
		if (!(tree->flags[row] & QD_TAKES_PART))
			continue;			/* was asked for 0, and NULL is all it can
								 * give */
		tree->amount[row] = (int64_t) asked;
		tree->exact[row] = (int64_t) asked;
		tree->exact_fraction[row] = 0;
		tree->rule[row] = (tree->flags[row] & QD_LOCKED) ? QD_RULE_LOCKED : QD_RULE_SHARE;
		if (w->start)
			w->start[row] = nothing;
	}
	return QD_OK;
}

/* amounts and shares of mirrored trees back into their own sign */
static void
unmirror(const qd_env *env, qd_tree *tree)
{
	int32_t		i;

	for (i = 0; i < tree->n; i++)
	{
		qd_fixed	x;
		qd_fixed	zero = {0, 0};

		QD_POLL(env, i);
		if (!(tree->flags[i] & QD_NEGATIVE) || tree->rule[i] == QD_RULE_NONE)
			continue;
		tree->amount[i] = -tree->amount[i];
		x.whole = tree->exact[i];
		x.fraction = tree->exact_fraction[i];
		x = qd_fixed_sub(zero, x);
		tree->exact[i] = x.whole;
		tree->exact_fraction[i] = x.fraction;
		if (tree->rule[i] == QD_RULE_FLOOR)
			tree->rule[i] = QD_RULE_CAP;
		else if (tree->rule[i] == QD_RULE_CAP)
			tree->rule[i] = QD_RULE_FLOOR;
	}
}

static qd_status
share_forest(walk *w, const int64_t *total)
{
	qd_tree    *tree = w->tree;
	int32_t		level_end = 0;
	int32_t		depth = 0;
	qd_status	status = share_roots(w, total);
	int32_t		next = 0;		/* first row of the next level */
	int32_t		at;

	while (next < tree->n && tree->parent[tree->order[next]] < 0)
		next++;
	level_end = next;
	for (at = 0; at < tree->n && status == QD_OK; at++)
	{
		int32_t		row = tree->order[at];

		QD_POLL(w->env, at);
		if (at == level_end)
		{
			depth++;
			level_end = next;
		}
		next += tree->child_start[row + 1] - tree->child_start[row];
		if (tree->rule[row] != QD_RULE_NONE && !qd_is_leaf(tree, row))
			status = share_node(w, row, depth + 1);
	}
	return status;
}

qd_status
qd_allocate_tree(const qd_env *env, qd_tree *tree, const int64_t *total,
				 qd_rounding rounding, bool explain, qd_problem *problem)
{
	walk		w = {0};
	bool		bounded;
	bool		any_negative = false;
	int64_t    *own_floor = NULL;
	int64_t    *own_cap = NULL;
	int32_t		most = 0;
	int32_t		depth = 0;
	int32_t		level_end = 0;
	int32_t		next = 0;
	qd_status	status;
	int32_t		at;

	w.env = env;
	w.tree = tree;
	w.rounding = rounding;
	w.explain = explain;
	w.problem = problem;

	/* signs go down, levels are counted, the widest family found */
	for (at = 0; at < tree->n; at++)
	{
		int32_t		row = tree->order[at];
		int32_t		children = tree->child_start[row + 1] - tree->child_start[row];
		int32_t		parent = tree->parent[row];

		QD_POLL(env, at);
		tree->rule[row] = QD_RULE_NONE;
		if (children > most)
			most = children;
		if (parent < 0)
			next++;
		else
			tree->flags[row] |= tree->flags[parent] & (QD_NEGATIVE | QD_NO_TOTAL);
		if (parent < 0 && !(tree->flags[row] & QD_NO_TOTAL) && total[row] < 0)
		{
			tree->flags[row] |= QD_NEGATIVE;
			any_negative = true;
		}
		if (rounding == QD_CUMULATIVE && children > 0 &&
			tree->uplift && tree->uplift[row] != 0)
		{
			problem->row = row;
			return QD_CUMULATIVE_UPLIFT;
		}
	}
	level_end = next;
	for (at = 0; at < tree->n; at++)
	{
		int32_t		row = tree->order[at];

		if (at == level_end)
		{
			depth++;
			level_end = next;
		}
		next += tree->child_start[row + 1] - tree->child_start[row];
		QD_POLL(env, at);
	}
	/* a running sum is off by at most an ulp a level */
	w.half = ((uint64_t) 1 << 63) - 2 * ((uint64_t) depth + 1);

	status = qd_complete_weights(env, tree, &bounded, problem);
	if (status != QD_OK)
		return status;
	if (bounded)
	{
		if (!tree->floor)
			tree->floor = own_floor = env->alloc(env->arg, sizeof(int64_t) * (size_t) tree->n);
		if (!tree->cap)
			tree->cap = own_cap = env->alloc(env->arg, sizeof(int64_t) * (size_t) tree->n);
		if (!tree->floor || !tree->cap)
			status = QD_NOMEM;
		else
			status = qd_lift_bounds(env, tree, tree->floor, tree->cap, tree->floor, tree->cap,
									NULL, problem);
	}
	else
	{
		/* none was given; what the arrays hold is noise */
		tree->floor = NULL;
		tree->cap = NULL;
	}

	if (status == QD_OK)
	{
		w.state = env->alloc(env->arg, (size_t) tree->n + 1);
		w.member = env->alloc(env->arg, sizeof(int32_t) * ((size_t) most + 1));
		w.group.scratch = env->alloc(env->arg, sizeof(int32_t) * ((size_t) most + 1));
		w.group.key = env->alloc(env->arg, sizeof(uint64_t) * ((size_t) most + 1));
		if (rounding == QD_CUMULATIVE)
			w.start = env->alloc(env->arg, sizeof(qd_fixed) * ((size_t) tree->n + 1));
		if (!w.state || !w.member || !w.group.scratch || !w.group.key ||
			(rounding == QD_CUMULATIVE && !w.start))
			status = QD_NOMEM;
	}
	if (status == QD_OK)
	{
		w.group.member = w.member;
		w.group.weight = tree->weight;
		w.group.low = tree->floor;
		w.group.high = tree->cap;
		w.group.state = w.state;
		status = share_forest(&w, total);
	}
	if (status == QD_OK && any_negative)
		unmirror(env, tree);

	if (w.start)
		env->release(env->arg, w.start);
	if (w.group.key)
		env->release(env->arg, w.group.key);
	if (w.group.scratch)
		env->release(env->arg, w.group.scratch);
	if (w.member)
		env->release(env->arg, w.member);
	if (w.state)
		env->release(env->arg, w.state);
	if (own_cap)
	{
		env->release(env->arg, own_cap);
		tree->cap = NULL;
	}
	if (own_floor)
	{
		env->release(env->arg, own_floor);
		tree->floor = NULL;
	}
	return status;
}
