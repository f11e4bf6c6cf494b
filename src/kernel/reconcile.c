/*
 * reconcile.c
 *		The coherent values nearest to what is said top-down and bottom-up.
 *
 * Without bounds this is generalised least squares with a diagonal weight
 * matrix (MinT with a diagonal W: Wickramasuriya, Athanasopoulos and Hyndman
 * 2019), which on a tree is two passes.  Up: what the children say together, a
 * mean and a variance, is combined with what the node itself says.  Down:
 * what the parent got beyond its children's mean is shared by their variances.
 *
 * Precision: values are in fixed point of 64 bits behind the unit, and sums
 * and differences of them are exact.  Only what moves, a difference times a
 * ratio of variances, is a long double, with an error below 2^-60 of what
 * moves (where a long double has 64 bits, as on x86; 2^-110 with 113, 2^-49
 * with 53).  So a million nodes of 10^9 lose no unit in being summed.
 */
#include <math.h>
#include <float.h>

#include "kernel/reconcile.h"
#include "kernel/response.h"

/* internal flag, beside those of kernel.h and tree.h: an opinion at or below */
#define INFORMED	0x80

typedef struct fit
{
	const qd_env *env;
	const qd_reconcile *r;
	qd_tree    *tree;
	uint8_t    *state;			/* [n] */
	qd_real    *variance;		/* [n] of what is said at and below */
	int32_t    *blank;			/* [n] leaves without an opinion that can
								 * move; above 0: the variance is infinite */
	void	   *raw_variance;
	qd_real		moved;			/* the furthest any value was moved */
	int32_t		depth;
	qd_problem *problem;
} fit;

static inline qd_real
real_of(qd_int128 bits)
{
	return (qd_real) (int64_t) (bits >> 64) + (qd_real) (uint64_t) bits / TWO_64;
}

/* to the nearest 2^-64; the caller has seen that |x| < 2^63 */
static inline qd_int128
bits_of(qd_real x)
{
	int64_t		whole = (int64_t) x;	/* towards 0 */
	qd_real		rest = x - (qd_real) whole;

	if (rest < 0)
	{
		whole--;
		rest += 1;
	}
	if (rest >= 1)
		return ((qd_int128) whole + 1) << 64;
	return (qd_int128) (((qd_uint128) (uint64_t) whole << 64) | (uint64_t) (rest * TWO_64));
}

static inline qd_int128
bits_at(const qd_tree *tree, int32_t row)
{
	qd_fixed	x = {tree->exact[row], tree->exact_fraction[row]};

	return qd_fixed_bits(x);
}

static inline void
set_bits(qd_tree *tree, int32_t row, qd_int128 bits)
{
	qd_fixed	x = qd_fixed_from_bits(bits);

	tree->exact[row] = x.whole;
	tree->exact_fraction[row] = x.fraction;
}

static inline qd_int128
bits_of_units(int64_t units)
{
	return (qd_int128) ((qd_uint128) (uint64_t) units << 64);
}

static inline bool
too_large(qd_int128 bits)
{
	return bits > bits_of_units(QD_MAX_OPINION) || bits < bits_of_units(-QD_MAX_OPINION);
}

/* bits + part * ratio, which are of the same tree; false on overflow */
static inline bool
move(fit *f, qd_int128 *bits, qd_int128 part, qd_real ratio)
{
	qd_real		way = real_of(part) * ratio;

	/* also where it is not a number */
	if (!(way < TWO_62 && way > -TWO_62))
		return false;
	if (way > f->moved)
		f->moved = way;
	else if (-way > f->moved)
		f->moved = -way;
	*bits += bits_of(way);
	return !too_large(*bits);
}

void
qd_add_opinion(int64_t *value, uint64_t *fraction, double *trust,
			   int64_t more_value, uint64_t more_fraction, double more_trust)
{
	qd_fixed	a = {*value, *fraction};
	qd_fixed	b = {more_value, more_fraction};
	qd_real		sum = (qd_real) *trust + (qd_real) more_trust;

	if (!(more_trust > 0))
		return;
	if (!(*trust > 0))
		a = b;
	else
		a = qd_fixed_from_bits(qd_fixed_bits(a) +
							   bits_of(real_of(qd_fixed_bits(b) - qd_fixed_bits(a)) *
									   ((qd_real) more_trust / sum)));
	*value = a.whole;
	*fraction = a.fraction;
	*trust = sum > DBL_MAX ? DBL_MAX : (double) sum;
}

/*
 * From the leaves up: exact becomes the best value in the light of what is at
 * and below a node, variance its variance.
 */
static qd_status
look_up(fit *f)
{
	qd_tree    *tree = f->tree;
	int32_t		at;

	for (at = 0; at < tree->n; at++)
	{
		QD_POLL(f->env, at);
		tree->exact[at] = 0;
		tree->exact_fraction[at] = 0;
		f->variance[at] = 0;
		f->blank[at] = 0;
	}
	for (at = tree->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		int32_t		parent = tree->parent[row];
		uint8_t		flags = tree->flags[row];
		qd_int128	mean = bits_at(tree, row);
		qd_real		variance = f->variance[row];
		int32_t		blank = f->blank[row];
		double		trust = f->r->trust[row];
		bool		fits = true;
		qd_fixed	value;

		QD_POLL(f->env, at);
		if (flags & QD_NO_TOTAL)
			continue;
		value.whole = f->r->value[row];
		value.fraction = f->r->fraction[row];
		if ((flags & QD_LOCKED) || f->state[row] != QD_ACTIVE)
		{
			mean = bits_of_units((flags & QD_LOCKED) ? tree->amount[row] :
								 tree->cap && f->state[row] == QD_AT_HIGH ? tree->cap[row] :
								 tree->floor ? tree->floor[row] : 0);
			variance = 0;
			blank = 0;
		}
		else if (qd_is_leaf(tree, row))
		{
			if (trust > 0)
			{
				mean = qd_fixed_bits(value);
				variance = 1 / (qd_real) trust;
			}
			else
				blank = 1;
		}
		else if (trust > 0 && blank > 0)
		{
			/* what is said below does not bind the sum */
			mean = qd_fixed_bits(value);
			variance = 1 / (qd_real) trust;
			blank = 0;
		}
		else if (trust > 0 && variance > 0)
		{
			qd_real		own = 1 / (qd_real) trust;

			fits = move(f, &mean, qd_fixed_bits(value) - mean, variance / (variance + own));
			variance *= own / (variance + own);
		}
		if (!fits || too_large(mean))
		{
			f->problem->row = row;
			return QD_OVERFLOW;
		}
		set_bits(tree, row, mean);
		f->variance[row] = variance;
		f->blank[row] = blank;
		if (parent >= 0)
		{
			mean += bits_at(tree, parent);
			if (too_large(mean))
			{
				f->problem->row = parent;
				return QD_OVERFLOW;
			}
			set_bits(tree, parent, mean);
			f->variance[parent] += variance;
			f->blank[parent] += blank;
		}
	}
	return QD_OK;
}

/* and down: exact becomes the fitted value */
static qd_status
look_down(fit *f)
{
	qd_tree    *tree = f->tree;
	int32_t		at;

	for (at = 0; at < tree->n; at++)
	{
		int32_t		row = tree->order[at];
		int32_t		begin = tree->child_start[row];
		int32_t		end = tree->child_start[row + 1];
		qd_int128	rest = bits_at(tree, row);
		qd_real		variance = 0;
		int64_t		blank = 0;
		int32_t		c;

		QD_POLL(f->env, at);
		if (begin == end || (tree->flags[row] & QD_NO_TOTAL))
			continue;
		for (c = begin; c < end; c++)
		{
			int32_t		child = tree->child[c];

			QD_POLL(f->env, c);
			rest -= bits_at(tree, child);
			variance += f->variance[child];
			blank += f->blank[child];
		}
		if (rest == 0 || (variance == 0 && blank == 0))
			continue;
		for (c = begin; c < end; c++)
		{
			int32_t		child = tree->child[c];
			qd_real		share = blank > 0 ? (qd_real) f->blank[child] / (qd_real) blank :
			f->variance[child] / variance;
			qd_int128	value = bits_at(tree, child);

			QD_POLL(f->env, c);
			if (share > 0 && !move(f, &value, rest, share))
			{
				f->problem->row = child;
				return QD_OVERFLOW;
			}
			set_bits(tree, child, value);
		}
	}
	return QD_OK;
}

static inline qd_int128
low_bits(const qd_tree *tree, int32_t row)
{
	return bits_of_units(tree->floor ? tree->floor[row] : 0);
}

/* what rounding errors can be, in 2^-64 units; at most 1/256 of a unit */
static uint64_t
noise(const fit *f)
{
	qd_real		most = 8 * ((qd_real) f->depth + 2) * (1 + f->moved);

	return most < TWO_56 ? (uint64_t) most : (uint64_t) 1 << 56;
}

/* puts what rounding errors left outside back in; false: more than that */
static bool
within_bounds(fit *f, bool clamp)
{
	qd_tree    *tree = f->tree;
	qd_int128	tolerance = noise(f);
	int32_t		row;

	for (row = 0; row < tree->n; row++)
	{
		qd_int128	x = bits_at(tree, row);
		qd_int128	low;

		QD_POLL(f->env, row);
		if ((tree->flags[row] & QD_NO_TOTAL))
			continue;
		low = low_bits(tree, row);
		if (x < low)
		{
			if (!clamp && low - x > tolerance)
				return false;
			set_bits(tree, row, low);
		}
		if (tree->cap && tree->cap[row] != QD_NO_CAP)
		{
			qd_int128	high = bits_of_units(tree->cap[row]);

			if (x > high)
			{
				if (!clamp && x - high > tolerance)
					return false;
				set_bits(tree, row, high);
			}
		}
	}
	return true;
}

/* the optimum within bounds, in exact; state tells whom bounds hold */
static qd_status
solve(fit *f)
{
	qd_status	status;

	status = look_up(f);
	if (status == QD_OK)
		status = look_down(f);
	/* an optimum without bounds that keeps them is the one with them */
	if (status != QD_OK || within_bounds(f, false))
		return status;
	status = qd_find_binding(f->env, f->r, f->state);
	if (status == QD_OK)
		status = look_up(f);
	if (status == QD_OK)
		status = look_down(f);
	if (status == QD_OK)
		(void) within_bounds(f, true);
	return status;
}

/*
 * Who says something, where; QD_NO_TOTAL for trees in which nobody does.
 * Counts levels.
 */
static void
find_opinions(fit *f, bool *bounded)
{
	qd_tree    *tree = f->tree;
	int32_t		level_end = 0;
	int32_t		next = 0;		/* first row of the next level */
	int32_t		at;

	*bounded = false;
	for (at = 0; at < tree->n; at++)
	{
		QD_POLL(f->env, at);
		tree->flags[at] &= QD_HAS_FLOOR | QD_HAS_CAP | QD_LOCKED;
		if (tree->flags[at] != 0)
			*bounded = true;
		if ((tree->flags[at] & QD_LOCKED) || f->r->trust[at] > 0)
			tree->flags[at] |= INFORMED;
		tree->flags[at] |= QD_TAKES_PART;
		f->state[at] = QD_ACTIVE;
		tree->rule[at] = QD_RULE_NONE;
	}
	for (at = tree->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];

		QD_POLL(f->env, at);
		if (tree->parent[row] >= 0)
			tree->flags[tree->parent[row]] |= tree->flags[row] & INFORMED;
	}
	for (at = 0; at < tree->n; at++)
	{
		int32_t		row = tree->order[at];
		int32_t		parent = tree->parent[row];

		QD_POLL(f->env, at);
		if (parent < 0 ? !(tree->flags[row] & INFORMED) : (tree->flags[parent] & QD_NO_TOTAL) != 0)
			tree->flags[row] |= QD_NO_TOTAL;
		if (parent < 0)
			next++;
	}
	level_end = next;
	for (at = 0; at < tree->n; at++)
	{
		int32_t		row = tree->order[at];

		QD_POLL(f->env, at);
		if (at == level_end)
		{
			f->depth++;
			level_end = next;
		}
		next += tree->child_start[row + 1] - tree->child_start[row];
	}
}

/*
 * Where bounds or locks of all its children decide what a node is, they are
 * what decides it.
 */
static void
explain_rules(fit *f)
{
	qd_tree    *tree = f->tree;
	int32_t		at;

	for (at = tree->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		uint8_t		rule = (tree->flags[row] & INFORMED) ? QD_RULE_SHARE : QD_RULE_EQUAL;

		QD_POLL(f->env, at);
		if (tree->flags[row] & QD_NO_TOTAL)
			continue;
		if (tree->flags[row] & QD_LOCKED)
			rule = QD_RULE_LOCKED;
		else if (f->state[row] == QD_AT_LOW)
			rule = QD_RULE_FLOOR;
		else if (f->state[row] == QD_AT_HIGH)
			rule = QD_RULE_CAP;
		else if (!qd_is_leaf(tree, row))
		{
			bool		floors = false;
			bool		caps = false;
			bool		others = false;
			int32_t		c;

			for (c = tree->child_start[row]; c < tree->child_start[row + 1] && !others; c++)
			{
				uint8_t		of = tree->rule[tree->child[c]];

				QD_POLL(f->env, c);
				floors = floors || of == QD_RULE_FLOOR;
				caps = caps || of == QD_RULE_CAP;
				others = of != QD_RULE_FLOOR && of != QD_RULE_CAP && of != QD_RULE_LOCKED;
			}
			if (!others && !(floors && caps))
				rule = floors ? QD_RULE_FLOOR : caps ? QD_RULE_CAP : QD_RULE_LOCKED;
		}
		tree->rule[row] = rule;
	}
}

/* to the nearest unit, half away from zero */
static int64_t
nearest(qd_int128 bits)
{
	qd_int128	half = (qd_int128) 1 << 63;
	int64_t		down = (int64_t) (bits >> 64);

	if ((uint64_t) bits > (uint64_t) half || ((uint64_t) bits == (uint64_t) half && bits >= 0))
		down++;
	return down;
}

/* roots to the nearest unit, then every family to what its parent got */
static qd_status
round_all(fit *f, int64_t *weight, bool explain)
{
	qd_tree    *tree = f->tree;
	const qd_env *env = f->env;
	qd_group	group = {0};
	qd_status	status = QD_OK;
	uint64_t	tolerance = noise(f);
	int32_t		most = 0;
	int32_t		at;

	for (at = 0; at < tree->n; at++)
	{
		int32_t		children = tree->child_start[at + 1] - tree->child_start[at];

		QD_POLL(env, at);
		if (children > most)
			most = children;
		if (tree->flags[at] & QD_LOCKED)
			f->state[at] = QD_AT_LOW;
	}
	group.weight = weight;
	group.low = tree->floor;
	group.high = tree->cap;
	group.state = f->state;
	group.key = env->alloc(env->arg, sizeof(uint64_t) * ((size_t) most + 1));
	if (!group.key)
		return QD_NOMEM;
	for (at = 0; at < tree->n && status == QD_OK; at++)
	{
		int32_t		row = tree->order[at];

		QD_POLL(env, at);
		if (tree->flags[row] & QD_NO_TOTAL)
			continue;
		if (tree->parent[row] < 0)
			tree->amount[row] = nearest(bits_at(tree, row));
		if (qd_is_leaf(tree, row))
			continue;
		group.member = &tree->child[tree->child_start[row]];
		group.size = tree->child_start[row + 1] - tree->child_start[row];
		status = qd_round_children(env, tree, &group, tree->amount[row], tolerance, explain);
		if (status != QD_OK)
			f->problem->row = row;
	}
	env->release(env->arg, group.key);
	return status;
}

qd_status
qd_reconcile_tree(const qd_env *env, qd_reconcile *r, bool explain, qd_problem *problem)
{
	fit			f = {0};
	qd_tree    *tree = r->tree;
	size_t		n = (size_t) tree->n;
	bool		bounded;
	int64_t    *own_floor = NULL;
	int64_t    *own_cap = NULL;
	int64_t    *weight;
	qd_status	status = QD_OK;
	int32_t		row;

	f.env = env;
	f.r = r;
	f.tree = tree;
	f.problem = problem;
	f.state = env->alloc(env->arg, n + 1);
	f.raw_variance = env->alloc(env->arg, sizeof(qd_real) * (n + 2));
	f.blank = env->alloc(env->arg, sizeof(int32_t) * (n + 1));
	/* no node is heavier than another, for bounds as for ties */
	weight = env->alloc(env->arg, sizeof(int64_t) * (n + 1));
	if (!f.state || !f.raw_variance || !f.blank || !weight)
		status = QD_NOMEM;
	else
	{
		f.variance = qd_aligned(f.raw_variance);
		for (row = 0; row < tree->n; row++)
		{
			QD_POLL(env, row);
			weight[row] = 1;
		}
		tree->weight = weight;
		find_opinions(&f, &bounded);
		if (bounded)
		{
			if (!tree->floor)
				tree->floor = own_floor = env->alloc(env->arg, sizeof(int64_t) * (n + 1));
			if (!tree->cap)
				tree->cap = own_cap = env->alloc(env->arg, sizeof(int64_t) * (n + 1));
			if (!tree->floor || !tree->cap)
				status = QD_NOMEM;
			else
				status = qd_lift_bounds(env, tree, tree->floor, tree->cap, tree->floor,
										tree->cap, NULL, problem);
		}
		else
		{
			/* none was given; what the arrays hold is noise */
			tree->floor = NULL;
			tree->cap = NULL;
		}
	}
	if (status == QD_OK)
		status = solve(&f);
	if (status == QD_OK)
	{
		explain_rules(&f);
		status = round_all(&f, weight, explain);
	}
	tree->weight = NULL;

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
	if (weight)
		env->release(env->arg, weight);
	if (f.blank)
		env->release(env->arg, f.blank);
	if (f.raw_variance)
		env->release(env->arg, f.raw_variance);
	if (f.state)
		env->release(env->arg, f.state);
	return status;
}
