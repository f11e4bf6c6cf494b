/*
 * support_tree.c
 *		The promises of a tree, checked family by family.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "kernel/group.h"

typedef __float128 wide;

#define ONE		((qd_int128) 1 << 64)
#define UNIT	((wide) 18446744073709551616.0)	/* 2^64: fixed point's one */

/* what the checker works out by itself */
typedef struct node
{
	bool		part;			/* takes part */
	bool		leaf;
	bool		mirrored;
	bool		idle;			/* below a root without a total: nobody asks */
	bool		clash;			/* own bounds or the children's contradict */
	bool		feasible;		/* it and all below */
	int32_t		depth;
	qd_int128	weight;			/* effective */
	qd_int128	low;			/* lifted, in the mirrored domain */
	qd_int128	high;
	bool		open;
} node;

typedef struct world
{
	const forest *f;
	node	   *node;
	int32_t    *order;			/* parents first */
	int32_t    *start;			/* children by parent, in window order */
	int32_t    *child;
	bool		cycle;
	bool		interior_zero;
	bool		weight_overflow;
	bool		uplifted;		/* somewhere above a child */
	bool		lock_clash;
	bool		clash;
	bool		may_overflow;
} world;

static qd_int128
magnitude(qd_int128 x)
{
	return x < 0 ? -x : x;
}

static void
world_free(world *w)
{
	free(w->node);
	free(w->order);
	free(w->start);
	free(w->child);
}

/* what the children can hold together */
static void
children_hold(const world *w, int32_t row, qd_int128 *low, qd_int128 *high, bool *open)
{
	bool		equal = true;
	int32_t		c;

	*low = *high = 0;
	*open = false;
	for (c = w->start[row]; c < w->start[row + 1]; c++)
	{
		int32_t		k = w->child[c];

		if (w->node[k].part && !(w->f->flags[k] & QD_LOCKED) && w->node[k].weight > 0)
			equal = false;
	}
	for (c = w->start[row]; c < w->start[row + 1]; c++)
	{
		const node *k = &w->node[w->child[c]];

		if (!k->part)
			continue;
		*low += k->low;
		if (!equal && k->weight == 0)
			*high += k->low;
		else if (k->open)
			*open = true;
		else
			*high += k->high;
	}
}

/* mirror: whether negative roots turn their bounds round (bounds_tree: never) */
static void
build_world(world *w, const forest *f, bool mirror)
{
	int32_t		n = f->n;
	int32_t		placed = 0;
	int32_t		i;
	int32_t		at;
	qd_int128	given = 0;
	qd_int128	size = 0;

	memset(w, 0, sizeof(*w));
	w->f = f;
	w->node = test_zeroed((size_t) n, sizeof(node));
	w->order = test_zeroed((size_t) n, sizeof(int32_t));
	w->start = test_zeroed((size_t) n + 1, sizeof(int32_t));
	w->child = test_zeroed((size_t) n, sizeof(int32_t));

	for (i = 0; i < n; i++)
		if (f->parent[i] >= 0)
			w->start[f->parent[i] + 1]++;
	for (i = 0; i < n; i++)
		w->start[i + 1] += w->start[i];
	{
		int32_t    *next = test_zeroed((size_t) n + 1, sizeof(int32_t));

		memcpy(next, w->start, ((size_t) n + 1) * sizeof(int32_t));
		for (i = 0; i < n; i++)
			if (f->parent[i] >= 0)
				w->child[next[f->parent[i]]++] = i;
		free(next);
	}
	/* depth first, with a stack of one's own */
	{
		int32_t    *stack = test_zeroed((size_t) n, sizeof(int32_t));
		int32_t		top = 0;

		for (i = n - 1; i >= 0; i--)
			if (f->parent[i] < 0)
				stack[top++] = i;
		while (top > 0)
		{
			int32_t		row = stack[--top];
			int32_t		c;

			w->order[placed++] = row;
			w->node[row].depth = f->parent[row] < 0 ? 0 : w->node[f->parent[row]].depth + 1;
			for (c = w->start[row + 1] - 1; c >= w->start[row]; c--)
				stack[top++] = w->child[c];
		}
		free(stack);
	}
	if (placed < n)
	{
		w->cycle = true;
		return;
	}

	for (at = 0; at < n; at++)
	{
		int32_t		row = w->order[at];
		int32_t		parent = f->parent[row];

		w->node[row].leaf = w->start[row] == w->start[row + 1];
		if (parent < 0 ? mirror && (f->flags[row] & QD_NO_TOTAL) : w->node[parent].idle)
			w->node[row].idle = true;
		if (parent < 0)
			w->node[row].mirrored = mirror && !(f->flags[row] & QD_NO_TOTAL) && f->total[row] < 0;
		else
			w->node[row].mirrored = w->node[parent].mirrored;
		if (f->uplift && f->uplift[row] != 0 && !w->node[row].leaf)
			w->uplifted = true;
		if (parent < 0 && !(f->flags[row] & QD_NO_TOTAL))
			size += magnitude(f->total[row]);
	}
	for (at = n - 1; at >= 0; at--)
	{
		int32_t		row = w->order[at];
		node	   *me = &w->node[row];
		uint8_t		flags = f->flags[row];
		qd_int128	sum = 0;
		qd_int128	low = 0;
		qd_int128	high = 0;
		bool		open = true;
		bool		own_low = (flags & (me->mirrored ? QD_HAS_CAP : QD_HAS_FLOOR)) != 0;
		bool		own_high = (flags & (me->mirrored ? QD_HAS_FLOOR : QD_HAS_CAP)) != 0;
		qd_int128	bound_low = me->mirrored ? -(qd_int128) f->cap[row] : f->floor[row];
		qd_int128	bound_high = me->mirrored ? -(qd_int128) f->floor[row] : f->cap[row];
		int32_t		c;

		me->part = (flags & (QD_HAS_WEIGHT | QD_LOCKED)) != 0;
		me->feasible = true;
		for (c = w->start[row]; c < w->start[row + 1]; c++)
			if (w->node[w->child[c]].part)
			{
				me->part = true;
				sum += w->node[w->child[c]].weight;
				me->feasible = me->feasible && w->node[w->child[c]].feasible;
			}
		if (!me->leaf && (flags & (QD_HAS_FLOOR | QD_HAS_CAP)))
			me->part = true;
		if (flags & QD_HAS_WEIGHT)
		{
			me->weight = f->weight[row];
			given += me->weight;
			if (me->weight == 0 && sum > 0)
				w->interior_zero = true;
		}
		else
		{
			me->weight = sum;
			if (sum >= QD_MAX_WEIGHT_SUM)
				w->weight_overflow = true;
		}
		if (!me->part)
			continue;
		if (flags & QD_LOCKED)
		{
			qd_int128	lock = me->mirrored ? -(qd_int128) f->lock[row] : f->lock[row];

			if ((own_low && lock < bound_low) || (own_high && lock > bound_high))
				w->lock_clash = w->lock_clash || !me->idle;
			bound_low = bound_high = lock;
			own_low = own_high = true;
		}
		if (!me->leaf)
			children_hold(w, row, &low, &high, &open);
		if ((own_high && bound_high < low) || (own_low && !open && bound_low > high))
			me->clash = true;
		me->low = low;
		if (own_low && (me->leaf || bound_low > low))
			me->low = bound_low;
		me->high = high;
		me->open = open;
		if (own_high && (open || bound_high < high))
		{
			me->high = bound_high;
			me->open = false;
		}
		if (me->clash && !me->idle)
			w->clash = true;
		me->feasible = me->feasible && !me->clash;
		size += magnitude(me->low) + (me->open ? 0 : magnitude(me->high));
	}
	if (given >= QD_MAX_WEIGHT_SUM)
		w->weight_overflow = true;
	for (i = 0; f->uplift && i < n && size <= INT64_MAX; i++)
		size += (size >> 2) + magnitude(f->uplift[i]) / 1000;
	w->may_overflow = size + n > INT64_MAX;
}

/* a problem that names some node and a range it clashes with */
static bool
check_clash(const world *w, const qd_problem *is, verdict *v)
{
	const forest *f = w->f;
	const node *me;
	qd_int128	low;
	qd_int128	high;
	bool		open;
	uint8_t		flags;

	if (is->row < 0 || is->row >= f->n)
		return test_broken(v, "infeasible: names row %d", is->row);
	me = &w->node[is->row];
	flags = f->flags[is->row];
	if (is->subject == QD_ON_LOCK)
	{
		if (!(flags & QD_LOCKED) || is->asked != f->lock[is->row] ||
			!(((flags & QD_HAS_FLOOR) && f->lock[is->row] < f->floor[is->row]) ||
			  ((flags & QD_HAS_CAP) && f->lock[is->row] > f->cap[is->row])))
			return test_broken(v, "infeasible: row %d's lock is fine", is->row);
		return true;
	}
	if (is->subject == QD_ON_TOTAL)
	{
		low = me->low;
		high = me->high;
		open = me->part && me->open;
		if (f->parent[is->row] >= 0 || is->asked != f->total[is->row])
			return test_broken(v, "infeasible: row %d is no such root", is->row);
	}
	else
	{
		if (!me->clash)
			return test_broken(v, "infeasible: row %d and its children do not clash", is->row);
		children_hold(w, is->row, &low, &high, &open);
	}
	/* lifted bounds saturate at the ends of 64 bits */
	if (magnitude(low) >= INT64_MAX || (!open && magnitude(high) >= INT64_MAX))
		return true;
	if (is->unbounded_high != (open && !me->mirrored) ||
		is->unbounded_low != (open && me->mirrored) ||
		(!is->unbounded_low && is->low != (me->mirrored ? -high : low)) ||
		(!is->unbounded_high && is->high != (me->mirrored ? -low : high)))
		return test_broken(v, "infeasible: row %d reports the range %s .. %s", is->row,
					  int128_text(is->low), int128_text(is->high));
	if (!(is->unbounded_low || is->asked >= is->low) ||
		!(is->unbounded_high || is->asked <= is->high))
		return true;
	return test_broken(v, "infeasible: row %d asks for what can be had", is->row);
}

typedef struct kid
{
	int32_t		row;
	int64_t		weight;
	qd_int128	low;
	qd_int128	high;
	bool		open;
	qd_int128	amount;			/* all in the mirrored domain */
	wide		exact;			/* in 2^-64 units */
	qd_int128	over;			/* exact minus amount, in 2^-64 units, to the bit */
} kid;

static wide
fixed_wide(const qd_tree *t, int32_t row)
{
	return (wide) t->exact[row] * UNIT + (wide) t->exact_fraction[row];
}

static qd_uint128
fixed_bits(const qd_tree *t, int32_t row)
{
	return ((qd_uint128) (uint64_t) t->exact[row] << 64) | t->exact_fraction[row];
}

static wide
absolute(wide x)
{
	return x < 0 ? -x : x;
}

/* one family: sums, bounds, shares of one ratio, and the rounding's own rule */
static bool
check_family(const world *w, const forest_outcome *o, int32_t row, verdict *v)
{
	const forest *f = w->f;
	const qd_tree *t = &o->tree;
	const node *me = &w->node[row];
	int			sign = me->mirrored ? -1 : 1;
	qd_int128	total = sign * (qd_int128) t->amount[row];
	qd_int128	sum = 0;
	qd_uint128	shares = 0;		/* minus those of the kids, modulo 2^128 */
	bool		equal = true;
	bool		fine = true;
	int32_t		size = 0;
	int32_t		kids = w->start[row + 1] - w->start[row];
	kid		   *m = test_zeroed((size_t) kids, sizeof(kid));
	const kid  *between = NULL; /* of those at no bound, the heaviest */
	wide		noise = 4 + 4 * (wide) (me->depth + 1) + kids;	/* in 2^-64 */
	int32_t		c;
	int32_t		i;

	shares = sign * fixed_bits(t, row);
	if (f->uplift && f->uplift[row] != 0)
	{
		qd_int128	factor = UPLIFT_ONE + (qd_int128) f->uplift[row];
		qd_int128	raised = magnitude(total) * factor;
		qd_int128	low;
		qd_int128	high;
		bool		open;

		raised = (2 * raised + UPLIFT_ONE) / (2 * UPLIFT_ONE);
		if (total < 0)
			raised = -raised;
		children_hold(w, row, &low, &high, &open);
		if (raised < low)
			raised = low;
		if (!open && raised > high)
			raised = high;
		total = raised;
		shares = (qd_uint128) (uint64_t) total << 64;
	}

	for (c = w->start[row]; c < w->start[row + 1] && fine; c++)
	{
		int32_t		k = w->child[c];
		const node *child = &w->node[k];
		qd_int128	amount = sign * (qd_int128) t->amount[k];

		if (!child->part)
		{
			if (t->rule[k] != QD_RULE_NONE)
				fine = test_broken(v, "row %d takes no part and has a rule", k);
			continue;
		}
		sum += amount;
		shares -= sign * fixed_bits(t, k);
		if (amount < child->low || (!child->open && amount > child->high))
			fine = test_broken(v, "row %d has %lld, outside its bounds", k, (long long) t->amount[k]);
		if (f->flags[k] & QD_LOCKED)
		{
			if (t->rule[k] != QD_RULE_LOCKED || t->amount[k] != f->lock[k] ||
				t->exact[k] != f->lock[k] || t->exact_fraction[k] != 0)
				fine = test_broken(v, "row %d lost its lock", k);
			continue;
		}
		m[size].row = k;
		m[size].weight = (int64_t) child->weight;
		m[size].low = child->low;
		m[size].high = child->high;
		m[size].open = child->open;
		m[size].amount = amount;
		m[size].exact = sign * fixed_wide(t, k);
		m[size].over = (qd_int128) (sign * (fixed_bits(t, k) -
											((qd_uint128) (uint64_t) t->amount[k] << 64)));
		if (child->weight > 0)
			equal = false;
		size++;
	}
	if (fine && sum != total)
		fine = test_broken(v, "the children of row %d sum to %s instead of %s", row,
					  int128_text(sum), int128_text(total));
	if (fine && magnitude((qd_int128) shares) > noise)
		fine = test_broken(v, "the exact shares of row %d's children are off by %g units", row,
					  (double) ((wide) (qd_int128) shares / UNIT));

	/* one ratio */
	for (i = 0; i < size; i++)
	{
		if (equal)
			m[i].weight = 1;
		if (m[i].weight > 0 && m[i].exact > (wide) m[i].low * UNIT + noise &&
			(m[i].open || m[i].exact < (wide) m[i].high * UNIT - noise) &&
			(!between || m[i].weight > between->weight))
			between = &m[i];
	}
	for (i = 0; i < size && fine; i++)
	{
		wide		low = (wide) m[i].low * UNIT;
		wide		high = (wide) m[i].high * UNIT;
		wide		should;
		wide		slack;

		if (m[i].exact < low - noise || (!m[i].open && m[i].exact > high + noise))
			fine = test_broken(v, "row %d: its exact share is outside its bounds", m[i].row);
		if (m[i].weight == 0)
		{
			if (m[i].exact != low)
				fine = test_broken(v, "row %d of weight 0 has an exact share", m[i].row);
			continue;
		}
		if (!between)
			continue;
		should = between->exact * m[i].weight / between->weight;
		slack = noise * (1 + (wide) m[i].weight / between->weight) + absolute(should) * 1e-30Q;
		if (should < low)
			should = low;
		if (!m[i].open && should > high)
			should = high;
		if (absolute(m[i].exact - should) > slack)
			fine = test_broken(v, "row %d: exact share %.20g instead of %.20g", m[i].row,
						  (double) (m[i].exact / UNIT), (double) (should / UNIT));
	}
	if (!between && fine)
	{
		/* everybody at a bound: caps reached at a lower ratio than floors left */
		for (i = 0; i < size && fine; i++)
		{
			int32_t		j;

			if (m[i].weight == 0 || m[i].exact <= (wide) m[i].low * UNIT + noise)
				continue;
			for (j = 0; j < size && fine && size < 200; j++)
				if (m[j].weight > 0 && (m[j].open || m[j].exact < (wide) m[j].high * UNIT - noise) &&
					m[i].exact * m[j].weight > m[j].exact * m[i].weight +
					noise * ((wide) m[i].weight + m[j].weight) + absolute(m[j].exact) * m[i].weight * 1e-30Q)
					fine = test_broken(v, "rows %d and %d: no one ratio", m[i].row, m[j].row);
		}
	}

	if (fine && f->rounding != QD_WEBSTER)
		for (i = 0; i < size && fine; i++)
			if (magnitude(m[i].over) > ONE + (qd_int128) noise)
				fine = test_broken(v, "row %d has %lld, more than a unit from its share", m[i].row,
							  (long long) t->amount[m[i].row]);
	if (fine && f->rounding == QD_HAMILTON)
	{
		/* nobody unserved with clearly more of a unit than somebody served */
		const kid  *last = NULL;
		const kid  *next = NULL;
		qd_int128	last_r = 0;
		qd_int128	next_r = 0;

		for (i = 0; i < size; i++)
		{
			qd_int128	r = m[i].over;

			if (m[i].weight == 0)
				continue;
			if (r < -(qd_int128) noise)
			{
				if (m[i].amount > m[i].low && (!last || r + ONE < last_r))
				{
					last = &m[i];
					last_r = r + ONE;
				}
			}
			else if ((m[i].open || m[i].amount < m[i].high) && (!next || r > next_r))
			{
				next = &m[i];
				next_r = r;
			}
		}
		if (last && next && next_r > last_r + 2 * (qd_int128) noise)
			fine = test_broken(v, "hamilton: row %d was served before row %d", last->row, next->row);
	}
	if (fine && f->rounding == QD_WEBSTER)
	{
		/* signposts: the last served is not beyond the first that was not */
		const kid  *last = NULL;
		const kid  *next = NULL;

		for (i = 0; i < size; i++)
		{
			if (m[i].weight == 0)
				continue;
			if (m[i].amount > m[i].low &&
				(!last || (2 * m[i].amount - 1) * last->weight > (2 * last->amount - 1) * m[i].weight))
				last = &m[i];
			if ((m[i].open || m[i].amount < m[i].high) &&
				(!next || (2 * m[i].amount + 1) * next->weight < (2 * next->amount + 1) * m[i].weight))
				next = &m[i];
		}
		if (last && next &&
			(2 * last->amount - 1) * next->weight > (2 * next->amount + 1) * last->weight)
			fine = test_broken(v, "webster: row %d was served before row %d", last->row, next->row);
	}
	free(m);
	return fine;
}

/* running sums over the leaves, depth first in window order */
static bool
check_running(const world *w, const forest_outcome *o, verdict *v)
{
	const forest *f = w->f;
	qd_uint128	over = 0;		/* exact minus amounts so far, in 2^-64 units */
	qd_int128	noise = 16 + 8 * (qd_int128) f->n;
	int32_t		at;

	for (at = 0; at < f->n; at++)
	{
		int32_t		row = w->order[at];

		if (f->parent[row] < 0)
			over = 0;
		if (o->tree.rule[row] == QD_RULE_NONE || !w->node[row].leaf)
			continue;
		over += fixed_bits(&o->tree, row) - ((qd_uint128) (uint64_t) o->tree.amount[row] << 64);
		if (magnitude((qd_int128) over) > ONE / 2 + noise)
			return test_broken(v, "cumulative: the running sum at row %d is off by %g", row,
						  (double) ((wide) (qd_int128) over / UNIT));
	}
	return true;
}

static bool
check_tree_result(const world *w, const forest_outcome *o, verdict *v)
{
	const forest *f = w->f;
	int32_t		at;

	for (at = 0; at < f->n; at++)
	{
		int32_t		row = w->order[at];
		int32_t		parent = f->parent[row];
		const node *me = &w->node[row];

		if (parent < 0 && (f->flags[row] & QD_NO_TOTAL))
		{
			if (o->tree.rule[row] != QD_RULE_NONE)
				return test_broken(v, "root %d without a total has a rule", row);
			continue;
		}
		if (parent < 0 && !me->part)
		{
			/* asked for 0 by nobody: NULL is all it can give */
			if (f->total[row] != 0 || o->tree.rule[row] != QD_RULE_NONE)
				return test_broken(v, "root %d takes no part", row);
			continue;
		}
		if (parent < 0)
		{
			qd_int128	asked = me->mirrored ? -(qd_int128) f->total[row] : f->total[row];

			if (o->tree.amount[row] != f->total[row])
				return test_broken(v, "root %d does not hold its total", row);
			if (asked < me->low || (!(me->part && me->open) && asked > me->high))
				return test_broken(v, "root %d holds what it cannot hold", row);
		}
		else if (o->tree.rule[parent] == QD_RULE_NONE)
		{
			if (o->tree.rule[row] != QD_RULE_NONE)
				return test_broken(v, "row %d has a rule below a row that has none", row);
			continue;
		}
		else if (!me->part)
			continue;
		else if (o->tree.rule[row] == QD_RULE_NONE)
			return test_broken(v, "row %d has no rule", row);
		if (!me->leaf && !check_family(w, o, row, v))
			return false;
	}
	return f->rounding != QD_CUMULATIVE || check_running(w, o, v);
}

/* rows in another order; siblings stay in theirs: nothing at all may change */
static bool
check_rows_moved(const forest *f, const forest_outcome *o, source *s, verdict *v)
{
	int32_t		n = f->n;
	forest	   *g = forest_new(n);
	int32_t    *place = test_zeroed((size_t) n, sizeof(int32_t));
	int32_t    *row_at = test_zeroed((size_t) n, sizeof(int32_t));
	int32_t    *next = test_zeroed((size_t) n + 1, sizeof(int32_t));
	forest_outcome *other;
	source		shuffle = {NULL, 0, s->state ^ (uint64_t) n};
	world		w;
	bool		fine;
	int32_t		root = 0;
	int32_t		i;

	if (f->uplift)
		g->uplift = test_zeroed((size_t) n, sizeof(int64_t));
	g->rounding = f->rounding;
	for (i = 0; i < n; i++)
	{
		int32_t		j = (int32_t) draw(&shuffle, (uint64_t) i + 1);

		row_at[i] = row_at[j];
		row_at[j] = i;
	}
	/* of the places a family got, the first goes to its first child and so on */
	build_world(&w, f, true);
	memcpy(next, w.start, (size_t) n * sizeof(int32_t));
	for (i = 0; i < n; i++)
	{
		int32_t		parent = f->parent[row_at[i]];

		if (parent < 0)
		{
			while (f->parent[root] >= 0)
				root++;
			place[root++] = i;
		}
		else
			place[w.child[next[parent]++]] = i;
	}
	world_free(&w);
	for (i = 0; i < n; i++)
	{
		int32_t		p = place[i];

		g->parent[p] = f->parent[i] < 0 ? -1 : place[f->parent[i]];
		g->flags[p] = f->flags[i];
		g->weight[p] = f->weight[i];
		g->floor[p] = f->floor[i];
		g->cap[p] = f->cap[i];
		g->lock[p] = f->lock[i];
		g->total[p] = f->total[i];
		if (f->uplift)
			g->uplift[p] = f->uplift[i];
	}
	other = run_forest(g, NULL, true);
	/* which of several mistakes is found first may differ */
	fine = (other->status == QD_OK) == (o->status == QD_OK);
	if (!fine)
		test_broken(v, "rows in another order: status %d instead of %d", (int) other->status,
			   (int) o->status);
	for (i = 0; i < n && fine && o->status == QD_OK; i++)
	{
		int32_t		p = place[i];

		if (o->tree.rule[i] != other->tree.rule[p] ||
			(o->tree.rule[i] != QD_RULE_NONE &&
			 (o->tree.amount[i] != other->tree.amount[p] ||
			  o->tree.exact[i] != other->tree.exact[p] ||
			  o->tree.exact_fraction[i] != other->tree.exact_fraction[p])))
			fine = test_broken(v, "rows in another order: row %d gets %lld instead of %lld", i,
						  (long long) other->tree.amount[p], (long long) o->tree.amount[i]);
	}
	forest_outcome_free(other);
	free(place);
	free(row_at);
	free(next);
	forest_free(g);
	return fine;
}

static bool
check_forest_mirror(const forest *f, const forest_outcome *o, verdict *v)
{
	forest	   *g = forest_new(f->n);
	forest_outcome *other;
	bool		fine = true;
	int32_t		i;

	g->rounding = f->rounding;
	if (f->uplift)
	{
		g->uplift = test_zeroed((size_t) f->n, sizeof(int64_t));
		memcpy(g->uplift, f->uplift, (size_t) f->n * sizeof(int64_t));
	}
	for (i = 0; i < f->n; i++)
	{
		g->parent[i] = f->parent[i];
		g->flags[i] = f->flags[i] & (uint8_t) ~(QD_HAS_FLOOR | QD_HAS_CAP);
		if (f->flags[i] & QD_HAS_FLOOR)
			g->flags[i] |= QD_HAS_CAP;
		if (f->flags[i] & QD_HAS_CAP)
			g->flags[i] |= QD_HAS_FLOOR;
		g->weight[i] = f->weight[i];
		g->floor[i] = -f->cap[i];
		g->cap[i] = -f->floor[i];
		g->lock[i] = -f->lock[i];
		g->total[i] = -f->total[i];
	}
	other = run_forest(g, NULL, true);
	if ((other->status == QD_OK) != (o->status == QD_OK))
		fine = test_broken(v, "mirrored: status %d instead of %d", (int) other->status, (int) o->status);
	for (i = 0; i < f->n && fine && o->status == QD_OK; i++)
		if ((o->tree.rule[i] == QD_RULE_NONE) != (other->tree.rule[i] == QD_RULE_NONE) ||
			(o->tree.rule[i] != QD_RULE_NONE && o->tree.amount[i] != -other->tree.amount[i]))
			fine = test_broken(v, "mirrored: row %d gets %lld and %lld", i,
						  (long long) o->tree.amount[i], (long long) other->tree.amount[i]);
	forest_outcome_free(other);
	forest_free(g);
	return fine;
}

/* qd_bounds_tree against the checker's own lifting */
static bool
check_bounds(const forest *f, verdict *v)
{
	world		w;
	forest_outcome *o = run_forest(f, NULL, false);
	size_t		n = (size_t) f->n;
	int64_t    *low = test_zeroed(n, sizeof(int64_t));
	int64_t    *high = test_zeroed(n, sizeof(int64_t));
	uint8_t    *feasible = test_zeroed(n, 1);
	qd_tree		t = o->tree;
	test_env	env;
	qd_status	status;
	qd_problem	problem;
	bool		fine = true;
	int32_t		i;

	build_world(&w, f, false);
	test_env_init(&env);
	for (i = 0; i < f->n; i++)
		if (f->parent[i] < 0 && f->total[i] < 0)
			fine = false;		/* its caps have no floors below them */
	if (fine && !w.cycle && !w.interior_zero && !w.weight_overflow && !w.lock_clash)
	{
		/* what allocate_tree wrote back is put in order again */
		for (i = 0; i < f->n; i++)
			t.flags[i] = f->flags[i] & (uint8_t) ~QD_NO_TOTAL;
		memcpy(t.weight, f->weight, n * sizeof(int64_t));
		memcpy(t.amount, f->lock, n * sizeof(int64_t));
		t.floor = f->floor;
		t.cap = f->cap;
		status = qd_bounds_tree(&env.env, &t, low, high, feasible, &problem);
		if (status == QD_OVERFLOW)
		{
			/* only what is really too large for 64 bits */
			qd_int128	least;
			qd_int128	most;
			bool		open;

			children_hold(&w, problem.row, &least, &most, &open);
			if (magnitude(least) < INT64_MAX && (open || magnitude(most) < INT64_MAX))
				fine = test_broken(v, "bounds: overflow at row %d, which holds %s .. %s", problem.row,
							  int128_text(least), open ? "open" : int128_text(most));
		}
		else if (status != QD_OK)
			fine = test_broken(v, "bounds: status %d", (int) status);
		for (i = 0; i < f->n && fine && status == QD_OK; i++)
		{
			const node *me = &w.node[i];
			bool		big = magnitude(me->low) > INT64_MAX / 2 ||
				(!me->open && magnitude(me->high) > INT64_MAX / 2);

			if (feasible[i] != me->feasible)
				fine = test_broken(v, "bounds: row %d feasible %d", i, feasible[i]);
			else if (me->feasible && !big &&
					 (low[i] != me->low || high[i] != (me->part && me->open ? QD_NO_CAP : me->high)))
				fine = test_broken(v, "bounds: row %d holds %lld .. %lld instead of %s .. %s", i,
							  (long long) low[i], (long long) high[i],
							  int128_text(me->low), me->open ? "open" : int128_text(me->high));
		}
	}
	else
		fine = true;
	world_free(&w);
	free(low);
	free(high);
	free(feasible);
	forest_outcome_free(o);
	return fine;
}

bool
check_forest(const forest *f, source *s, verdict *v)
{
	forest_outcome *o = run_forest(f, NULL, true);
	world		w;
	bool		fine = true;
	bool		root_clash = false;
	bool		all_negated = true;
	int32_t		i;

	v->message[0] = '\0';
	seen_rows += f->n;
	build_world(&w, f, true);
	for (i = 0; i < f->n && !w.cycle; i++)
	{
		const node *me = &w.node[i];

		if (f->parent[i] >= 0)
			continue;
		if (f->total[i] == 0)
			all_negated = false;
		if (f->flags[i] & QD_NO_TOTAL)
			all_negated = false;
		else
		{
			qd_int128	asked = me->mirrored ? -(qd_int128) f->total[i] : f->total[i];

			if (asked < me->low || (!(me->part && me->open) && asked > me->high))
				root_clash = true;
		}
	}

	switch (o->status)
	{
		case QD_CYCLE:
			seen_other++;
			if (!w.cycle)
				fine = test_broken(v, "no cycle is there");
			else
			{
				int32_t		row = o->problem.row;
				int32_t		first = row;
				int32_t		steps = 0;

				do
				{
					row = f->parent[row];
					if (row >= 0 && row < first)
						first = row;
				} while (row >= 0 && row != o->problem.row && steps++ <= f->n);
				if (row != o->problem.row || first != row)
					fine = test_broken(v, "row %d is not the first on a cycle", o->problem.row);
			}
			break;
		case QD_INTERIOR_ZERO:
			seen_other++;
			fine = w.interior_zero || test_broken(v, "no zero above positive leaves");
			break;
		case QD_WEIGHT_OVERFLOW:
			seen_other++;
			fine = w.weight_overflow || test_broken(v, "the weights fit");
			break;
		case QD_CUMULATIVE_UPLIFT:
			seen_other++;
			fine = (w.uplifted && f->rounding == QD_CUMULATIVE) || test_broken(v, "no uplift is there");
			break;
		case QD_INFEASIBLE:
			seen_infeasible++;
			fine = !w.cycle && check_clash(&w, &o->problem, v);
			break;
		case QD_OVERFLOW:
			seen_overflow++;
			fine = w.may_overflow || test_broken(v, "nothing overflows");
			break;
		case QD_OK:
			seen_ok++;
			if (w.cycle || w.interior_zero || w.weight_overflow || w.lock_clash || w.clash ||
				root_clash || (w.uplifted && f->rounding == QD_CUMULATIVE))
				fine = test_broken(v, "accepted: cycle %d, zero %d, weights %d, lock %d, clash %d, root %d",
							  w.cycle, w.interior_zero, w.weight_overflow, w.lock_clash, w.clash,
							  root_clash);
			fine = fine && check_tree_result(&w, o, v);
			break;
		default:
			fine = test_broken(v, "status %d", (int) o->status);
			break;
	}
	fine = fine && (w.cycle || check_rows_moved(f, o, s, v));
	if (all_negated && !w.cycle && o->status != QD_OVERFLOW)
		fine = fine && check_forest_mirror(f, o, v);
	fine = fine && check_bounds(f, v);
	world_free(&w);
	forest_outcome_free(o);
	return fine;
}
