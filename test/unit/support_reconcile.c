/*
 * support_reconcile.c
 *		See support_reconcile.h.  Whether values are the optimum is seen from the
 *		multipliers they would need: each node allows an interval of rates at
 *		which what is below it is where it wants to be, children of one parent
 *		must have one in common, and a root must be content with 0.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_reconcile.h"

int64_t		seen_bound = 0;

typedef long double real;

static void *
need(size_t count, size_t size)
{
	void	   *ptr = calloc(count + 1, size);

	if (!ptr)
		abort();
	return ptr;
}

static void *
copy(const void *from, int32_t count, size_t size)
{
	void	   *to = count < 0 ? NULL : malloc((size_t) count * size + 1);

	if (!to)
		abort();
	if (count > 0)
		memcpy(to, from, (size_t) count * size);
	return to;
}

plan *
plan_new(int32_t n)
{
	plan	   *p = need(1, sizeof(plan));
	size_t		m = (size_t) n;

	p->n = n;
	p->parent = need(m, sizeof(int32_t));
	p->flags = need(m, 1);
	p->floor = need(m, sizeof(int64_t));
	p->cap = need(m, sizeof(int64_t));
	p->lock = need(m, sizeof(int64_t));
	p->value = need(m, sizeof(int64_t));
	p->fraction = need(m, sizeof(uint64_t));
	p->trust = need(m, sizeof(double));
	return p;
}

void
plan_free(plan *p)
{
	free(p->parent);
	free(p->flags);
	free(p->floor);
	free(p->cap);
	free(p->lock);
	free(p->value);
	free(p->fraction);
	free(p->trust);
	free(p);
}

static uint8_t
all_flags(const plan *p)
{
	uint8_t		all = 0;
	int32_t		i;

	for (i = 0; i < p->n; i++)
		all |= p->flags[i];
	return all;
}

plan_outcome *
run_plan(const plan *p, test_env *given, bool explain)
{
	plan_outcome *o = need(1, sizeof(plan_outcome));
	test_env	own;
	test_env   *env = given;
	size_t		n = (size_t) p->n;
	uint8_t		all = all_flags(p);
	qd_reconcile r;

	if (!env)
	{
		test_env_init(&own);
		env = &own;
	}
	o->tree.n = p->n;
	o->tree.parent = copy(p->parent, n, sizeof(int32_t));
	o->tree.flags = copy(p->flags, n, 1);
	o->tree.floor = (all & QD_HAS_FLOOR) ? copy(p->floor, n, sizeof(int64_t)) : NULL;
	o->tree.cap = (all & QD_HAS_CAP) ? copy(p->cap, n, sizeof(int64_t)) : NULL;
	o->tree.amount = copy(p->lock, n, sizeof(int64_t));
	o->tree.rule = need(n, 1);
	o->tree.exact = need(n, sizeof(int64_t));
	o->tree.exact_fraction = need(n, sizeof(uint64_t));
	o->tree.child_start = need(n + 1, sizeof(int32_t));
	o->tree.child = need(n, sizeof(int32_t));
	o->tree.order = need(n, sizeof(int32_t));
	memset(o->tree.exact, 0xa5, n * sizeof(int64_t));
	memset(&o->problem, 0xa5, sizeof(o->problem));
	r.tree = &o->tree;
	r.value = p->value;
	r.fraction = p->fraction;
	r.trust = p->trust;
	env->last_poll = test_clock();
	o->status = qd_tree_link(&env->env, &o->tree, &o->problem);
	if (o->status == QD_OK)
		o->status = qd_reconcile_tree(&env->env, &r, explain, &o->problem);
	if (env->env.poll)
		env->env.poll(env->env.arg);
	if (env == &own && own.live != 0)
	{
		fprintf(stderr, "the kernel left %lld allocations\n", (long long) own.live);
		abort();
	}
	return o;
}

void
plan_outcome_free(plan_outcome *o)
{
	free((void *) o->tree.parent);
	free(o->tree.flags);
	free(o->tree.floor);
	free(o->tree.cap);
	free(o->tree.amount);
	free(o->tree.rule);
	free(o->tree.exact);
	free(o->tree.exact_fraction);
	free(o->tree.child_start);
	free(o->tree.child);
	free(o->tree.order);
	free(o);
}

/* --------------------------------------------------------------- instances */

static int64_t
around(source *s, int64_t most)
{
	int64_t		x = draw_magnitude(s, most);

	return draw(s, 8) == 0 ? -x : x;
}

plan *
draw_plan(source *s, int32_t most_rows, int64_t most_total)
{
	int32_t		n = 1 + (int32_t) draw(s, draw(s, 4) == 0 && most_rows > 8 ? 8 : (uint64_t) most_rows);
	plan	   *p = plan_new(n);
	int			shape = (int) draw(s, 5);
	int			trusts = (int) draw(s, 4);
	int			bounds = (int) draw(s, 4);	/* 0: none, 1: few, 2: many, 3: below 0 too */
	int			locks = (int) draw(s, 6);	/* 0: some */
	bool		fractions = draw(s, 2) == 0;
	int			silent = (int) draw(s, 4);	/* of four nodes have no opinion */
	int64_t		most = most_total / (n > 4 ? n : 4);
	int64_t		level = 1 + draw_magnitude(s, most);
	int32_t    *place = need((size_t) n, sizeof(int32_t));
	int32_t		i;

	if (level > most)
		level = most > 0 ? most : 1;
	for (i = 0; i < n; i++)
		place[i] = i;
	for (i = n - 1; i > 0; i--)
	{
		int32_t		j = (int32_t) draw(s, (uint64_t) i + 1);
		int32_t		swap = place[i];

		place[i] = place[j];
		place[j] = swap;
	}
	for (i = 0; i < n; i++)
	{
		int32_t		row = place[i];
		int32_t		above = -1;

		if (i > 0 && draw(s, 50) != 0)
			switch (shape)
			{
				case 0:			/* a chain with leaves */
					above = i - 1 - (int32_t) draw(s, i > 2 ? 3 : (uint64_t) i);
					break;
				case 1:			/* a star */
					above = 0;
					break;
				case 2:			/* fan-out 3 */
					above = (i - 1) / 3;
					break;
				case 3:			/* a large family beside a chain */
					above = i > n / 2 ? n / 4 : i - 1;
					break;
				default:
					above = (int32_t) draw(s, (uint64_t) i);
					break;
			}
		p->parent[row] = above < 0 ? -1 : place[above];
		p->value[row] = fractions || draw(s, 3) == 0 ? around(s, level) : (int64_t) draw(s, (uint64_t) level + 1);
		if (fractions)
			p->fraction[row] = (uint64_t) draw(s, UINT64_C(1) << 32) << 32;
		p->trust[row] = trusts == 0 ? 1 : trusts == 1 ? (double) (1 + draw(s, 9)) :
			trusts == 2 ? ldexp(1 + (double) draw(s, 8), (int) draw(s, 40) - 20) : ldexp(1, (int) draw(s, 400) - 200);
		if ((int) draw(s, 4) < silent)
			p->trust[row] = 0;
		if (locks == 0 && draw(s, 6) == 0)
		{
			p->flags[row] |= QD_LOCKED;
			p->lock[row] = (int64_t) draw(s, (uint64_t) level + 1);
		}
		if (bounds > 0 && draw(s, bounds == 1 ? 8 : 2) == 0)
		{
			p->flags[row] |= QD_HAS_FLOOR;
			p->floor[row] = bounds == 3 ? -(int64_t) draw(s, (uint64_t) level + 1) : (int64_t) draw(s, (uint64_t) level / 4 + 1);
		}
		if (bounds > 0 && draw(s, bounds == 1 ? 8 : 2) == 0)
		{
			p->flags[row] |= QD_HAS_CAP;
			p->cap[row] = level / 4 + (int64_t) draw(s, (uint64_t) level + 1);
			/* above a family it would nearly never hold */
			if (draw(s, 2) == 0)
				p->cap[row] = p->cap[row] / 2 * (int64_t) (1 + draw(s, 4));
		}
		if ((p->flags[row] & QD_HAS_FLOOR) && (p->flags[row] & QD_HAS_CAP) && p->floor[row] > p->cap[row])
			p->cap[row] = p->floor[row];
	}
	free(place);
	return p;
}

void
print_plan(const plan *p)
{
	int32_t		i;

	printf("row parent value fraction trust floor cap lock\n");
	for (i = 0; i < p->n; i++)
	{
		printf("%d %d %lld %llu %a", i, p->parent[i], (long long) p->value[i], (unsigned long long) p->fraction[i], p->trust[i]);
		if (p->flags[i] & QD_HAS_FLOOR)
			printf(" floor %lld", (long long) p->floor[i]);
		if (p->flags[i] & QD_HAS_CAP)
			printf(" cap %lld", (long long) p->cap[i]);
		if (p->flags[i] & QD_LOCKED)
			printf(" lock %lld", (long long) p->lock[i]);
		printf("\n");
	}
	fflush(stdout);
}

/* ----------------------------------------------------------------- promises */

__attribute__((format(printf, 2, 3)))
static bool
wrong(verdict *v, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(v->message, sizeof(v->message), format, args);
	va_end(args);
	return false;
}

/* rates are pairs: by the first, then by the second */
typedef struct rate
{
	real		first;
	real		second;
} rate;

typedef struct range
{
	rate		low;
	rate		high;
} range;

static bool
above(rate a, rate b)
{
	return a.first > b.first || (a.first == b.first && a.second > b.second);
}

/* what a node can hold, by its own bounds and those below; false: nothing */
static bool
lift(const plan *p, const qd_tree *tree, qd_int128 *low, qd_int128 *high, int32_t *culprit)
{
	const qd_int128 none = (qd_int128) 1 << 100;
	int32_t		at;

	for (at = 0; at < p->n; at++)
		low[at] = high[at] = 0;
	for (at = p->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		bool		leaf = tree->child_start[row] == tree->child_start[row + 1];
		uint8_t		flags = p->flags[row];
		qd_int128	own_low = leaf ? 0 : -none;
		qd_int128	own_high = none;

		if (flags & QD_HAS_FLOOR)
			own_low = p->floor[row];
		if (flags & QD_HAS_CAP)
			own_high = p->cap[row];
		if (flags & QD_LOCKED)
		{
			if (((flags & QD_HAS_FLOOR) && p->lock[row] < p->floor[row]) ||
				((flags & QD_HAS_CAP) && p->lock[row] > p->cap[row]))
			{
				*culprit = row;
				return false;
			}
			own_low = own_high = p->lock[row];
		}
		if (leaf)
		{
			low[row] = own_low;
			high[row] = own_high;
		}
		else
		{
			if (own_low > low[row])
				low[row] = own_low;
			if (own_high < high[row])
				high[row] = own_high;
		}
		if (low[row] > high[row])
		{
			*culprit = row;
			return false;
		}
		if (p->parent[row] >= 0)
		{
			low[p->parent[row]] += low[row];
			high[p->parent[row]] += high[row] >= none ? none * 64 : high[row];
		}
	}
	return true;
}

/* nobody in the tree has an opinion */
static void
find_silent(const plan *p, const qd_tree *tree, bool *silent)
{
	int32_t		at;

	for (at = 0; at < p->n; at++)
		silent[at] = !(p->flags[at] & QD_LOCKED) && p->trust[at] == 0;
	for (at = p->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];

		if (p->parent[row] >= 0 && !silent[row])
			silent[p->parent[row]] = false;
	}
	/* now of the subtree; make it of the whole tree */
	for (at = 0; at < p->n; at++)
	{
		int32_t		row = tree->order[at];

		if (p->parent[row] >= 0)
			silent[row] = silent[p->parent[row]];
	}
}

static real
value_of(int64_t whole, uint64_t fraction)
{
	return (real) whole + (real) fraction * 0x1p-64L;
}

static bool
check_outcome(const plan *p, const plan_outcome *o, verdict *v)
{
	const qd_tree *tree = &o->tree;
	const real	inf = HUGE_VALL;
	size_t		n = (size_t) p->n;
	qd_int128  *low = need(n, sizeof(qd_int128));
	qd_int128  *high = need(n, sizeof(qd_int128));
	bool	   *silent = need(n, sizeof(bool));
	range	   *allowed = need(n, sizeof(range));
	qd_int128  *sum = need(n, sizeof(qd_int128));
	real		scale = 1;
	real		slack;
	int32_t		culprit = -1;
	bool		feasible;
	bool		fine = true;
	int32_t		at;

	find_silent(p, tree, silent);
	/* bounds in a tree without opinions are not asked for */
	{
		plan		q = *p;
		bool		kept;

		q.flags = copy(p->flags, n, 1);
		for (at = 0; at < p->n; at++)
			if (silent[at])
				q.flags[at] = 0;
		kept = lift(&q, tree, low, high, &culprit);
		feasible = kept;
		free(q.flags);
	}
	if (o->status == QD_INFEASIBLE)
	{
		if (feasible)
			fine = wrong(v, "refused at row %d, but bounds can be met", o->problem.row);
		else if (o->problem.subject != QD_ON_LOCK && o->problem.row != culprit)
			fine = wrong(v, "refused at row %d, but it is row %d", o->problem.row, culprit);
		goto done;
	}
	if (o->status == QD_OVERFLOW)
	{
		seen_overflow++;
		goto done;
	}
	if (o->status != QD_OK)
	{
		fine = wrong(v, "status %d", (int) o->status);
		goto done;
	}
	if (!feasible)
	{
		fine = wrong(v, "accepted, although row %d cannot be met", culprit);
		goto done;
	}

	for (at = 0; at < p->n; at++)
	{
		real		x = fabsl(value_of(tree->exact[at], tree->exact_fraction[at]));

		if (silent[at] != (tree->rule[at] == QD_RULE_NONE))
		{
			fine = wrong(v, "row %d: rule %s", at, qd_rule_name(tree->rule[at]));
			goto done;
		}
		if (!silent[at] && x > scale)
			scale = x;
		if (!silent[at] && p->trust[at] > 0 && fabsl((real) p->value[at]) > scale)
			scale = fabsl((real) p->value[at]);
	}
	slack = 1e-7L + scale * 1e-16L;

	for (at = 0; at < p->n; at++)
	{
		allowed[at].low.first = allowed[at].low.second = -inf;
		allowed[at].high.first = allowed[at].high.second = inf;
	}
	for (at = p->n - 1; at >= 0; at--)
	{
		int32_t		row = tree->order[at];
		int32_t		parent = p->parent[row];
		bool		leaf = tree->child_start[row] == tree->child_start[row + 1];
		real		x = value_of(tree->exact[row], tree->exact_fraction[row]);
		real		trust = p->trust[row];
		real		pull = trust * (x - value_of(p->value[row], p->fraction[row]));
		range	   *mine = &allowed[row];
		uint8_t		flags = p->flags[row];
		bool		at_low = x <= (real) low[row] + slack;
		bool		at_high = x >= (real) high[row] - slack;
		real		gap;

		if (silent[row])
			continue;
		/* amounts */
		if (tree->amount[row] < low[row] || tree->amount[row] > high[row])
			fine = wrong(v, "row %d: amount %lld is out of bounds", row, (long long) tree->amount[row]);
		if (x < (real) low[row] || x > (real) high[row])
			fine = wrong(v, "row %d: fitted value %.20Lg is out of bounds", row, x);
		if (fabsl((real) tree->amount[row] - x) >= 1 + slack)
			fine = wrong(v, "row %d: amount %lld is no rounding of %.20Lg", row, (long long) tree->amount[row], x);
		if ((flags & QD_LOCKED) && (tree->amount[row] != p->lock[row] || tree->rule[row] != QD_RULE_LOCKED))
			fine = wrong(v, "row %d: locked", row);
		if (!leaf && sum[row] != tree->amount[row])
			fine = wrong(v, "row %d: children sum to %s instead of %lld", row, int128_text(sum[row]), (long long) tree->amount[row]);
		if ((tree->rule[row] == QD_RULE_FLOOR && !at_low) || (tree->rule[row] == QD_RULE_CAP && !at_high))
			fine = wrong(v, "row %d: rule %s", row, qd_rule_name(tree->rule[row]));
		if (parent >= 0)
			sum[parent] += tree->amount[row];
		/* coherence of the fit */
		if (!leaf)
		{
			real		children = 0;
			int32_t		c;

			for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
				children += value_of(tree->exact[tree->child[c]], tree->exact_fraction[tree->child[c]]);
			if (fabsl(children - x) > slack)
				fine = wrong(v, "row %d: %.20Lg, its children %.20Lg", row, x, children);
		}

		/* optimality: what the family below agrees on, and the node's own pull */
		gap = trust * slack;
		if (leaf)
		{
			mine->low.first = pull - gap;
			mine->high.first = pull + gap;
			mine->low.second = trust > 0 ? -inf : x - slack;
			mine->high.second = trust > 0 ? inf : x + slack;
		}
		else if (trust > 0 && !(flags & QD_LOCKED))
		{
			mine->low.first += pull - gap;
			mine->high.first += pull + gap;
			mine->low.second = -inf;
			mine->high.second = inf;
		}
		/* own bounds only: what is lifted is the business of others */
		at_low = (leaf && !(flags & QD_HAS_FLOOR) && x <= slack) ||
			((flags & QD_HAS_FLOOR) && x <= (real) p->floor[row] + slack);
		at_high = (flags & QD_HAS_CAP) && x >= (real) p->cap[row] - slack;
		if (at_low || (flags & QD_LOCKED))
			mine->low.first = mine->low.second = -inf;
		if (at_high || (flags & QD_LOCKED))
			mine->high.first = mine->high.second = inf;
		if (parent < 0)
		{
			rate		zero = {0, 0};
			rate		less = {0, -slack};

			if (above(mine->low, zero) || above(less, mine->high))
				fine = wrong(v, "root %d wants a rate from %.20Lg, %.20Lg to %.20Lg, %.20Lg", row,
							 mine->low.first, mine->low.second, mine->high.first, mine->high.second);
		}
		else
		{
			range	   *all = &allowed[parent];

			if (above(mine->low, all->low))
				all->low = mine->low;
			if (above(all->high, mine->high))
				all->high = mine->high;
			if (above(all->low, all->high))
				fine = wrong(v, "row %d: no rate suits all children of %d: %.20Lg, %.20Lg to %.20Lg, %.20Lg", row, parent,
							 all->low.first, all->low.second, all->high.first, all->high.second);
		}
		if (!fine)
			goto done;
	}

done:
	free(low);
	free(high);
	free(silent);
	free(allowed);
	free(sum);
	return fine;
}

/* the same rows in another order */
static plan *
turned(const plan *p, int32_t by)
{
	plan	   *q = plan_new(p->n);
	int32_t		i;

	for (i = 0; i < p->n; i++)
	{
		int32_t		j = (i + by) % p->n;

		q->parent[j] = p->parent[i] < 0 ? -1 : (p->parent[i] + by) % p->n;
		q->flags[j] = p->flags[i];
		q->floor[j] = p->floor[i];
		q->cap[j] = p->cap[i];
		q->lock[j] = p->lock[i];
		q->value[j] = p->value[i];
		q->fraction[j] = p->fraction[i];
		q->trust[j] = p->trust[i];
	}
	return q;
}

bool
check_plan(const plan *p, source *s, verdict *v)
{
	plan_outcome *o = run_plan(p, NULL, true);
	bool		fine = check_outcome(p, o, v);
	int32_t		by = 1 + (int32_t) draw(s, (uint64_t) p->n);
	plan	   *q = turned(p, by);
	plan_outcome *again = run_plan(q, NULL, false);
	int32_t		i;

	seen_rows += p->n;
	if (o->status == QD_OK)
		seen_ok++;
	else if (o->status == QD_INFEASIBLE)
		seen_infeasible++;
	for (i = 0; fine && i < p->n && o->status == QD_OK; i++)
		if (o->tree.rule[i] == QD_RULE_FLOOR || o->tree.rule[i] == QD_RULE_CAP)
		{
			seen_bound++;
			break;
		}
	if (fine && again->status != o->status && again->status != QD_OVERFLOW && o->status != QD_OVERFLOW)
		fine = wrong(v, "status %d, in another order of rows %d", (int) o->status, (int) again->status);
	/* units go to others only where remainders are alike */
	for (i = 0; fine && i < p->n && o->status == QD_OK && again->status == QD_OK; i++)
	{
		int32_t		j = (i + by) % p->n;
		real		x = value_of(o->tree.exact[i], o->tree.exact_fraction[i]);
		real		y = value_of(again->tree.exact[j], again->tree.exact_fraction[j]);

		if (o->tree.rule[i] != QD_RULE_NONE && fabsl(x - y) > 1e-7L + fabsl(x) * 1e-15L)
			fine = wrong(v, "row %d: %.20Lg, in another order of rows %.20Lg", i, x, y);
	}
	plan_outcome_free(again);
	plan_free(q);
	plan_outcome_free(o);
	return fine;
}
