/*
 * support.c
 *		See support.h.  The checkers look at results through certificates: an
 *		answer is right when one ratio explains it, whatever found that ratio.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support.h"
#include "kernel/group.h"		/* QD_ACTIVE and its like */

int64_t		seen_ok = 0;
int64_t		seen_infeasible = 0;
int64_t		seen_overflow = 0;
int64_t		seen_other = 0;
int64_t		seen_rows = 0;

/* ------------------------------------------------------------ environment */

double
test_clock(void)
{
	struct timespec now;

	/* the processor's: others may use the machine */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static void *
test_alloc(void *arg, size_t size)
{
	test_env   *env = arg;
	void	   *ptr;

	env->allocs++;
	if (env->fail_at > 0 &&
		(env->fail_once ? env->allocs == env->fail_at : env->allocs >= env->fail_at))
		return NULL;
	ptr = malloc(size ? size : 1);
	if (!ptr)
		abort();
	/* whoever reads before writing shall see something strange */
	memset(ptr, 0xa5, size ? size : 1);
	env->live++;
	return ptr;
}

static void
test_release(void *arg, void *ptr)
{
	test_env   *env = arg;

	if (!ptr)
		abort();
	env->live--;
	free(ptr);
}

static void
look_at_clock(test_env *env)
{
	double		now = test_clock();

	if (now - env->last_poll > env->longest)
		env->longest = now - env->last_poll;
	env->last_poll = now;
}

static void
test_poll(void *arg)
{
	test_env   *env = arg;

	env->polls++;
	if (env->watch)
		look_at_clock(env);
}

static bool
test_peers(void *arg, int32_t a, int32_t b)
{
	test_env   *env = arg;

	return env->peer_group[a] == env->peer_group[b];
}

void
test_env_init(test_env *env)
{
	memset(env, 0, sizeof(*env));
	env->env.alloc = test_alloc;
	env->env.release = test_release;
	env->env.poll = test_poll;
	env->env.arg = env;
	env->last_poll = test_clock();
}

/* begins a run of a kernel in the given environment, or else in own */
test_env *
test_env_begin(test_env *given, test_env *own)
{
	if (!given)
		test_env_init(own);
	else
		given->last_poll = test_clock();
	return given ? given : own;
}

/* ends it: in an environment of the run's own the kernel must have kept nothing */
void
test_env_end(test_env *env, const test_env *own)
{
	if (env->watch)
		look_at_clock(env);		/* the last stretch counts too */
	if (env == own && own->live != 0)
	{
		fprintf(stderr, "the kernel left %lld allocations\n", (long long) own->live);
		abort();
	}
}

void *
test_zeroed(size_t count, size_t size)
{
	void	   *ptr = calloc(count > 0 ? count : 1, size);

	if (!ptr)
		abort();
	return ptr;
}

void *
test_copied(const void *from, size_t count, size_t size)
{
	void	   *to = malloc(count > 0 ? count * size : 1);

	if (!to)
		abort();
	if (count > 0)
		memcpy(to, from, count * size);
	return to;
}

/* -------------------------------------------------------------- instances */

partition *
partition_new(int32_t n)
{
	partition  *p = test_zeroed(1, sizeof(partition));

	p->n = n;
	p->flags = test_zeroed((size_t) n, 1);
	p->weight = test_zeroed((size_t) n, sizeof(int64_t));
	p->floor = test_zeroed((size_t) n, sizeof(int64_t));
	p->cap = test_zeroed((size_t) n, sizeof(int64_t));
	p->lock = test_zeroed((size_t) n, sizeof(int64_t));
	return p;
}

void
partition_free(partition *p)
{
	free(p->flags);
	free(p->weight);
	free(p->floor);
	free(p->cap);
	free(p->lock);
	free(p);
}

uint8_t
test_all_flags(const uint8_t *flags, int32_t n)
{
	uint8_t		all = 0;
	int32_t		i;

	for (i = 0; i < n; i++)
		all |= flags[i];
	return all;
}

outcome *
run_partition(const partition *p, test_env *given, bool explain)
{
	outcome    *o = test_zeroed(1, sizeof(outcome));
	test_env	own;
	test_env   *env;
	size_t		n = (size_t) p->n;
	uint8_t		all = test_all_flags(p->flags, p->n);

	o->rows.n = p->n;
	o->rows.flags = test_copied(p->flags, n, 1);
	o->rows.weight = test_copied(p->weight, n, sizeof(int64_t));
	o->rows.floor = (all & QD_HAS_FLOOR) ? test_copied(p->floor, n, sizeof(int64_t)) : NULL;
	o->rows.cap = (all & QD_HAS_CAP) ? test_copied(p->cap, n, sizeof(int64_t)) : NULL;
	o->rows.amount = test_copied(p->lock, n, sizeof(int64_t));
	o->rows.rule = test_zeroed(n, 1);
	o->rows.state = test_zeroed(n, 1);
	memset(o->rows.rule, 0xa5, n);
	memset(o->rows.state, 0xa5, n);
	memset(&o->problem, 0xa5, sizeof(o->problem));
	env = test_env_begin(given, &own);
	if (env->peer_group)
		env->env.peers = test_peers;
	o->status = qd_allocate_rows(&env->env, &o->rows, p->total, p->rounding, explain,
								 &o->problem);
	test_env_end(env, &own);
	return o;
}

void
outcome_free(outcome *o)
{
	free((void *) o->rows.flags);
	free(o->rows.weight);
	free(o->rows.floor);
	free(o->rows.cap);
	free(o->rows.amount);
	free(o->rows.rule);
	free(o->rows.state);
	free(o);
}

forest *
forest_new(int32_t n)
{
	forest	   *f = test_zeroed(1, sizeof(forest));
	size_t		m = (size_t) n;

	f->n = n;
	f->parent = test_zeroed(m, sizeof(int32_t));
	f->flags = test_zeroed(m, 1);
	f->weight = test_zeroed(m, sizeof(int64_t));
	f->floor = test_zeroed(m, sizeof(int64_t));
	f->cap = test_zeroed(m, sizeof(int64_t));
	f->lock = test_zeroed(m, sizeof(int64_t));
	f->total = test_zeroed(m, sizeof(int64_t));
	return f;
}

void
forest_free(forest *f)
{
	free(f->parent);
	free(f->flags);
	free(f->weight);
	free(f->floor);
	free(f->cap);
	free(f->lock);
	free(f->uplift);
	free(f->total);
	free(f);
}

forest_outcome *
run_forest(const forest *f, test_env *given, bool explain)
{
	forest_outcome *o = test_zeroed(1, sizeof(forest_outcome));
	test_env	own;
	test_env   *env;
	size_t		n = (size_t) f->n;
	uint8_t		all = test_all_flags(f->flags, f->n);

	o->tree.n = f->n;
	o->tree.parent = test_copied(f->parent, n, sizeof(int32_t));
	o->tree.flags = test_copied(f->flags, n, 1);
	o->tree.weight = test_copied(f->weight, n, sizeof(int64_t));
	o->tree.floor = (all & QD_HAS_FLOOR) ? test_copied(f->floor, n, sizeof(int64_t)) : NULL;
	o->tree.cap = (all & QD_HAS_CAP) ? test_copied(f->cap, n, sizeof(int64_t)) : NULL;
	o->tree.amount = test_copied(f->lock, n, sizeof(int64_t));
	o->tree.uplift = f->uplift ? test_copied(f->uplift, n, sizeof(int64_t)) : NULL;
	o->tree.uplift_one = UPLIFT_ONE;
	o->tree.rule = test_zeroed(n, 1);
	o->tree.exact = test_zeroed(n, sizeof(int64_t));
	o->tree.exact_fraction = test_zeroed(n, sizeof(uint64_t));
	o->tree.child_start = test_zeroed(n + 1, sizeof(int32_t));
	o->tree.child = test_zeroed(n, sizeof(int32_t));
	o->tree.order = test_zeroed(n, sizeof(int32_t));
	memset(o->tree.exact, 0xa5, n * sizeof(int64_t));
	memset(&o->problem, 0xa5, sizeof(o->problem));
	env = test_env_begin(given, &own);
	if (env->peer_group)
		env->env.peers = test_peers;
	o->status = qd_tree_link(&env->env, &o->tree, &o->problem);
	if (o->status == QD_OK)
		o->status = qd_allocate_tree(&env->env, &o->tree, f->total, f->rounding, explain,
									 &o->problem);
	test_env_end(env, &own);
	return o;
}

void
forest_outcome_free(forest_outcome *o)
{
	free((void *) o->tree.parent);
	free(o->tree.flags);
	free(o->tree.weight);
	free(o->tree.floor);
	free(o->tree.cap);
	free(o->tree.amount);
	free((void *) o->tree.uplift);
	free(o->tree.rule);
	free(o->tree.exact);
	free(o->tree.exact_fraction);
	free(o->tree.child_start);
	free(o->tree.child);
	free(o->tree.order);
	free(o);
}

/* --------------------------------------------------------- random choices */

uint64_t
draw(source *s, uint64_t below)
{
	if (below <= 1)
		return 0;
	if (s->data)
	{
		uint64_t	x = 0;
		uint64_t	left = below - 1;

		while (left > 0 && s->size > 0)
		{
			x = (x << 8) | *s->data++;
			s->size--;
			left >>= 8;
		}
		return x % below;
	}
	else
	{
		/* splitmix64 */
		uint64_t	z = (s->state += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		return z % below;
	}
}

int64_t
draw_magnitude(source *s, int64_t most)
{
	int			bits = 0;
	uint64_t	x;

	while (bits < 63 && ((uint64_t) most >> bits) > 0)
		bits++;
	bits = (int) draw(s, (uint64_t) bits + 1);
	x = bits == 0 ? 0 : draw(s, (uint64_t) 1 << bits);
	return x > (uint64_t) most ? most : (int64_t) x;
}

/* a part of x in sixteenths, from .. to */
static int64_t
scaled(source *s, int64_t x, int from, int to)
{
	qd_int128	y = (qd_int128) x * (from + (int) draw(s, (uint64_t) (to - from + 1))) / 16;

	return y > INT64_MAX / 2 ? INT64_MAX / 2 : y < -INT64_MAX / 2 ? -INT64_MAX / 2 : (int64_t) y;
}

static void
draw_weights(source *s, int64_t *weight, int32_t n)
{
	int			kind = (int) draw(s, 9);
	int64_t		most = (QD_MAX_WEIGHT_SUM - 1) / (n > 0 ? n : 1);
	int64_t		level = draw_magnitude(s, most);
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		switch (kind)
		{
			case 0:				/* all alike */
				weight[i] = level;
				break;
			case 1:				/* few different, some 0 */
				weight[i] = (int64_t) draw(s, 4);
				break;
			case 2:				/* everything between 0 and the largest */
				weight[i] = draw_magnitude(s, most);
				break;
			case 3:				/* about the same size */
				weight[i] = (int64_t) draw(s, (uint64_t) level + 1);
				break;
			case 4:				/* Zipf */
				weight[i] = 1 + level / (i + 1);
				break;
			case 5:				/* halving */
				weight[i] = i < 62 ? most >> i : 0;
				break;
			case 6:				/* one has nearly all */
				weight[i] = i == n / 2 ? most : (int64_t) draw(s, 2);
				break;
			case 7:				/* money with cents */
				weight[i] = (int64_t) draw(s, most > 10000000 ? 10000000 : (uint64_t) most + 1);
				break;
			default:			/* none at all */
				weight[i] = 0;
				break;
		}
		if (weight[i] > most)
			weight[i] = most;
	}
}

partition *
draw_partition(source *s, int32_t most_rows, int64_t most_total)
{
	int32_t		n = 1 + (int32_t) draw(s, draw(s, 4) == 0 && most_rows > 8 ? 8 : (uint64_t) most_rows);
	partition  *p = partition_new(n);
	int			bounds = (int) draw(s, 8);	/* 0 .. 2: none */
	int			locks = (int) draw(s, 4);	/* 0: some */
	int			nulls = (int) draw(s, 4);
	int			loose = (int) draw(s, 4);	/* 0: hardly feasible */
	bool		returns = draw(s, 12) == 0;	/* locks above the total, returns for the rest */
	bool		negative;
	double		sum = 0;
	int32_t		i;

	p->rounding = (qd_rounding) draw(s, 3);
	p->total = draw_magnitude(s, most_total);
	if (draw(s, 8) == 0)
		p->total = most_total - (int64_t) draw(s, 4);
	negative = draw(s, 4) == 0;
	draw_weights(s, p->weight, n);
	for (i = 0; i < n; i++)
		sum += (double) p->weight[i];

	for (i = 0; i < n; i++)
	{
		double		share = sum > 0 ? (double) p->total * ((double) p->weight[i] / sum) :
			(double) p->total / n;
		int64_t		about = share >= 9e18 ? INT64_MAX / 2 : (int64_t) share;

		p->flags[i] = QD_HAS_WEIGHT;
		if (nulls == 0 && draw(s, 8) == 0)
			p->flags[i] = 0;
		if (locks == 0 && draw(s, 8) == 0)
		{
			p->flags[i] |= QD_LOCKED;
			p->lock[i] = scaled(s, about, draw(s, 8) == 0 ? -8 : 0, 24);
		}
		if (p->flags[i] == 0)
			continue;
		if (returns && n > 1)
		{
			p->flags[i] |= i == 0 ? QD_LOCKED : QD_HAS_FLOOR;
			if (i == 0)
				p->lock[i] = scaled(s, p->total, 16, 20) + (int64_t) draw(s, 8);
			else
				p->floor[i] = -scaled(s, about, 1, 64) - 8;
		}
		else if (bounds >= 3 && bounds != 4 && draw(s, 3) != 0)
		{
			p->flags[i] |= QD_HAS_FLOOR;
			p->floor[i] = scaled(s, about + (int64_t) draw(s, 2), draw(s, 6) == 0 ? -16 : 0,
								 loose ? 17 : 24);
		}
		if (bounds >= 4 && draw(s, 3) != 0)
		{
			p->flags[i] |= QD_HAS_CAP;
			p->cap[i] = scaled(s, about + (int64_t) draw(s, 2), loose ? 15 : 8, loose ? 64 : 24);
			if (draw(s, 8) == 0)
				p->cap[i] = (p->flags[i] & QD_HAS_FLOOR) ? p->floor[i] : p->cap[i];
			/* the caller's own check: floor (0 if missing) <= cap */
			if ((p->flags[i] & QD_HAS_FLOOR) && p->cap[i] < p->floor[i])
				p->cap[i] = p->floor[i];
			if (!(p->flags[i] & QD_HAS_FLOOR) && p->cap[i] < 0)
				p->cap[i] = 0;
		}
		if ((p->flags[i] & QD_LOCKED) && draw(s, 16) != 0)
		{
			/* mostly a lock its own bounds allow */
			if ((p->flags[i] & QD_HAS_FLOOR) && p->lock[i] < p->floor[i])
				p->lock[i] = p->floor[i];
			if ((p->flags[i] & QD_HAS_CAP) && p->lock[i] > p->cap[i])
				p->lock[i] = p->cap[i];
		}
	}
	if (negative && p->total != 0)
	{
		p->total = -p->total;
		for (i = 0; i < n; i++)
		{
			int64_t		swap = -p->floor[i];
			uint8_t		flags = p->flags[i] & (uint8_t) ~(QD_HAS_FLOOR | QD_HAS_CAP);

			p->lock[i] = -p->lock[i];
			p->floor[i] = -p->cap[i];
			p->cap[i] = swap;
			if (p->flags[i] & QD_HAS_FLOOR)
				flags |= QD_HAS_CAP;
			if (p->flags[i] & QD_HAS_CAP)
				flags |= QD_HAS_FLOOR;
			p->flags[i] = flags;
		}
	}
	return p;
}

forest *
draw_forest(source *s, int32_t most_rows, int64_t most_total)
{
	int32_t		n = 1 + (int32_t) draw(s, draw(s, 3) == 0 && most_rows > 12 ? 12 : (uint64_t) most_rows);
	forest	   *f = forest_new(n);
	int			shape = (int) draw(s, 5);
	int			bounds = (int) draw(s, 8);
	int			locks = (int) draw(s, 4);
	int			nulls = (int) draw(s, 4);
	bool		uplifts = draw(s, 4) == 0;
	bool		returns = draw(s, 12) == 0;	/* a lock above the total, returns elsewhere */
	bool		negative = draw(s, 4) == 0;
	int32_t		roots = draw(s, 4) == 0 ? 1 + (int32_t) draw(s, 3) : 1;
	int32_t    *label = test_zeroed((size_t) n, sizeof(int32_t));
	int32_t    *parent = test_zeroed((size_t) n, sizeof(int32_t));
	int32_t    *children = test_zeroed((size_t) n, sizeof(int32_t));
	double	   *about = test_zeroed((size_t) n, sizeof(double));
	double	   *below = test_zeroed((size_t) n, sizeof(double));
	int64_t    *weight = test_zeroed((size_t) n, sizeof(int64_t));
	int32_t		i;

	f->rounding = (qd_rounding) draw(s, 3);
	if (uplifts)
		f->uplift = test_zeroed((size_t) n, sizeof(int64_t));
	if (roots > n)
		roots = n;

	/* parents first, relabelled below */
	for (i = 0; i < n; i++)
	{
		label[i] = i;
		if (i < roots)
			parent[i] = -1;
		else
			switch (shape)
			{
				case 0:			/* a chain with twigs */
					parent[i] = draw(s, 4) == 0 ? (int32_t) draw(s, (uint64_t) i) : i - 1;
					break;
				case 1:			/* wide and flat */
					parent[i] = (int32_t) draw(s, (uint64_t) (i < 4 ? i : 4));
					break;
				case 2:			/* a heap */
					parent[i] = (i - roots) / 3;
					break;
				default:
					parent[i] = (int32_t) draw(s, (uint64_t) i);
					break;
			}
		if (parent[i] >= 0)
			children[parent[i]]++;
	}
	draw_weights(s, weight, n);
	for (i = n - 1; i >= 0; i--)
	{
		if (children[i] == 0)
			below[i] += (double) weight[i];
		if (parent[i] >= 0)
			below[parent[i]] += below[i];
	}
	for (i = n - 1; i > 0; i--)
	{
		int32_t		j = (int32_t) draw(s, (uint64_t) i + 1);
		int32_t		swap = label[i];

		label[i] = label[j];
		label[j] = swap;
	}

	for (i = 0; i < n; i++)
	{
		int32_t		row = label[i];
		bool		leaf = children[i] == 0;
		int64_t		near;

		f->parent[row] = parent[i] < 0 ? -1 : label[parent[i]];
		if (parent[i] < 0)
		{
			f->total[row] = draw_magnitude(s, most_total);
			about[i] = (double) f->total[row];
			if (negative)
				f->total[row] = -f->total[row];
			if (nulls == 0 && draw(s, 8) == 0)
				f->flags[row] |= QD_NO_TOTAL;
		}
		else
			about[i] = below[parent[i]] > 0 ? about[parent[i]] * (below[i] / below[parent[i]]) :
				about[parent[i]] / children[parent[i]];
		near = about[i] >= 9e18 ? INT64_MAX / 2 : (int64_t) about[i];
		if (leaf ? (nulls != 0 || draw(s, 8) != 0) : draw(s, 6) == 0)
		{
			f->flags[row] |= QD_HAS_WEIGHT;
			f->weight[row] = weight[i];
			/* mostly not the zero above positive leaves */
			if (!leaf && weight[i] == 0 && draw(s, 16) != 0)
				f->weight[row] = 1;
		}
		if (locks == 0 && draw(s, 12) == 0)
		{
			f->flags[row] |= QD_LOCKED;
			f->lock[row] = scaled(s, near, 0, 20);
		}
		if (uplifts && draw(s, 4) == 0)
			f->uplift[row] = (int64_t) draw(s, 300000) - (draw(s, 8) == 0 ? 150000 : 0);
		if (leaf && !(f->flags[row] & (QD_HAS_WEIGHT | QD_LOCKED)))
			continue;
		if (returns && leaf && roots == 1 && n > 2)
		{
			if (i == n - 1)
			{
				f->flags[row] |= QD_LOCKED;
				f->lock[row] = scaled(s, about[0] >= 9e18 ? INT64_MAX / 2 : (int64_t) about[0], 16, 20);
			}
			else
			{
				f->flags[row] |= QD_HAS_FLOOR;
				f->floor[row] = -scaled(s, near, 1, 64) - 8;
			}
		}
		else if (bounds >= 3 && bounds != 4 && draw(s, 4) == 0)
		{
			f->flags[row] |= QD_HAS_FLOOR;
			f->floor[row] = scaled(s, near, draw(s, 8) == 0 ? -16 : 0, 18);
		}
		if (bounds >= 4 && draw(s, 4) == 0)
		{
			f->flags[row] |= QD_HAS_CAP;
			f->cap[row] = scaled(s, near, 14, 64);
			if ((f->flags[row] & QD_HAS_FLOOR) && f->cap[row] < f->floor[row])
				f->cap[row] = f->floor[row];
			if (f->cap[row] < 0 && !(f->flags[row] & QD_HAS_FLOOR))
				f->cap[row] = 0;
		}
		if ((f->flags[row] & QD_LOCKED) && draw(s, 16) != 0)
		{
			if ((f->flags[row] & QD_HAS_FLOOR) && f->lock[row] < f->floor[row])
				f->lock[row] = f->floor[row];
			if ((f->flags[row] & QD_HAS_CAP) && f->lock[row] > f->cap[row])
				f->lock[row] = f->cap[row];
		}
		if (negative)
		{
			int64_t		swap = -f->floor[row];
			uint8_t		flags = f->flags[row] & (uint8_t) ~(QD_HAS_FLOOR | QD_HAS_CAP);

			f->lock[row] = -f->lock[row];
			f->floor[row] = -f->cap[row];
			f->cap[row] = swap;
			if (f->flags[row] & QD_HAS_FLOOR)
				flags |= QD_HAS_CAP;
			if (f->flags[row] & QD_HAS_CAP)
				flags |= QD_HAS_FLOOR;
			f->flags[row] = flags;
		}
	}
	/* now and then somebody reports to himself in the end */
	if (n > roots && draw(s, 64) == 0)
	{
		int32_t		at = roots + (int32_t) draw(s, (uint64_t) (n - roots));
		int32_t		top = at;

		while (parent[top] >= 0 && parent[parent[top]] >= 0 && draw(s, 3) != 0)
			top = parent[top];
		f->parent[label[top]] = label[at];
	}
	free(label);
	free(parent);
	free(children);
	free(about);
	free(below);
	free(weight);
	return f;
}

/* ------------------------------------------------------------- in words */

const char *
int128_text(qd_int128 x)
{
	static char buffer[4][48];
	static int	which = 0;
	char	   *end = buffer[which = (which + 1) % 4] + 47;
	bool		negative = x < 0;
	qd_uint128	u = negative ? -(qd_uint128) x : (qd_uint128) x;

	*end = '\0';
	do
	{
		*--end = (char) ('0' + (int) (u % 10));
		u /= 10;
	} while (u > 0);
	if (negative)
		*--end = '-';
	return end;
}

static void
print_row(int32_t i, uint8_t flags, int64_t weight, int64_t floor, int64_t cap, int64_t lock)
{
	fprintf(stderr, "  row %d:", i);
	if (flags & QD_HAS_WEIGHT)
		fprintf(stderr, " weight %lld", (long long) weight);
	if (flags & QD_HAS_FLOOR)
		fprintf(stderr, " floor %lld", (long long) floor);
	if (flags & QD_HAS_CAP)
		fprintf(stderr, " cap %lld", (long long) cap);
	if (flags & QD_LOCKED)
		fprintf(stderr, " locked %lld", (long long) lock);
}

void
print_partition(const partition *p)
{
	int32_t		i;

	fprintf(stderr, "partition of %d rows, total %lld, rounding %d\n", p->n,
			(long long) p->total, (int) p->rounding);
	for (i = 0; i < p->n && i < 60; i++)
	{
		print_row(i, p->flags[i], p->weight[i], p->floor[i], p->cap[i], p->lock[i]);
		fputc('\n', stderr);
	}
}

void
print_forest(const forest *f)
{
	int32_t		i;

	fprintf(stderr, "forest of %d rows, rounding %d\n", f->n, (int) f->rounding);
	for (i = 0; i < f->n && i < 60; i++)
	{
		print_row(i, f->flags[i], f->weight[i], f->floor[i], f->cap[i], f->lock[i]);
		if (f->uplift && f->uplift[i])
			fprintf(stderr, " uplift %lld", (long long) f->uplift[i]);
		if (f->parent[i] >= 0)
			fprintf(stderr, " parent %d\n", f->parent[i]);
		else if (f->flags[i] & QD_NO_TOTAL)
			fprintf(stderr, " root without a total\n");
		else
			fprintf(stderr, " root, total %lld\n", (long long) f->total[i]);
	}
}

bool
test_broken(verdict *v, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(v->message, sizeof(v->message), format, args);
	va_end(args);
	return false;
}

static qd_int128
magnitude(qd_int128 x)
{
	return x < 0 ? -x : x;
}

/* ------------------------------------------------- siblings and one ratio */

/*
 * Members of a partition or a family in the mirrored domain: who shares what,
 * within which bounds, with which result.
 */
typedef struct member
{
	int32_t		row;
	int64_t		weight;			/* 1 where all are 0 */
	qd_int128	low;
	qd_int128	high;
	bool		open;			/* no high */
	int64_t		amount;
} member;

/*
 * Webster's certificate: a ratio at which everybody would have rounded to what
 * he has, ties to the larger weight, then to the earlier row.  It determines
 * the amounts, so that nothing else need be compared.
 */
static bool
one_ratio(const member *m, int32_t n, verdict *v)
{
	int32_t		last = -1;		/* of the served, the latest */
	int32_t		next = -1;		/* of the unserved, the first */
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		if (m[i].weight == 0)
		{
			if (m[i].amount != m[i].low)
				return test_broken(v, "row %d of weight 0 left its floor", m[i].row);
			continue;
		}
		if (m[i].amount > m[i].low)
		{
			/* signpost (amount - 1/2) / weight was served */
			if (last >= 0)
			{
				qd_int128	a = (2 * (qd_int128) m[i].amount - 1) * m[last].weight;
				qd_int128	b = (2 * (qd_int128) m[last].amount - 1) * m[i].weight;

				if (a > b || (a == b && (m[i].weight < m[last].weight ||
										 (m[i].weight == m[last].weight && m[i].row > m[last].row))))
					last = i;
			}
			else
				last = i;
		}
		if (m[i].open || m[i].amount < m[i].high)
		{
			if (next >= 0)
			{
				qd_int128	a = (2 * (qd_int128) m[i].amount + 1) * m[next].weight;
				qd_int128	b = (2 * (qd_int128) m[next].amount + 1) * m[i].weight;

				if (a < b || (a == b && (m[i].weight > m[next].weight ||
										 (m[i].weight == m[next].weight && m[i].row < m[next].row))))
					next = i;
			}
			else
				next = i;
		}
	}
	if (last >= 0 && next >= 0)
	{
		qd_int128	a = (2 * (qd_int128) m[last].amount - 1) * m[next].weight;
		qd_int128	b = (2 * (qd_int128) m[next].amount + 1) * m[last].weight;

		if (a > b)
			return test_broken(v, "webster: row %d was served before row %d", m[last].row, m[next].row);
		if (a == b && (m[last].weight < m[next].weight ||
					   (m[last].weight == m[next].weight && m[last].row > m[next].row)))
			return test_broken(v, "webster: row %d won a tie against row %d", m[last].row, m[next].row);
	}
	return true;
}

/* ------------------------------------------------------------ partitions */

typedef struct expected
{
	qd_status	status;
	bool		may_overflow;
	qd_problem	problem;
	qd_int128	rest;			/* for the unlocked, in the mirrored domain */
	bool		equal;
	member	   *m;				/* the unlocked with a weight */
	int32_t		size;
} expected;

static void
expect_partition(const partition *p, expected *e)
{
	bool		mirrored = p->total < 0;
	int			sign = mirrored ? -1 : 1;
	qd_int128	held = 0;
	qd_int128	weights = 0;
	qd_int128	low = 0;
	qd_int128	high = 0;
	qd_int128	size;
	bool		open = false;
	int32_t		locked = 0;
	int32_t		i;

	memset(e, 0, sizeof(*e));
	e->m = test_zeroed((size_t) p->n, sizeof(member));
	for (i = 0; i < p->n; i++)
	{
		uint8_t		flags = p->flags[i];
		member	   *m = &e->m[e->size];

		if (flags & QD_LOCKED)
		{
			if (e->status == QD_OK &&
				(((flags & QD_HAS_FLOOR) && p->lock[i] < p->floor[i]) ||
				 ((flags & QD_HAS_CAP) && p->lock[i] > p->cap[i])))
			{
				e->status = QD_INFEASIBLE;
				e->problem.subject = QD_ON_LOCK;
				e->problem.row = i;
			}
			held += sign * (qd_int128) p->lock[i];
			locked++;
			continue;
		}
		if (!(flags & QD_HAS_WEIGHT))
			continue;
		m->row = i;
		m->weight = p->weight[i];
		weights += m->weight;
		if (mirrored)
		{
			m->low = (flags & QD_HAS_CAP) ? -(qd_int128) p->cap[i] : 0;
			m->open = !(flags & QD_HAS_FLOOR);
			m->high = m->open ? 0 : -(qd_int128) p->floor[i];
		}
		else
		{
			m->low = (flags & QD_HAS_FLOOR) ? p->floor[i] : 0;
			m->open = !(flags & QD_HAS_CAP);
			m->high = m->open ? 0 : p->cap[i];
		}
		e->size++;
	}
	if (e->status != QD_OK)
		return;
	if (e->size == 0 && locked == 0)
		return;
	if (weights >= QD_MAX_WEIGHT_SUM)
	{
		e->status = QD_WEIGHT_OVERFLOW;
		return;
	}
	e->equal = weights == 0 && e->size > 0;
	e->rest = sign * (qd_int128) p->total - held;
	size = magnitude(e->rest) + e->size;
	for (i = 0; i < e->size; i++)
	{
		member	   *m = &e->m[i];

		if (e->equal)
			m->weight = 1;
		low += m->low;
		if (m->weight == 0)
			high += m->low;
		else if (m->open)
			open = true;
		else
			high += m->high;
		size += magnitude(m->low) + (m->open ? 0 : magnitude(m->high));
	}
	e->may_overflow = size > INT64_MAX;
	if (e->rest < low || (!open && e->rest > high))
	{
		e->status = QD_INFEASIBLE;
		e->problem.subject = QD_ON_TOTAL;
		e->problem.row = -1;
		e->problem.asked = p->total;
		e->problem.low = mirrored ? -(high + held) : low + held;
		e->problem.high = mirrored ? -(low + held) : high + held;
		e->problem.unbounded_low = mirrored && open;
		e->problem.unbounded_high = !mirrored && open;
	}
}

static bool
check_problem(const qd_problem *is, const qd_problem *should, verdict *v)
{
	if (is->subject != should->subject || is->row != should->row)
		return test_broken(v, "infeasible: names subject %d, row %d instead of %d, row %d",
					  (int) is->subject, is->row, (int) should->subject, should->row);
	if (should->subject == QD_ON_LOCK)
		return true;
	if (is->asked != should->asked || is->unbounded_low != should->unbounded_low ||
		is->unbounded_high != should->unbounded_high ||
		(!is->unbounded_low && is->low != should->low) ||
		(!is->unbounded_high && is->high != should->high))
		return test_broken(v, "infeasible: reports %s for %s .. %s instead of %s for %s .. %s",
					  int128_text(is->asked), int128_text(is->low), int128_text(is->high),
					  int128_text(should->asked), int128_text(should->low),
					  int128_text(should->high));
	return true;
}

/* the exact shares are the water-filling: one ratio pool / pool_weight */
static bool
check_fill(const partition *p, const outcome *o, const expected *e, verdict *v)
{
	qd_int128	P = o->rows.pool;
	qd_int128	W = o->rows.pool_weight;
	qd_int128	held = 0;
	qd_int128	active = 0;
	const member *full = NULL;	/* at its cap, of the highest ratio */
	const member *empty = NULL; /* at its floor, of the lowest */
	int			sign = p->total < 0 ? -1 : 1;
	int32_t		i;

	for (i = 0; i < e->size; i++)
	{
		const member *m = &e->m[i];
		qd_int128	w = m->weight;
		uint8_t		state = o->rows.state[m->row];
		int64_t		whole;
		int64_t		millionths;
		qd_int128	is;

		qd_rows_exact(&o->rows, m->row, &whole, &millionths);
		if ((whole > 0 && millionths < 0) || (whole < 0 && millionths > 0) ||
			millionths <= -1000000 || millionths >= 1000000)
			return test_broken(v, "row %d: exact %lld and %lld millionths", m->row,
						  (long long) whole, (long long) millionths);
		is = sign * ((qd_int128) whole * 1000000 + millionths);
		if (state == QD_ACTIVE)
		{
			qd_int128	part = P * w;
			qd_int128	off;

			if (w == 0)
				return test_broken(v, "row %d shares without a weight", m->row);
			active += w;
			if (part < m->low * W || (!m->open && part > m->high * W))
				return test_broken(v, "row %d: its exact share is outside its bounds", m->row);
			/* |exact - is| <= half a millionth, half away from zero */
			off = (part - sign * (qd_int128) whole * W) * 1000000 -
				sign * (qd_int128) millionths * W;
			if (2 * magnitude(off) > W || (2 * magnitude(off) == W && (off > 0) == (part > 0)))
				return test_broken(v, "row %d: exact is told as %lld and %lld millionths", m->row,
							  (long long) whole, (long long) millionths);
		}
		else if (state == QD_AT_LOW)
		{
			held += m->low;
			if (is != m->low * 1000000)
				return test_broken(v, "row %d: exact is not its floor", m->row);
			if (w > 0)
			{
				if (W > 0 && P * w > m->low * W)
					return test_broken(v, "row %d held by its floor below its share", m->row);
				if (!empty || m->low * empty->weight < empty->low * w)
					empty = m;
			}
		}
		else if (state == QD_AT_HIGH)
		{
			held += m->high;
			if (is != m->high * 1000000)
				return test_broken(v, "row %d: exact is not its cap", m->row);
			if (w == 0 || m->open)
				return test_broken(v, "row %d held by no cap", m->row);
			if (W > 0 && P * w < m->high * W)
				return test_broken(v, "row %d held by its cap above its share", m->row);
			if (!full || m->high * full->weight > full->high * w)
				full = m;
		}
		else
			return test_broken(v, "row %d in state %d", m->row, state);
	}
	if (active != W)
		return test_broken(v, "the pool's weight is %s instead of %s", int128_text(W), int128_text(active));
	if (held + P != e->rest)
		return test_broken(v, "pool and bounds hold %s instead of %s", int128_text(held + P),
					  int128_text(e->rest));
	if (full && empty && full->high * empty->weight > empty->low * full->weight)
		return test_broken(v, "row %d at its cap, row %d at its floor: no one ratio", full->row, empty->row);
	return true;
}

/* who got the leftover units: larger remainder, larger weight, earlier */
static bool
check_hamilton(const outcome *o, const expected *e, verdict *v)
{
	qd_int128	P = o->rows.pool;
	qd_int128	W = o->rows.pool_weight;
	qd_int128	last_r = 0;
	qd_int128	next_r = 0;
	const member *last = NULL;
	const member *next = NULL;
	int32_t		i;

	for (i = 0; i < e->size; i++)
	{
		const member *m = &e->m[i];
		qd_int128	q;
		qd_int128	r;

		if (o->rows.state[m->row] != QD_ACTIVE)
			continue;
		q = P * m->weight / W;
		if (q * W > P * m->weight)
			q--;
		r = P * m->weight - q * W;
		if (m->amount != q && (m->amount != q + 1 || r == 0))
			return test_broken(v, "row %d has %lld, a unit or more from its share", m->row,
						  (long long) m->amount);
		if (m->amount == q + 1)
		{
			if (!last || r < last_r ||
				(r == last_r && (m->weight < last->weight ||
								 (m->weight == last->weight && m->row > last->row))))
			{
				last = m;
				last_r = r;
			}
		}
		else if (!next || r > next_r ||
				 (r == next_r && (m->weight > next->weight ||
								  (m->weight == next->weight && m->row < next->row))))
		{
			next = m;
			next_r = r;
		}
	}
	if (last && next &&
		(next_r > last_r ||
		 (next_r == last_r && (next->weight > last->weight ||
							   (next->weight == last->weight && next->row < last->row)))))
		return test_broken(v, "hamilton: row %d was served before row %d", last->row, next->row);
	return true;
}

/* every running sum is the nearest whole number, halves up */
static bool
check_cumulative(const outcome *o, const expected *e, verdict *v)
{
	qd_int128	P = o->rows.pool;
	qd_int128	W = o->rows.pool_weight;
	qd_int128	weight = 0;
	qd_int128	sum = 0;
	int32_t		i;

	for (i = 0; i < e->size; i++)
	{
		const member *m = &e->m[i];
		qd_int128	off;

		if (o->rows.state[m->row] != QD_ACTIVE)
			continue;
		weight += m->weight;
		sum += m->amount;
		off = 2 * (P * weight - sum * W);
		if (off < -W || off >= W)
			return test_broken(v, "cumulative: the running sum at row %d is %s", m->row, int128_text(sum));
	}
	return true;
}

static bool
check_rules(const partition *p, const outcome *o, const expected *e, verdict *v)
{
	int32_t		i;
	int32_t		next = 0;
	bool		mirrored = p->total < 0;

	for (i = 0; i < p->n; i++)
	{
		uint8_t		rule = o->rows.rule[i];
		uint8_t		flags = p->flags[i];
		const member *m = next < e->size && e->m[next].row == i ? &e->m[next++] : NULL;
		bool		fine = true;

		if (flags & QD_LOCKED)
			fine = rule == QD_RULE_LOCKED;
		else if (!m)
			fine = rule == QD_RULE_NONE;
		else
			switch (rule)
			{
				case QD_RULE_FLOOR:
				case QD_RULE_CAP:
					fine = (rule == QD_RULE_CAP) == mirrored ? m->amount == m->low :
						!m->open && m->amount == m->high;
					break;
				case QD_RULE_EQUAL:
					fine = e->equal;
					break;
				case QD_RULE_ZERO:
					fine = m->weight == 0 && m->amount == 0;
					break;
				case QD_RULE_WEBSTER:
					fine = p->rounding == QD_WEBSTER && !e->equal;
					break;
				case QD_RULE_SHARE:
					fine = p->rounding != QD_WEBSTER && !e->equal &&
						o->rows.state[i] == QD_ACTIVE;
					break;
				default:
					fine = false;
			}
		if (!fine)
			return test_broken(v, "row %d: rule %d does not fit", i, rule);
	}
	return true;
}

typedef struct weight_amount
{
	int64_t		weight;
	int64_t		amount;
} weight_amount;

static int
compare_weight_amount(const void *a, const void *b)
{
	const weight_amount *x = a;
	const weight_amount *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return x->amount < y->amount ? -1 : x->amount > y->amount;
}

static weight_amount *
sorted_amounts(const partition *p, const outcome *o, int32_t *size)
{
	weight_amount *list = test_zeroed((size_t) p->n, sizeof(weight_amount));
	int32_t		i;

	*size = 0;
	for (i = 0; i < p->n; i++)
		if (o->rows.rule[i] > QD_RULE_LOCKED)
		{
			list[*size].weight = p->weight[i];
			list[(*size)++].amount = o->rows.amount[i];
		}
	qsort(list, (size_t) *size, sizeof(weight_amount), compare_weight_amount);
	return list;
}

/* rows in another order: rows of one weight share the same amounts */
static bool
check_order(const partition *p, const outcome *o, source *s, verdict *v)
{
	partition  *q = partition_new(p->n);
	outcome    *other;
	bool		fine;
	int32_t		i;
	source		shuffle = {NULL, 0, s->state ^ (uint64_t) p->total};

	q->total = p->total;
	q->rounding = p->rounding;
	for (i = 0; i < p->n; i++)
	{
		int32_t		j = (int32_t) draw(&shuffle, (uint64_t) i + 1);

		q->flags[i] = q->flags[j];
		q->weight[i] = q->weight[j];
		q->floor[i] = q->floor[j];
		q->cap[i] = q->cap[j];
		q->lock[i] = q->lock[j];
		q->flags[j] = p->flags[i];
		q->weight[j] = p->weight[i];
		q->floor[j] = p->floor[i];
		q->cap[j] = p->cap[i];
		q->lock[j] = p->lock[i];
	}
	other = run_partition(q, NULL, true);
	fine = other->status == o->status;
	if (!fine)
		test_broken(v, "rows in another order: status %d instead of %d", (int) other->status,
			   (int) o->status);
	else if (o->status == QD_OK)
	{
		int32_t		n1;
		int32_t		n2;
		weight_amount *a = sorted_amounts(p, o, &n1);
		weight_amount *b = sorted_amounts(q, other, &n2);

		if (n1 != n2 || memcmp(a, b, (size_t) n1 * sizeof(weight_amount)) != 0)
			fine = test_broken(v, "rows in another order get other amounts");
		free(a);
		free(b);
	}
	outcome_free(other);
	partition_free(q);
	return fine;
}

/* f(-T) = -f(T), with bounds and locks mirrored too */
static bool
check_mirror(const partition *p, const outcome *o, verdict *v)
{
	partition  *q = partition_new(p->n);
	outcome    *other;
	bool		fine = true;
	int32_t		i;

	q->total = -p->total;
	q->rounding = p->rounding;
	for (i = 0; i < p->n; i++)
	{
		q->flags[i] = p->flags[i] & (uint8_t) ~(QD_HAS_FLOOR | QD_HAS_CAP);
		if (p->flags[i] & QD_HAS_FLOOR)
			q->flags[i] |= QD_HAS_CAP;
		if (p->flags[i] & QD_HAS_CAP)
			q->flags[i] |= QD_HAS_FLOOR;
		q->weight[i] = p->weight[i];
		q->floor[i] = -p->cap[i];
		q->cap[i] = -p->floor[i];
		q->lock[i] = -p->lock[i];
	}
	other = run_partition(q, NULL, true);
	if (other->status != o->status)
		fine = test_broken(v, "mirrored: status %d instead of %d", (int) other->status, (int) o->status);
	else if (o->status == QD_OK)
	{
		for (i = 0; i < p->n && fine; i++)
			if ((o->rows.rule[i] == QD_RULE_NONE) != (other->rows.rule[i] == QD_RULE_NONE) ||
				(o->rows.rule[i] != QD_RULE_NONE && other->rows.amount[i] != -o->rows.amount[i]))
				fine = test_broken(v, "mirrored: row %d gets %lld and %lld", i,
							  (long long) o->rows.amount[i], (long long) other->rows.amount[i]);
	}
	outcome_free(other);
	partition_free(q);
	return fine;
}

/* raising the total lowers nobody */
static bool
check_monotone(partition *p, const outcome *o, verdict *v)
{
	outcome    *other;
	bool		fine = true;
	int32_t		i;

	if (p->total == -1 || p->total == INT64_MAX)
		return true;
	p->total++;
	other = run_partition(p, NULL, false);
	p->total--;
	for (i = 0; other->status == QD_OK && i < p->n && fine; i++)
		if (o->rows.rule[i] != QD_RULE_NONE && other->rows.amount[i] < o->rows.amount[i])
			fine = test_broken(v, "webster: a larger total lowered row %d", i);
	outcome_free(other);
	return fine;
}

bool
check_partition(const partition *p, source *s, verdict *v)
{
	outcome    *o = run_partition(p, NULL, true);
	expected	e;
	bool		fine = true;

	v->message[0] = '\0';
	seen_rows += p->n;
	expect_partition(p, &e);
	if (o->status == QD_OVERFLOW && e.may_overflow && e.status == QD_OK)
		seen_overflow++;
	else if (o->status != e.status)
		fine = test_broken(v, "status %d instead of %d", (int) o->status, (int) e.status);
	else if (o->status == QD_INFEASIBLE)
	{
		fine = check_problem(&o->problem, &e.problem, v);
		seen_infeasible++;
	}
	else if (o->status != QD_OK)
		seen_other++;
	else
	{
		qd_int128	sum = 0;
		bool		any = false;
		int32_t		i;

		seen_ok++;
		for (i = 0; i < p->n && fine; i++)
			if (p->flags[i] & QD_LOCKED)
			{
				any = true;
				sum += o->rows.amount[i];
				if (o->rows.amount[i] != p->lock[i])
					fine = test_broken(v, "row %d lost its lock", i);
			}
		for (i = 0; i < e.size && fine; i++)
		{
			member	   *m = &e.m[i];

			any = true;
			sum += o->rows.amount[m->row];
			m->amount = p->total < 0 ? -o->rows.amount[m->row] : o->rows.amount[m->row];
			if (m->amount < m->low || (!m->open && m->amount > m->high))
				fine = test_broken(v, "row %d has %lld, outside its bounds", m->row,
							  (long long) o->rows.amount[m->row]);
		}
		if (fine && any && sum != p->total)
			fine = test_broken(v, "the sum is %s", int128_text(sum));
		if (fine && e.size > 0)
			fine = check_fill(p, o, &e, v) &&
				(p->rounding == QD_HAMILTON ? check_hamilton(o, &e, v) :
				 p->rounding == QD_CUMULATIVE ? check_cumulative(o, &e, v) :
				 one_ratio(e.m, e.size, v));
		fine = fine && check_rules(p, o, &e, v);
		if (fine && p->rounding == QD_WEBSTER)
			fine = check_monotone((partition *) p, o, v);
	}
	if (fine && p->total != 0)
		fine = check_mirror(p, o, v);
	if (fine && p->rounding != QD_CUMULATIVE && (o->status != QD_INFEASIBLE ||
												 o->problem.subject != QD_ON_LOCK))
		fine = check_order(p, o, s, v);
	free(e.m);
	outcome_free(o);
	return fine;
}
