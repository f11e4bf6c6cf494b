/*
 * response.c
 *		Which bounds bind: piecewise-linear responses, merged up the tree.
 *
 * The response of a subtree is what it would hold, x, if holding more were
 * rewarded at a rate lambda (half of it, to be exact): a monotone, piecewise
 * linear curve.  That of a leaf is clip(value + lambda / trust); children add
 * up; a node's own opinion shears the curve, (lambda, x) becomes (lambda +
 * trust * (x - value), x); its own bounds cut it at both ends.  At the root
 * lambda is 0.
 *
 * A curve's vertices are bounds being left or reached, each of them of one
 * node.  A vertex that a cut at the low end removes has been passed whatever
 * happens above, one removed at the high end never will be, and the root tells
 * the rest apart.  So no curve is ever evaluated on the way down: knowing who is
 * held by a bound, the values follow from a fit without bounds.
 *
 * A leaf without an opinion has a trust beyond all smallness, a unit of nu:
 * rates are pairs lambda + nu * epsilon, compared by lambda, then by nu.  Its
 * response is a step at lambda = 0, inclined in nu.
 *
 * x is measured from the optimum without bounds, so that precision is relative
 * to what bounds change and not to the totals.  All this is floating point: it
 * decides who is held by a bound; for nodes so near to the border that
 * rounding errors matter, either answer fits the same values.
 *
 * Nodes with neither opinion nor bounds of their own only add up: what is below
 * them belongs to the nearest node above that has one.  The leaves of such a
 * family are added up in one go, by sorting their vertices.
 *
 * Vertices are in a doubly linked list, and a shear of all is a note beside the
 * curve.  Curves of like size are merged in one walk through both; a small one
 * goes into a large one vertex by vertex, with the large one as a splay tree
 * (Sleator and Tarjan 1985, top-down) whose ranges are changed by notes at
 * their tops.  The largest child is visited first, so that few curves wait.
 */
#include <math.h>
#include <string.h>

#include "kernel/response.h"

#define NIL (-1)

typedef struct point
{
	qd_real		lambda;
	qd_real		nu;
	qd_real		x;
} point;

typedef struct vertex
{
	point		at;
	uint32_t	owner;			/* twice the row, plus 1: reaches its cap,
								 * plus 0: leaves its floor */
	int32_t		left;			/* or the one before, in a list */
	int32_t		right;			/* or the next */
	bool		pending;		/* a note for those below, in a splay tree */
} vertex;

/* lambda and x as linear functions of lambda, x, nu and 1 */
typedef struct affine
{
	qd_real		lambda[4];
	qd_real		x[4];
} affine;

typedef struct qd_curve
{
	bool		splayed;
	int32_t		first;			/* or the root */
	int32_t		last;			/* of a list */
	int32_t		size;			/* vertices; 0: a constant */
	qd_real		base;			/* x of the flat low end */
	qd_real		min;			/* the same in units, with no optimum taken
								 * off */
	qd_real		max;
	point		tail;			/* direction beyond the last vertex */
	/* notes for all: lambda + shear * x + shift, x + rise */
	qd_real		shear;
	qd_real		shift;
	qd_real		rise;
	int32_t		parent;			/* whose child's it is */

	/*
	 * A bunch of leaves, not yet added up: their vertices, in no order, are
	 * chained from first by right; at.x is the slope that begins (1) or ends
	 * there.  Blank ones have no opinion and are in order of nu.
	 */
	bool		bunch;
	bool		blank;
} qd_curve;

/* see visit_order: log2(n) open families of log2(n) + 2 curves */
#define MOST_CURVES		1200

/* from this ratio of sizes on vertices are inserted one by one */
#define LIKE_SIZE		8
#define SMALL			32

/*
 * A note changes many vertices by one formula, whose precision is relative to the
 * steepest part of the curve: beyond this ratio of trusts only lists are merged,
 * in which every vertex sees its neighbours alone.
 */
#define MOST_RATIO		1099511627776.0L

typedef struct response
{
	const qd_env *env;
	const qd_reconcile *r;
	const qd_tree *tree;
	uint8_t    *state;
	int32_t    *seq;			/* [n] children before parents, subtrees
								 * together, backwards */
	int32_t    *above;			/* [n] whose family a node belongs to, -1:
								 * none */
	bool		lists_only;
	vertex	   *v;
	int32_t		used;
	int32_t		room;			/* v[room] is a splay's header */
	affine	   *note;			/* NULL until there is a splay tree */
	void	   *raw_v;
	void	   *raw_note;
	uint32_t	steps;			/* counts to the next poll */
	qd_curve   *stack;
	int32_t		top;
} response;

static inline void
step(response *w)
{
	w->steps++;
	QD_POLL(w->env, w->steps);
}

static inline bool
before(point a, point b)
{
	return a.lambda < b.lambda || (a.lambda == b.lambda && a.nu < b.nu);
}

static inline void
passed(response *w, uint32_t owner)
{
	if (owner & 1)
		w->state[owner >> 1] = QD_AT_HIGH;
}

static inline void
not_passed(response *w, uint32_t owner)
{
	if (!(owner & 1))
		w->state[owner >> 1] = QD_AT_LOW;
}

/* where a vertex really is */
static inline point
place(const qd_curve *c, point p)
{
	p.lambda += c->shear * p.x + c->shift;
	p.x += c->rise;
	return p;
}

static inline point
direction(const qd_curve *c)
{
	point		d = c->tail;

	d.lambda += c->shear * d.x;
	return d;
}

/* ---------------------------------------------------------- splay trees */

static inline void
apply(const affine *m, point *p)
{
	point		q = *p;

	p->lambda = m->lambda[0] * q.lambda + m->lambda[1] * q.x + m->lambda[2] * q.nu + m->lambda[3];
	p->x = m->x[0] * q.lambda + m->x[1] * q.x + m->x[2] * q.nu + m->x[3];
}

/* changes a whole subtree */
static void
change(response *w, int32_t t, const affine *m)
{
	vertex	   *v;
	affine	   *note;
	affine		old;
	int			i;

	if (t == NIL)
		return;
	v = &w->v[t];
	note = &w->note[t];
	apply(m, &v->at);
	if (!v->pending)
	{
		*note = *m;
		v->pending = true;
		return;
	}
	old = *note;
	for (i = 0; i < 4; i++)
	{
		note->lambda[i] = m->lambda[0] * old.lambda[i] + m->lambda[1] * old.x[i];
		note->x[i] = m->x[0] * old.lambda[i] + m->x[1] * old.x[i];
	}
	note->lambda[2] += m->lambda[2];
	note->lambda[3] += m->lambda[3];
	note->x[2] += m->x[2];
	note->x[3] += m->x[3];
}

static inline void
push(response *w, int32_t t)
{
	vertex	   *v = &w->v[t];

	if (!v->pending)
		return;
	v->pending = false;
	change(w, v->left, &w->note[t]);
	change(w, v->right, &w->note[t]);
}

/*
 * Brings the vertex nearest to a key to the top: where the key falls between
 * two, one of them.  side: which end of equal ones to go for, -1 or 1.
 */
static int32_t
splay(response *w, int32_t t, point key, int side)
{
	vertex	   *v = w->v;
	int32_t		header = w->room;
	int32_t		l = header;
	int32_t		r = header;

	if (t == NIL)
		return NIL;
	v[header].left = v[header].right = NIL;
	v[header].pending = false;
	for (;;)
	{
		int32_t		c;

		step(w);
		push(w, t);
		if (before(key, v[t].at) || (side < 0 && !before(v[t].at, key)))
		{
			c = v[t].left;
			if (c == NIL)
				break;
			push(w, c);
			if (before(key, v[c].at) || (side < 0 && !before(v[c].at, key)))
			{
				v[t].left = v[c].right;
				v[c].right = t;
				t = c;
				if (v[t].left == NIL)
					break;
			}
			v[r].left = t;
			r = t;
			t = v[t].left;
		}
		else
		{
			c = v[t].right;
			if (c == NIL)
				break;
			push(w, c);
			if (!(before(key, v[c].at) || (side < 0 && !before(v[c].at, key))))
			{
				v[t].right = v[c].left;
				v[c].left = t;
				t = c;
				if (v[t].right == NIL)
					break;
			}
			v[l].right = t;
			l = t;
			t = v[t].right;
		}
	}
	v[l].right = v[t].left;
	v[r].left = v[t].right;
	v[t].left = v[header].right;
	v[t].right = v[header].left;
	return t;
}

static const point everywhere_low = {-HUGE_VALL, -HUGE_VALL, 0};
static const point everywhere_high = {HUGE_VALL, HUGE_VALL, 0};

/* a before b */
static int32_t
join(response *w, int32_t a, int32_t b)
{
	if (a == NIL)
		return b;
	a = splay(w, a, everywhere_high, 1);
	w->v[a].right = b;
	return a;
}

/* t's vertices up to the key, the rest into *rest */
static int32_t
split(response *w, int32_t t, point key, int32_t *rest)
{
	*rest = NIL;
	if (t == NIL)
		return NIL;
	t = splay(w, t, key, 1);
	if (before(key, w->v[t].at))
	{
		int32_t		low = w->v[t].left;

		w->v[t].left = NIL;
		*rest = t;
		/* its largest to the top, as promised to insert_all */
		return splay(w, low, everywhere_high, 1);
	}
	*rest = w->v[t].right;
	w->v[t].right = NIL;
	return t;
}

/* a splay tree into a list, by rotations; as changed by its notes */
static void
to_list(response *w, qd_curve *c)
{
	vertex	   *v = w->v;
	int32_t		previous = NIL;
	int32_t		t = c->first;

	if (!c->splayed)
		return;
	c->splayed = false;
	c->first = NIL;
	while (t != NIL)
	{
		int32_t		low;

		step(w);
		push(w, t);
		low = v[t].left;
		if (low != NIL)
		{
			push(w, low);
			v[t].left = v[low].right;
			v[low].right = t;
			t = low;
			continue;
		}
		v[t].left = previous;
		if (previous == NIL)
			c->first = t;
		else
			v[previous].right = t;
		previous = t;
		t = v[t].right;
	}
	c->last = previous;
}

/* every second one of so many below the header turns left */
static void
compress(response *w, int32_t count)
{
	vertex	   *v = w->v;
	int32_t		scan = w->room;

	for (; count > 0; count--)
	{
		int32_t		child = v[scan].right;

		step(w);
		v[scan].right = v[child].right;
		scan = v[scan].right;
		v[child].right = v[scan].left;
		v[scan].left = child;
	}
}

/* a list into a balanced tree (Day, Stout and Warren) */
static void
to_tree(response *w, qd_curve *c)
{
	vertex	   *v = w->v;
	int32_t		header = w->room;
	int32_t		full = 1;
	int32_t		t;

	if (c->splayed)
		return;
	c->splayed = true;
	for (t = c->first; t != NIL; t = v[t].right)
	{
		step(w);
		v[t].left = NIL;
		v[t].pending = false;
	}
	v[header].right = c->first;
	while (full <= (c->size + 1) / 2)
		full *= 2;
	compress(w, c->size + 1 - full);
	for (full = (full - 1) / 2; full > 0; full /= 2)
		compress(w, full);
	c->first = v[header].right;
}

/* -------------------------------------------------------------- both ends */

static int32_t
first_vertex(response *w, qd_curve *c)
{
	if (c->splayed)
		c->first = splay(w, c->first, everywhere_low, -1);
	return c->first;
}

static int32_t
last_vertex(response *w, qd_curve *c)
{
	if (!c->splayed)
		return c->last;
	c->first = splay(w, c->first, everywhere_high, 1);
	return c->first;
}

/* takes off what first_vertex has just returned */
static void
drop_first(response *w, qd_curve *c)
{
	c->first = w->v[c->first].right;
	c->size--;
	if (c->size == 0)
	{
		c->splayed = false;
		c->first = c->last = NIL;
	}
	else if (!c->splayed)
		w->v[c->first].left = NIL;
}

static void
drop_last(response *w, qd_curve *c)
{
	int32_t		t = c->splayed ? c->first : c->last;

	c->size--;
	if (c->size == 0)
	{
		c->splayed = false;
		c->first = c->last = NIL;
	}
	else if (c->splayed)
		c->first = w->v[t].left;
	else
	{
		c->last = w->v[t].left;
		w->v[c->last].right = NIL;
	}
}

static int32_t
new_vertex(response *w, point at, uint32_t owner)
{
	vertex	   *v = &w->v[w->used];

	v->at = at;
	v->owner = owner;
	v->left = v->right = NIL;
	v->pending = false;
	return w->used++;
}

static void
add_first(response *w, qd_curve *c, int32_t t)
{
	if (c->splayed)
	{
		int32_t		top = first_vertex(w, c);

		w->v[t].right = top;
		c->first = t;
	}
	else
	{
		w->v[t].right = c->first;
		if (c->first == NIL)
			c->last = t;
		else
			w->v[c->first].left = t;
		c->first = t;
	}
	c->size++;
}

static void
add_last(response *w, qd_curve *c, int32_t t)
{
	if (c->splayed)
	{
		w->v[t].left = last_vertex(w, c);
		c->first = t;
	}
	else
	{
		w->v[t].left = c->last;
		if (c->last == NIL)
			c->first = t;
		else
			w->v[c->last].right = t;
		c->last = t;
	}
	c->size++;
}

static void
set_constant(qd_curve *c, qd_real base, qd_real value)
{
	static const point flat = {1, 0, 0};

	c->splayed = false;
	c->first = c->last = NIL;
	c->size = 0;
	c->base = base;
	c->min = c->max = value;
	c->tail = flat;
	c->shear = c->shift = c->rise = 0;
	c->bunch = c->blank = false;
}

/* from + t of the way along */
static point
along(point from, point way, qd_real t)
{
	from.lambda += t * way.lambda;
	from.nu += t * way.nu;
	from.x += t * way.x;
	return from;
}

static point
difference(point a, point b)
{
	a.lambda -= b.lambda;
	a.nu -= b.nu;
	a.x -= b.x;
	return a;
}

/* the part of the way from a to b at which x is target */
static qd_real
part(qd_real target, qd_real a, qd_real b)
{
	qd_real		t = b > a ? (target - a) / (b - a) : 0;

	return t > 0 ? t < 1 ? t : 1 : 0;
}

/*
 * The curve is at least target (which is value in units) from here on.
 */
static void
cut_low(response *w, qd_curve *c, qd_real target, qd_real value, uint32_t owner)
{
	point		under = {0, 0, 0};
	bool		has_under = false;
	point		at;

	while (c->size > 0)
	{
		int32_t		t = first_vertex(w, c);

		if (place(c, w->v[t].at).x > target)
			break;
		step(w);
		under = w->v[t].at;
		has_under = true;
		passed(w, w->v[t].owner);
		drop_first(w, c);
	}
	if (c->size > 0)
	{
		point		over = w->v[first_vertex(w, c)].at;

		at = has_under ? along(under, difference(over, under),
							   part(target - c->rise, under.x, over.x)) : over;
	}
	else if (has_under && c->tail.x > 0)
		at = along(under, c->tail, (target - c->rise - under.x) / c->tail.x);
	else
	{
		set_constant(c, target, value);
		return;
	}
	add_first(w, c, new_vertex(w, at, owner));
	c->base = target;
	c->min = value;
}

/* and at most target */
static void
cut_high(response *w, qd_curve *c, qd_real target, qd_real value, uint32_t owner)
{
	static const point flat = {1, 0, 0};
	point		over = {0, 0, 0};
	point		under;
	bool		has_over = false;

	while (c->size > 0)
	{
		int32_t		t = last_vertex(w, c);

		if (place(c, w->v[t].at).x < target)
			break;
		step(w);
		over = w->v[t].at;
		has_over = true;
		not_passed(w, w->v[t].owner);
		drop_last(w, c);
	}
	if (c->size == 0)
	{
		set_constant(c, target, value);
		return;
	}
	under = w->v[last_vertex(w, c)].at;
	if (has_over)
		under = along(under, difference(over, under), part(target - c->rise, under.x, over.x));
	else if (c->tail.x > 0)
		under = along(under, c->tail, (target - c->rise - under.x) / c->tail.x);
	else
		return;					/* never gets there */
	add_last(w, c, new_vertex(w, under, owner));
	c->max = value;
	c->tail = flat;
}

/*
 * Held at target: what is up to it has been passed.  Who comes after somebody
 * who has not been has not been either, even if rounding errors say so.
 */
static void
pin(response *w, qd_curve *c, qd_real target, qd_real value)
{
	int32_t		t;

	to_list(w, c);
	for (t = c->first; t != NIL && place(c, w->v[t].at).x <= target; t = w->v[t].right)
	{
		step(w);
		passed(w, w->v[t].owner);
	}
	for (; t != NIL; t = w->v[t].right)
	{
		step(w);
		not_passed(w, w->v[t].owner);
	}
	set_constant(c, target, value);
}

/* the same for a root, whom nobody rewards: held at the rate 0 */
static void
pin_root(response *w, qd_curve *c)
{
	static const point zero = {0, 0, 0};
	int32_t		t;

	to_list(w, c);
	for (t = c->first; t != NIL && !before(zero, place(c, w->v[t].at)); t = w->v[t].right)
	{
		step(w);
		passed(w, w->v[t].owner);
	}
	for (; t != NIL; t = w->v[t].right)
	{
		step(w);
		not_passed(w, w->v[t].owner);
	}
}

/* ------------------------------------------------------------------ sums */

/*
 * x of a curve at a key between two of its neighbouring points; last is NULL
 * before the first, next is NULL behind the last.  False where the curve is
 * infinite there.
 */
static bool
value_at(const qd_curve *c, const point *last, const point *next, point key, qd_real *x)
{
	if (!last)
	{
		*x = c->base;
		return true;
	}
	if (next)
	{
		point		d = difference(*next, *last);
		qd_real		t = d.lambda > 0 ? (key.lambda - last->lambda) / d.lambda :
		d.nu > 0 ? (key.nu - last->nu) / d.nu : 0;

		*x = last->x + (t > 0 ? t < 1 ? t : 1 : 0) * d.x;
		return true;
	}
	if (c->tail.lambda > 0)
		*x = last->x + (key.lambda - last->lambda) * (c->tail.x / c->tail.lambda);
	else if (key.lambda > last->lambda)
		return false;
	else
		*x = last->x + (key.nu - last->nu) * (c->tail.x / c->tail.nu);
	return true;
}

/* carries out the notes beside a list */
static void
settle(response *w, qd_curve *c)
{
	int32_t		t;

	to_list(w, c);
	if (c->shear == 0 && c->shift == 0 && c->rise == 0)
		return;
	for (t = c->first; t != NIL; t = w->v[t].right)
	{
		step(w);
		w->v[t].at = place(c, w->v[t].at);
	}
	c->tail = direction(c);
	c->shear = c->shift = c->rise = 0;
}

/* the sum's ends; a has the rest already */
static void
add_ends(qd_curve *a, const qd_curve *b)
{
	bool		steep_a = !(a->tail.lambda > 0);
	bool		steep_b = !(b->tail.lambda > 0);
	qd_real		rate_a = steep_a ? a->tail.x / a->tail.nu : a->tail.x / a->tail.lambda;
	qd_real		rate_b = steep_b ? b->tail.x / b->tail.nu : b->tail.x / b->tail.lambda;

	if (steep_a || steep_b)
	{
		a->tail.lambda = 0;
		a->tail.nu = 1;
		a->tail.x = (steep_a ? rate_a : 0) + (steep_b ? rate_b : 0);
	}
	else
	{
		a->tail.lambda = 1;
		a->tail.nu = 0;
		a->tail.x = rate_a + rate_b;
	}
	a->base += b->base;
	a->min += b->min;
	a->max += b->max;
}

/* a += b, both lists, in one walk; of vertices with the same key a's are first */
static void
merge(response *w, qd_curve *a, qd_curve *b)
{
	vertex	   *v = w->v;
	int32_t		ta;
	int32_t		tb;
	int32_t		last = NIL;
	int32_t		first = NIL;
	int32_t		size = 0;
	point		last_a;
	point		last_b;
	bool		has_a = false;
	bool		has_b = false;

	settle(w, a);
	settle(w, b);
	ta = a->first;
	tb = b->first;
	while (ta != NIL || tb != NIL)
	{
		bool		is_a = tb == NIL || (ta != NIL && !before(v[tb].at, v[ta].at));
		int32_t		t = is_a ? ta : tb;
		point		at = v[t].at;
		qd_real		other;
		bool		finite;

		step(w);
		if (is_a)
		{
			ta = v[ta].right;
			finite = value_at(b, has_b ? &last_b : NULL, tb == NIL ? NULL : &v[tb].at, at, &other);
			last_a = at;
			has_a = true;
		}
		else
		{
			tb = v[tb].right;
			finite = value_at(a, has_a ? &last_a : NULL, ta == NIL ? NULL : &v[ta].at, at, &other);
			last_b = at;
			has_b = true;
		}
		if (!finite)
		{
			not_passed(w, v[t].owner);
			continue;
		}
		v[t].at.x += other;
		v[t].left = last;
		if (last == NIL)
			first = t;
		else
			v[last].right = t;
		last = t;
		size++;
	}
	if (last != NIL)
		v[last].right = NIL;
	a->first = first;
	a->last = last;
	a->size = size;
	add_ends(a, b);
}

/* adds to x, in a range between two points of the small qd_curve */
static void
lift_range(response *w, int32_t t, const qd_curve *small, const point *last, const point *next)
{
	affine		m = {{1, 0, 0, 0}, {0, 1, 0, 0}};
	point		d;

	if (!last)
		m.x[3] = small->base;
	else
	{
		d = next ? difference(*next, *last) : small->tail;
		if (d.lambda > 0)
		{
			m.x[0] = d.x / d.lambda;
			m.x[3] = last->x - m.x[0] * last->lambda;
		}
		else if (d.nu > 0)
		{
			m.x[2] = d.x / d.nu;
			m.x[3] = last->x - m.x[2] * last->nu;
		}
		else
			m.x[3] = last->x;
	}
	change(w, t, &m);
}

/* none of a subtree will ever be passed */
static void
drop_all(response *w, int32_t t, int32_t *size)
{
	qd_curve	lost = {0};

	lost.splayed = true;
	lost.first = t;
	to_list(w, &lost);
	for (t = lost.first; t != NIL; t = w->v[t].right)
	{
		step(w);
		not_passed(w, w->v[t].owner);
		(*size)--;
	}
}

/*
 * large += small, vertex by vertex.  O(small log large), and less where the
 * small one's are near to each other.
 */
static void
insert_all(response *w, qd_curve *large, qd_curve *small)
{
	vertex	   *v = w->v;
	affine		notes = {{1, large->shear, 0, large->shift}, {0, 1, 0, large->rise}};
	int32_t		done = NIL;
	int32_t		rest;
	int32_t		t;
	int32_t		next;
	point		last_large;
	point		last_small;
	bool		has_large = false;
	bool		has_small = false;

	settle(w, small);
	to_tree(w, large);
	change(w, large->first, &notes);
	large->tail = direction(large);
	large->shear = large->shift = large->rise = 0;
	rest = large->first;
	for (t = small->first; t != NIL; t = next)
	{
		point		at = v[t].at;
		int32_t		range;
		qd_real		other;
		bool		finite;

		step(w);
		next = v[t].right;
		range = split(w, rest, at, &rest);
		if (range != NIL)
		{
			last_large = v[range].at;
			has_large = true;
		}
		rest = splay(w, rest, everywhere_low, -1);
		finite = value_at(large, has_large ? &last_large : NULL,
						  rest == NIL ? NULL : &v[rest].at, at, &other);
		lift_range(w, range, small, has_small ? &last_small : NULL, &at);
		done = join(w, done, range);
		last_small = at;
		has_small = true;
		if (!finite)
		{
			not_passed(w, v[t].owner);
			continue;
		}
		v[t].at.x += other;
		v[t].left = done;
		v[t].right = NIL;
		v[t].pending = false;
		done = t;
		large->size++;
	}
	if (has_small && !(small->tail.lambda > 0))
	{
		point		border = last_small;
		int32_t		beyond;

		border.nu = HUGE_VALL;
		rest = split(w, rest, border, &beyond);
		drop_all(w, beyond, &large->size);
	}
	lift_range(w, rest, small, has_small ? &last_small : NULL, NULL);
	large->first = join(w, done, rest);
	add_ends(large, small);
}

static qd_status
add(response *w, qd_curve *a, qd_curve *b)
{
	qd_curve	larger = a->size >= b->size ? *a : *b;
	qd_curve	smaller = a->size >= b->size ? *b : *a;

	larger.parent = a->parent;
	if (smaller.size == 0)
	{
		larger.rise += smaller.base;
		larger.base += smaller.base;
		larger.min += smaller.min;
		larger.max += smaller.max;
	}
	else if (w->lists_only || larger.size <= SMALL || larger.size / LIKE_SIZE <= smaller.size)
		merge(w, &larger, &smaller);
	else
	{
		if (!w->note)
		{
			w->raw_note = w->env->alloc(w->env->arg, sizeof(affine) * ((size_t) w->room + 2));
			if (!w->raw_note)
				return QD_NOMEM;
			w->note = qd_aligned(w->raw_note);
		}
		insert_all(w, &larger, &smaller);
	}
	*a = larger;
	return QD_OK;
}

/* ------------------------------------------------------------- the forest */

/* units less an amount in fixed point */
static qd_real
less(int64_t units, int64_t whole, uint64_t fraction)
{
	return (qd_real) ((qd_int128) units - whole) - (qd_real) fraction / TWO_64;
}

static inline int64_t
low_of(const qd_tree *tree, int32_t row)
{
	return tree->floor ? tree->floor[row] : 0;
}

static inline int64_t
high_of(const qd_tree *tree, int32_t row)
{
	return tree->cap ? tree->cap[row] : QD_NO_CAP;
}

/* what the opinion is above the optimum without bounds */
static qd_real
opinion(const response *w, int32_t row)
{
	qd_int128	whole = (qd_int128) w->r->value[row] - w->tree->exact[row];

	return (qd_real) whole + ((qd_real) w->r->fraction[row] - (qd_real) w->tree->exact_fraction[row]) / TWO_64;
}

static void
leaf_curve(response *w, int32_t row, qd_curve *c)
{
	const qd_tree *tree = w->tree;
	int64_t		low = low_of(tree, row);
	int64_t		high = high_of(tree, row);
	qd_real		trust = w->r->trust[row];
	qd_real		value = opinion(w, row);
	point		at = {0, 0, 0};

	at.x = less(low, tree->exact[row], tree->exact_fraction[row]);
	set_constant(c, at.x, (qd_real) low);
	if (low == high)
		return;
	c->blank = !(trust > 0);
	if (c->blank)
		at.nu = (qd_real) low;
	else
		at.lambda = trust * (at.x - value);
	add_last(w, c, new_vertex(w, at, (uint32_t) row << 1));
	if (high == QD_NO_CAP)
	{
		c->max = HUGE_VALL;
		c->tail.lambda = trust;
		c->tail.nu = c->blank ? 1 : 0;
		c->tail.x = 1;
		return;
	}
	at.x = less(high, tree->exact[row], tree->exact_fraction[row]);
	if (c->blank)
		at.nu = (qd_real) high;
	else
		at.lambda = trust * (at.x - value);
	add_last(w, c, new_vertex(w, at, ((uint32_t) row << 1) | 1));
	c->max = (qd_real) high;
}

/* ---------------------------------------------------------------- bunches */

/*
 * Puts a leaf's curve to a bunch of its kind; slopes are 1 / trust, or 1 by nu.
 */
static void
bunch_up(response *w, qd_curve *bunch, const qd_curve *leaf)
{
	vertex	   *v = w->v;
	int32_t		t = leaf->first;
	qd_real		trust = w->r->trust[v[t].owner >> 1];
	qd_real		slope = leaf->blank ? 1 : 1 / trust;
	int32_t		last = t;

	v[t].at.x = slope;
	if (v[t].right != NIL)
	{
		last = v[t].right;
		v[last].at.x = -slope;
	}
	else
		bunch->tail.x += slope;
	v[last].right = bunch->first;
	bunch->first = t;
	bunch->size += leaf->size;
	bunch->base += leaf->base;
	bunch->min += leaf->min;
	bunch->max += leaf->max;
}

/* key is rounded, which keeps the order: who has the same is looked at again */
typedef struct sort_key
{
	double		key;
	int32_t		at;				/* the vertex */
	uint32_t	owner;			/* its owner */
} sort_key;

/* stable; from and to are [size], the result is in either */
static sort_key *
merge_sort(response *w, sort_key *from, sort_key *to, int32_t size)
{
	int64_t		width;

	for (width = 1; width < size; width *= 2)
	{
		int64_t		begin;
		sort_key   *swap = from;

		for (begin = 0; begin < size; begin += 2 * width)
		{
			int64_t		a = begin;
			int64_t		b = begin + width < size ? begin + width : size;
			int64_t		end_a = b;
			int64_t		end_b = b + width < size ? b + width : size;
			int64_t		out = begin;

			/* which is next cannot be predicted: no branch depends on it */
			while (a < end_a && b < end_b)
			{
				bool		second = from[b].key < from[a].key;

				step(w);
				if (from[b].key == from[a].key)
					second = before(w->v[from[b].at].at, w->v[from[a].at].at);
				to[out++] = from[second ? b : a];
				a += !second;
				b += second;
			}
			for (; a < end_a; out++)
			{
				step(w);
				to[out] = from[a++];
			}
			for (; b < end_b; out++)
			{
				step(w);
				to[out] = from[b++];
			}
		}
		from = to;
		to = swap;
	}
	return from;
}

#define DIGIT_BITS		11
#define DIGITS			6		/* of 64 bits */
#define DIGIT_SIZE		(1 << DIGIT_BITS)

/* bits of a key that are in its order */
static inline uint64_t
sortable(double key)
{
	uint64_t	bits;

	memcpy(&bits, &key, sizeof(bits));
	return bits >> 63 ? ~bits : bits | (uint64_t) 1 << 63;
}

/*
 * The same in fewer steps for many: digit by digit from the lowest, then, by
 * comparing, those whose keys are alike.  count is [DIGITS * DIGIT_SIZE].
 */
static sort_key *
radix_sort(response *w, sort_key *from, sort_key *to, int32_t size, int32_t *count)
{
	int32_t		begin;
	int			digit;
	int32_t		i;

	memset(count, 0, sizeof(int32_t) * DIGITS * DIGIT_SIZE);
	for (i = 0; i < size; i++)
	{
		uint64_t	bits;

		/* -0 is 0 */
		from[i].key += 0;
		bits = sortable(from[i].key);
		step(w);
		for (digit = 0; digit < DIGITS; digit++)
			count[digit * DIGIT_SIZE + (int) ((bits >> (digit * DIGIT_BITS)) % DIGIT_SIZE)]++;
	}
	for (digit = 0; digit < DIGITS; digit++)
	{
		int32_t    *start = &count[digit * DIGIT_SIZE];
		int32_t		sum = 0;
		int32_t		most = 0;
		sort_key   *swap = from;

		for (i = 0; i < DIGIT_SIZE; i++)
		{
			int32_t		here = start[i];

			if (here > most)
				most = here;
			start[i] = sum;
			sum += here;
		}
		if (most == size)
			continue;
		for (i = 0; i < size; i++)
		{
			uint64_t	bits = sortable(from[i].key);

			step(w);
			to[start[(bits >> (digit * DIGIT_BITS)) % DIGIT_SIZE]++] = from[i];
		}
		from = to;
		to = swap;
	}
	for (begin = 0; begin < size; begin = i)
	{
		sort_key   *sorted;

		step(w);
		for (i = begin + 1; i < size && from[i].key == from[begin].key; i++)
			step(w);
		if (i == begin + 1)
			continue;
		sorted = merge_sort(w, from + begin, to + begin, i - begin);
		if (sorted != from + begin)
			memcpy(from + begin, sorted, sizeof(sort_key) * (size_t) (i - begin));
	}
	return from;
}

/* a sum whose rounding errors are kept beside it */
typedef struct long_sum
{
	qd_real		sum;
	qd_real		rest;
} long_sum;

static inline void
add_to(long_sum *s, qd_real x)
{
	qd_real		sum = s->sum + x;
	qd_real		back = sum - s->sum;

	s->rest += (s->sum - (sum - back)) + (x - back);
	s->sum = sum;
}

/* a walk along the sorted vertices of a bunch */
typedef struct bunch_walk
{
	sort_key   *a;
	sort_key   *b;
	sort_key   *sorted;
	long_sum	x;
	long_sum	slope;
	qd_real		last_key;
	int32_t		i;
} bunch_walk;

static qd_status
begin_walk(response *w, const qd_curve *c, bunch_walk *pass)
{
	vertex	   *v = w->v;
	int32_t		t;
	int32_t		i = 0;

	pass->a = w->env->alloc(w->env->arg, sizeof(sort_key) * (size_t) c->size);
	pass->b = w->env->alloc(w->env->arg, sizeof(sort_key) * (size_t) c->size);

	if (!pass->a || !pass->b)
		return QD_NOMEM;
	for (t = c->first; t != NIL; t = v[t].right)
	{
		step(w);
		pass->a[i].key = (double) (c->blank ? v[t].at.nu : v[t].at.lambda);
		pass->a[i].owner = v[t].owner;
		pass->a[i].at = t;

		i++;
	}
	if (c->size < 4 * DIGIT_SIZE)
		pass->sorted = merge_sort(w, pass->a, pass->b, c->size);

	else
	{
		int32_t    *count = w->env->alloc(w->env->arg, sizeof(int32_t) * DIGITS * DIGIT_SIZE);

		if (!count)
			return QD_NOMEM;
		pass->sorted = radix_sort(w, pass->a, pass->b, c->size, count);

		w->env->release(w->env->arg, count);
	}
	pass->x.sum = c->base;
	pass->x.rest = 0;
	pass->slope.sum = pass->slope.rest = 0;
	pass->last_key = 0;
	pass->i = 0;

	return QD_OK;
}

/* the next vertex, and in *x what the bunch holds there */
static int32_t
next_of_walk(response *w, const qd_curve *c, bunch_walk *pass, qd_real *x)
{
	int32_t		t = pass->sorted[pass->i].at;
	const vertex *v = &w->v[t];
	qd_real		key = c->blank ? v->at.nu : v->at.lambda;

	step(w);
	if (pass->i > 0)
		add_to(&pass->x, (pass->slope.sum + pass->slope.rest) * (key - pass->last_key));
	pass->last_key = key;

	add_to(&pass->slope, v->at.x);
	pass->i++;
	*x = pass->x.sum + pass->x.rest;

	return t;
}

static void
end_walk(response *w, bunch_walk *pass)
{
	if (pass->b)
		w->env->release(w->env->arg, pass->b);
	if (pass->a)
		w->env->release(w->env->arg, pass->a);
}

/* a bunch into a curve */
static qd_status
add_up(response *w, qd_curve *c)
{
	vertex	   *v = w->v;
	bunch_walk	pass;
	qd_status	status;
	int32_t		last = NIL;

	if (!c->bunch)
		return QD_OK;
	status = begin_walk(w, c, &pass);
	if (status == QD_OK)
	{
		while (pass.i < c->size)
		{
			qd_real		x;
			int32_t		t = next_of_walk(w, c, &pass, &x);

			v[t].at.x = x;
			v[t].left = last;
			if (last == NIL)
				c->first = t;
			else
				v[last].right = t;
			last = t;
		}
		v[last].right = NIL;
		c->last = last;
		/* the direction of the tail: slopes of who has no cap */
		c->tail.lambda = c->blank && c->tail.x > 0 ? 0 : 1;
		c->tail.nu = c->blank && c->tail.x > 0 ? 1 : 0;
		c->bunch = false;
	}
	end_walk(w, &pass);
	return status;
}

/*
 * A whole family that is a bunch, below a node that is held at target, or below
 * a root: only who has been passed is asked for, and no curve is needed.
 */
static qd_status
pin_bunch(response *w, int32_t row, qd_curve *c, bool held, qd_real target)
{
	static const point zero = {0, 0, 0};
	qd_real		trust = w->r->trust[row];
	qd_real		value = opinion(w, row);
	bunch_walk	pass;
	qd_status	status = begin_walk(w, c, &pass);

	if (status == QD_OK)
	{
		int32_t		i = 0;

		while (pass.i < c->size)
		{
			qd_real		x;
			point		here = w->v[next_of_walk(w, c, &pass, &x)].at;

			here.x = x;
			here.lambda += trust * (x - value);
			if (held ? x > target : before(zero, here))
				break;
			passed(w, pass.sorted[i++].owner);
		}
		for (; i < c->size; i++)
		{
			step(w);
			not_passed(w, pass.sorted[i].owner);
		}
	}
	end_walk(w, &pass);
	return status;
}

/* a node's own opinion and bounds, over what is below it */
static void
own_part(response *w, int32_t row, qd_curve *c)
{
	const qd_tree *tree = w->tree;
	int64_t		low = low_of(tree, row);
	int64_t		high = high_of(tree, row);
	qd_real		trust = w->r->trust[row];

	if (!(tree->flags[row] & QD_LOCKED) && trust > 0 && c->size > 0)
	{
		c->shift += trust * (c->rise - opinion(w, row));
		c->shear += trust;
	}
	if (low == high)
	{
		if (c->min < c->max && !(tree->flags[row] & QD_LOCKED))
			w->state[row] = QD_AT_LOW;
		pin(w, c, less(low, tree->exact[row], tree->exact_fraction[row]), (qd_real) low);
		return;
	}
	if (tree->floor && (qd_real) low > c->min)
		cut_low(w, c, less(low, tree->exact[row], tree->exact_fraction[row]), (qd_real) low,
				(uint32_t) row << 1);
	if (high != QD_NO_CAP && (qd_real) high < c->max)
		cut_high(w, c, less(high, tree->exact[row], tree->exact_fraction[row]), (qd_real) high,
				 ((uint32_t) row << 1) | 1);
}

/* neither opinion nor bounds of its own, nor a root: its children's sum */
static bool
only_adds(const response *w, int32_t row)
{
	return w->tree->parent[row] >= 0 && !qd_is_leaf(w->tree, row) && !(w->r->trust[row] > 0) &&
		!(w->tree->flags[row] & (QD_LOCKED | QD_HAS_FLOOR | QD_HAS_CAP));
}

/*
 * Parents before children and every subtree together, the child with the most
 * nodes last; read backwards, it comes first.  Then the curves that wait belong
 * to families in which a child with at most half of the nodes is being worked on:
 * at most log2(n) of them, and in each the sizes of curves at least double.
 */
static qd_status
visit_order(response *w)
{
	const qd_tree *tree = w->tree;
	size_t		n = (size_t) tree->n;
	int32_t    *size = w->env->alloc(w->env->arg, sizeof(int32_t) * (n + 1));
	int32_t    *position = w->env->alloc(w->env->arg, sizeof(int32_t) * (n + 1));
	int32_t		next = 0;
	int32_t		at;

	if (size && position)
	{
		for (at = 0; at < tree->n; at++)
		{
			QD_POLL(w->env, at);
			size[at] = 1;
		}
		for (at = tree->n - 1; at >= 0; at--)
		{
			int32_t		row = tree->order[at];

			QD_POLL(w->env, at);
			if (tree->parent[row] >= 0)
				size[tree->parent[row]] += size[row];
		}
		for (at = 0; at < tree->n; at++)
		{
			int32_t		row = tree->order[at];
			int32_t		largest = NIL;
			int32_t		place_of;
			int32_t		c;

			QD_POLL(w->env, at);
			w->above[row] = tree->parent[row];
			if (tree->parent[row] < 0)
			{
				position[row] = next;
				next += size[row];
			}
			else if (only_adds(w, tree->parent[row]))
				w->above[row] = w->above[tree->parent[row]];
			for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
			{
				QD_POLL(w->env, c);
				if (largest == NIL || size[tree->child[c]] > size[largest])
					largest = tree->child[c];
			}
			place_of = position[row] + 1;
			for (c = tree->child_start[row]; c < tree->child_start[row + 1]; c++)
			{
				int32_t		child = tree->child[c];

				QD_POLL(w->env, c);
				if (child == largest)
					continue;
				position[child] = place_of;
				place_of += size[child];
			}
			if (largest != NIL)
				position[largest] = place_of;
			w->seq[position[row]] = row;
		}
	}
	if (position)
		w->env->release(w->env->arg, position);
	if (size)
		w->env->release(w->env->arg, size);
	return size && position ? QD_OK : QD_NOMEM;
}

/*
 * Puts a finished node's curve to those of its family.  These are together on
 * the stack: curves, the larger below, then at most one bunch of each kind.
 */
static qd_status
put(response *w, const qd_curve *c, bool leaf)
{
	qd_status	status = QD_OK;
	int32_t		bunches = 0;
	int32_t		top;
	int32_t		i;

	while (bunches < 2 && w->top > bunches && w->stack[w->top - 1 - bunches].parent == c->parent &&
		   w->stack[w->top - 1 - bunches].bunch)
	{
		bunches++;
		if (leaf && w->stack[w->top - bunches].blank == c->blank)
		{
			bunch_up(w, &w->stack[w->top - bunches], c);
			return QD_OK;
		}
	}
	if (w->top == MOST_CURVES)
		return QD_INTERNAL;
	if (leaf && !w->lists_only)
	{
		qd_curve   *bunch = &w->stack[w->top++];

		set_constant(bunch, 0, 0);
		bunch->parent = c->parent;
		bunch->bunch = true;
		bunch->blank = c->blank;
		bunch_up(w, bunch, c);
		return QD_OK;
	}
	/* below the bunches */
	for (i = 0; i < bunches; i++)
		w->stack[w->top - i] = w->stack[w->top - i - 1];
	w->stack[w->top - bunches] = *c;
	top = w->top - bunches + 1;
	while (status == QD_OK && top > 1 && w->stack[top - 2].parent == c->parent &&
		   (w->stack[top - 1].size == 0 || w->stack[top - 2].size / 2 < w->stack[top - 1].size))
	{
		top--;
		status = add(w, &w->stack[top - 1], &w->stack[top]);
	}
	for (i = 0; i < bunches; i++)
		w->stack[top + i] = w->stack[w->top - bunches + 1 + i];
	w->top = top + bunches;
	return status;
}

/* the sum of a node's family, which is on top of the stack */
static qd_status
take(response *w, int32_t row, qd_curve *c)
{
	qd_status	status;

	*c = w->stack[--w->top];
	status = add_up(w, c);
	while (status == QD_OK && w->top > 0 && w->stack[w->top - 1].parent == row)
	{
		w->top--;
		status = add_up(w, &w->stack[w->top]);
		if (status == QD_OK)
			status = add(w, c, &w->stack[w->top]);
	}
	return status;
}

static qd_status
respond(response *w)
{
	const qd_tree *tree = w->tree;
	qd_status	status = QD_OK;
	int32_t		at;

	for (at = tree->n - 1; at >= 0 && status == QD_OK; at--)
	{
		int32_t		row = w->seq[at];
		qd_curve	c;

		QD_POLL(w->env, at);
		if ((tree->flags[row] & QD_NO_TOTAL) || only_adds(w, row))
			continue;
		if (qd_is_leaf(tree, row))
			leaf_curve(w, row, &c);
		else if (w->stack[w->top - 1].bunch &&
				 (low_of(tree, row) == high_of(tree, row) || tree->parent[row] < 0) &&
				 !(tree->flags[row] & QD_HAS_FLOOR) && !(tree->flags[row] & QD_HAS_CAP) &&
				 (w->top == 1 || w->stack[w->top - 2].parent != row))
		{
			bool		held = low_of(tree, row) == high_of(tree, row);
			qd_real		target = less(low_of(tree, row), tree->exact[row],
									  tree->exact_fraction[row]);

			w->top--;
			status = pin_bunch(w, row, &w->stack[w->top], held, target);
			if (status != QD_OK)
				break;
			set_constant(&c, target, (qd_real) low_of(tree, row));
		}
		else
		{
			status = take(w, row, &c);
			if (status != QD_OK)
				break;
			own_part(w, row, &c);
		}
		c.parent = w->above[row];
		if (c.parent >= 0)
		{
			status = put(w, &c, qd_is_leaf(tree, row) && c.size > 0);
			continue;
		}
		pin_root(w, &c);
	}
	return status;
}

qd_status
qd_find_binding(const qd_env *env, const qd_reconcile *r, uint8_t *state)
{
	response	w = {0};
	const qd_tree *tree = r->tree;
	int64_t		room = 0;
	qd_real		least = HUGE_VALL;
	qd_real		most = 0;
	qd_status	status = QD_OK;
	void	   *raw_stack;
	int32_t		row;

	w.env = env;
	w.r = r;
	w.tree = tree;
	w.state = state;
	for (row = 0; row < tree->n; row++)
	{
		QD_POLL(env, row);
		state[row] = QD_ACTIVE;
		if (tree->flags[row] & QD_NO_TOTAL)
			continue;
		if (r->trust[row] > most)
			most = r->trust[row];
		if (r->trust[row] > 0 && r->trust[row] < least)
			least = r->trust[row];
		if (qd_is_leaf(tree, row))
			room += high_of(tree, row) == QD_NO_CAP ? 1 : 2;
		else
			room += ((tree->flags[row] & QD_HAS_FLOOR) ? 1 : 0) +
				((tree->flags[row] & QD_HAS_CAP) ? 1 : 0);
		if (qd_is_leaf(tree, row) && !(tree->flags[row] & QD_LOCKED) &&
			low_of(tree, row) == high_of(tree, row))
			state[row] = QD_AT_LOW;
	}
	if (room > INT32_MAX - 2)
		return QD_NOMEM;
	w.room = (int32_t) room;
	w.lists_only = most > least * MOST_RATIO;
	w.seq = env->alloc(env->arg, sizeof(int32_t) * ((size_t) tree->n + 1));
	w.above = env->alloc(env->arg, sizeof(int32_t) * ((size_t) tree->n + 1));
	w.raw_v = env->alloc(env->arg, sizeof(vertex) * ((size_t) room + 2));
	raw_stack = env->alloc(env->arg, sizeof(qd_curve) * (MOST_CURVES + 2));
	if (!w.seq || !w.above || !w.raw_v || !raw_stack)
		status = QD_NOMEM;
	if (status == QD_OK)
		status = visit_order(&w);
	if (status == QD_OK)
	{
		w.v = qd_aligned(w.raw_v);
		w.stack = qd_aligned(raw_stack);
		status = respond(&w);
	}
	if (w.raw_note)
		env->release(env->arg, w.raw_note);
	if (raw_stack)
		env->release(env->arg, raw_stack);
	if (w.raw_v)
		env->release(env->arg, w.raw_v);
	if (w.above)
		env->release(env->arg, w.above);
	if (w.seq)
		env->release(env->arg, w.seq);
	return status;
}
