/*
 * net_round.c
 *		From a fit to integers with both margins exact: each slot is rounded by
 *		itself, then what a line has too much or too little moves along the
 *		cheapest paths of single units (successive shortest paths with
 *		potentials; Edmonds & Karp 1972, Tomizawa 1971).
 *
 * QD_HAMILTON: the cost of a unit is what it adds to the distance from the fit,
 * so the sum of distances ends least (controlled rounding; Cox & Ernst 1982).
 * Costs are multiples of 2^-40: sums of them below 8192, which is all but where
 * noise of the fit asks for units beyond, are exact in a double.
 * QD_WEBSTER: the cost of the unit from x to x + 1 is ln((x + 1/2) / fitted);
 * no cycle of negative cost means there is a factor a line at which each slot
 * is rounded (Gaffke & Pukelsheim 2008).
 *
 * First, lines are scaled in turns, which leaves few units to move; where many
 * paths cost the same, units move along all of them at once.
 *
 * Most slots are nowhere near to being worth a move.  Paths are searched among
 * the cheap ones only; at the end every other slot is checked against the
 * potentials, which prove the whole to be best, or it joins and the search
 * goes on.
 */
#include "kernel/net.h"

#include <math.h>
#include <string.h>

/* cost of a unit beyond the two integers next to the fit, or below 0 */
#define BEYOND			4096.0
#define STEPS			1099511627776.0 /* 2^40 of them a unit */
/* what the fit may be off by: in units, in parts of the value */
#define NEARLY_WHOLE	1.5e-8L
#define NEARLY_PARTS	7e-18L
/* of logarithms, in parts */
#define NOISE			1e-15
#define NO_SLOT			(-1)
#define UNTOUCHED		(-2)
#define NOT_QUEUED		(-1)
/* instead of a line */
#define NO_LINE			(-1)
#define ALL_LINES		(-2)
/* of so many slots of a line these are cheap to begin with */
#define CHEAP_OF(n)		(24 + (n) / 12)
#define MOST_SCALINGS	200
#define MOST_RESTARTS	2
#define MOST_NARROW		32
#define FAR				8		/* a search that touches a line in so many */
#define MOST_SKIPPED	1000
#define UNREACHED		(-1)
/* whether a slot is */
#define NOT_CHEAP		0
#define CHEAP			1
#define PAYING			2

typedef struct rounding_work
{
	qd_net	   *net;
	qd_rounding rounding;
	int64_t    *below;			/* [slots] hamilton: the fit, cut, less low */
	double	   *part;			/* [slots] hamilton: what was cut; webster:
								 * the fit before bounds */
	int64_t    *left;			/* [lines] what a line lacks (rows) or has too
								 * much (columns), below 0 the reverse */
	double	   *potential;		/* [lines] */
	double	   *distance;		/* [lines] */
	int32_t    *came_by;		/* [lines] slot of the shortest path */
	int32_t    *place;			/* [lines] in the heap, or NOT_QUEUED */
	uint8_t    *settled;		/* [lines] */
	int32_t    *touched;		/* [lines] by the search */
	int32_t		touched_count;
	int32_t    *order;			/* [lines] by rank */
	int32_t    *level;			/* [lines] steps from a source */
	int32_t    *next;			/* [lines] the cheap slot to try next */
	int32_t    *heap;			/* [lines] */
	int32_t    *slot_heap;		/* [slots of the longest line] */
	uint8_t    *gains;			/* [slots of the longest line] */
	int32_t    *partner;		/* [slots of the longest line] */
	int32_t		heap_size;
	uint8_t    *cheap;			/* [slots] */
	int32_t    *cheap_start;	/* [lines + 1] */
	int32_t    *cheap_slot;		/* [2 * cheap slots], by line, others of lower
								 * rank first */
	double	   *cost;			/* [slots of the longest line] */
	bool		beyond;			/* no way but further than a unit from the fit */
	int64_t		steps;
} rounding_work;

/* ---------------------------------------------------------------- costs */

/* the cost of the unit from above to above + 1; never falls with above */
static inline double
unit_cost(const rounding_work *w, int32_t slot, int64_t above)
{
	double		part = w->part[slot];

	if (w->rounding == QD_WEBSTER)
	{
		double		x = (double) (qd_net_low(w->net, slot) + above);

		/* below 0, and where the fit is nothing, a factor explains no amount */
		if (x + 0.5 <= 0.0)
			return -BEYOND;
		return part > 0.0 ? log1p((x + 0.5 - part) / part) : BEYOND;
	}
	if (above == w->below[slot])
		return part > 0.0 ? 1.0 - 2.0 * part : BEYOND;
	return above < w->below[slot] ? -BEYOND : BEYOND;
}

static inline bool
can_rise(const rounding_work *w, int32_t slot)
{
	int64_t		above = w->net->above[slot];

	if (w->below && !w->beyond &&
		(above > w->below[slot] || (above == w->below[slot] && w->part[slot] == 0.0)))
		return false;
	return above < qd_net_room(w->net, slot);
}

static inline bool
can_fall(const rounding_work *w, int32_t slot)
{
	int64_t		above = w->net->above[slot];

	return above > 0 && (!w->below || w->beyond || above > w->below[slot]);
}

static inline double
cost_to_rise(const rounding_work *w, int32_t slot)
{
	return unit_cost(w, slot, w->net->above[slot]);
}

static inline double
cost_to_fall(const rounding_work *w, int32_t slot)
{
	return -unit_cost(w, slot, w->net->above[slot] - 1);
}

/* how many units cost the same in that direction */
static int64_t
units_alike(const rounding_work *w, int32_t slot, bool rise)
{
	int64_t		above = w->net->above[slot];
	int64_t		below = w->below ? w->below[slot] : 0;
	bool		has_part = w->part[slot] > 0.0;

	if (w->rounding == QD_WEBSTER)
		return 1;
	if (rise)
	{
		if (above < below)
			return below - above;
		if (above == below && has_part)
			return 1;
		return qd_net_room(w->net, slot) - above;
	}
	if (above > below + (has_part ? 1 : 0))
		return above - below - (has_part ? 1 : 0);
	if (above == below + 1 && has_part)
		return 1;
	return above;
}

/* ----------------------------------------------------------------- start */

/* a fit within a hair of an integer is that integer: the fit is not exact */
static void
cut_fit(const rounding_work *w, int32_t slot, long double above)
{
	int64_t		whole = (int64_t) above;
	long double part = above - (long double) whole;
	long double hair = NEARLY_WHOLE + above * NEARLY_PARTS;
	double		steps;

	if (part >= 1.0L - hair)
	{
		whole++;
		part = 0.0L;
	}
	else if (part <= hair)
		part = 0.0L;
	steps = rint((double) (part * (long double) STEPS));
	w->below[slot] = whole;
	w->part[slot] = steps / STEPS;
}

/* every slot to the nearest integer; an exact half goes down */
static void
round_slots(rounding_work *w, const qd_wide * factor)
{
	qd_net	   *net = w->net;
	int32_t		line;
	int32_t		slot;

	for (line = 0; line < net->lines; line++)
		w->left[line] = line < net->rows ? net->need[line] : -net->need[line];
	for (slot = 0; slot < net->slots; slot++)
	{
		int64_t		low = qd_net_low(net, slot);
		int64_t		room = qd_net_room(net, slot);
		int64_t		above;

		QD_POLL(net->env, slot);
		if (w->rounding == QD_WEBSTER)
		{
			long double fitted = qd_net_fitted(net, factor, slot);
			long double x = fitted - (long double) low;

			w->part[slot] = (double) fitted;
			if (x <= 0.0L)
				above = 0;
			else if (x >= (long double) room)
				above = room;
			else
			{
				above = (int64_t) x;
				if (x - (long double) above > 0.5L)
					above++;
			}
		}
		else
		{
			cut_fit(w, slot, qd_net_clamped(net, factor, slot) - (long double) low);
			above = w->below[slot] + (w->part[slot] > 0.5 ? 1 : 0);
		}
		net->above[slot] = above;
		w->left[net->row[slot]] -= above;
		w->left[net->rows + net->column[slot]] += above;
	}
}

static double
least_cost(const rounding_work *w, int32_t slot)
{
	double		least = INFINITY;

	if (can_rise(w, slot))
		least = cost_to_rise(w, slot);
	if (can_fall(w, slot) && cost_to_fall(w, slot) < least)
		least = cost_to_fall(w, slot);
	return least;
}

/* the k-th smallest of n, k from 0; the order of the others changes */
static double
nth_smallest(double *x, int32_t n, int32_t k)
{
	int32_t		lo = 0;
	int32_t		hi = n - 1;
	uint64_t	random = UINT64_C(0x2545f4914f6cdd1d);

	while (lo < hi)
	{
		double		pivot = x[lo + (int32_t) (qd_random(&random) % (uint64_t) (hi - lo + 1))];
		int32_t		i = lo;
		int32_t		j = hi;

		while (i <= j)
		{
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i <= j)
			{
				double		swap = x[i];

				x[i++] = x[j];
				x[j--] = swap;
			}
		}
		if (k <= j)
			hi = j;
		else if (k >= i)
			lo = i;
		else
			break;
	}
	return x[k];
}

/* the cheapest slots of every line to begin with */
static void
choose_cheap(rounding_work *w)
{
	const qd_net *net = w->net;
	int32_t		line;
	int32_t		i;

	for (line = 0; line < net->lines; line++)
	{
		int32_t		start = net->start[line];
		int32_t		n = net->start[line + 1] - start;
		double		limit = INFINITY;

		if (n > CHEAP_OF(n))
		{
			for (i = 0; i < n; i++)
			{
				QD_POLL(net->env, w->steps++);
				w->cost[i] = least_cost(w, qd_net_slot(net, line, start + i));
			}
			limit = nth_smallest(w->cost, n, CHEAP_OF(n) - 1);
		}
		for (i = 0; i < n; i++)
		{
			int32_t		slot = qd_net_slot(net, line, start + i);

			QD_POLL(net->env, w->steps++);
			if (!w->cheap[slot] && (isinf(limit) || least_cost(w, slot) <= limit))
				w->cheap[slot] = 1;
		}
	}
}

/* the cheap slots of each line, those to lines of lower rank first */
static qd_status
list_cheap(rounding_work *w)
{
	const qd_net *net = w->net;
	int32_t		count = 0;
	int32_t		k;
	int32_t		i;
	int32_t		slot;

	qd_net_release(net->env, w->cheap_slot);
	memset(w->cheap_start, 0, sizeof(int32_t) * ((size_t) net->lines + 1));
	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(net->env, slot);
		if (!w->cheap[slot])
			continue;
		w->cheap_start[net->row[slot] + 1]++;
		w->cheap_start[net->rows + net->column[slot] + 1]++;
		count++;
	}
	w->cheap_slot = qd_net_alloc(net->env, sizeof(int32_t) * ((size_t) count * 2 + 1));
	if (!w->cheap_slot)
		return QD_NOMEM;
	for (k = 0; k < net->lines; k++)
		w->cheap_start[k + 1] += w->cheap_start[k];
	for (k = 0; k < net->lines; k++)
	{
		int32_t		line = w->order[k];

		for (i = net->start[line]; i < net->start[line + 1]; i++)
		{
			QD_POLL(net->env, w->steps++);
			slot = qd_net_slot(net, line, i);
			if (w->cheap[slot])
				w->cheap_slot[w->cheap_start[qd_net_other(net, line, slot)]++] = slot;
		}
	}
	for (k = net->lines; k > 0; k--)
		w->cheap_start[k] = w->cheap_start[k - 1];
	w->cheap_start[0] = 0;
	return QD_OK;
}

/* ------------------------------------------------------------------ heap */

/* a line that units can end at: a column that lacks some, a row with too many */
static inline bool
is_sink(const rounding_work *w, int32_t line)
{
	return w->left[line] < 0;
}

/*
 * Nearer first, then ends, so that there is no search beyond them, then the
 * line that is to be served first.
 */
static inline bool
comes_before(const rounding_work *w, int32_t a, int32_t b)
{
	if (w->distance[a] != w->distance[b])
		return w->distance[a] < w->distance[b];
	if (is_sink(w, a) != is_sink(w, b))
		return is_sink(w, a);
	return w->net->grid->rank[a] < w->net->grid->rank[b];
}

static void
sift_up(rounding_work *w, int32_t at)
{
	int32_t		line = w->heap[at];

	while (at > 0 && comes_before(w, line, w->heap[(at - 1) / 2]))
	{
		w->heap[at] = w->heap[(at - 1) / 2];
		w->place[w->heap[at]] = at;
		at = (at - 1) / 2;
	}
	w->heap[at] = line;
	w->place[line] = at;
}

static int32_t
take_first(rounding_work *w)
{
	int32_t		first = w->heap[0];
	int32_t		line = w->heap[--w->heap_size];
	int32_t		at = 0;

	w->place[first] = NOT_QUEUED;
	while (2 * at + 1 < w->heap_size)
	{
		int32_t		child = 2 * at + 1;

		if (child + 1 < w->heap_size && comes_before(w, w->heap[child + 1], w->heap[child]))
			child++;
		if (!comes_before(w, w->heap[child], line))
			break;
		w->heap[at] = w->heap[child];
		w->place[w->heap[at]] = at;
		at = child;
	}
	if (w->heap_size > 0)
	{
		w->heap[at] = line;
		w->place[line] = at;
	}
	return first;
}

/* ----------------------------------------------------------------- paths */

/* what a unit more (from a row) or less (from a column) costs, by potentials */
static inline double
reduced_cost(const rounding_work *w, int32_t slot, bool rise)
{
	int32_t		row = w->net->row[slot];
	int32_t		column = w->net->rows + w->net->column[slot];

	return rise ? cost_to_rise(w, slot) + w->potential[row] - w->potential[column] :
		cost_to_fall(w, slot) + w->potential[column] - w->potential[row];
}

/* lowers a line's distance, found by way of a slot; false if it is none lower */
static bool
reach(rounding_work *w, int32_t line, int32_t from, int32_t slot, double distance)
{
	if (w->came_by[line] == UNTOUCHED)
	{
		w->touched[w->touched_count++] = line;
		w->place[line] = w->heap_size++;
		w->heap[w->place[line]] = line;
	}
	else if (distance > w->distance[line])
		return false;
	else if (distance == w->distance[line])
	{
		/* as near by another line: by the one that comes first */
		const int32_t *rank = w->net->grid->rank;

		if (rank[from] < rank[qd_net_other(w->net, line, w->came_by[line])])
			w->came_by[line] = slot;
		return false;
	}
	w->distance[line] = distance;
	w->came_by[line] = slot;
	sift_up(w, w->place[line]);
	return true;
}

/*
 * The cheapest path from a source to any sink among the cheap slots, in
 * came_by; -1 if there is none.  Potentials follow.
 */
static int32_t
find_path(rounding_work *w, int32_t source)
{
	const qd_net *net = w->net;
	int32_t		sink = -1;
	double		nearest = INFINITY;
	int32_t		i;

	w->heap_size = 1;
	w->heap[0] = source;
	w->place[source] = 0;
	w->distance[source] = 0.0;
	w->came_by[source] = NO_SLOT;
	w->touched[0] = source;
	w->touched_count = 1;
	while (w->heap_size > 0)
	{
		int32_t		line = take_first(w);
		bool		rise = line < net->rows;

		w->settled[line] = 1;
		if (is_sink(w, line))
		{
			sink = line;
			break;
		}
		for (i = w->cheap_start[line]; i < w->cheap_start[line + 1]; i++)
		{
			int32_t		slot = w->cheap_slot[i];
			int32_t		other = qd_net_other(net, line, slot);
			double		cost;
			double		distance;

			QD_POLL(net->env, w->steps++);
			if (w->settled[other] || !(rise ? can_rise(w, slot) : can_fall(w, slot)))
				continue;
			cost = reduced_cost(w, slot, rise);
			/* below 0 only by the noise of logarithms */
			distance = w->distance[line] + (cost > 0.0 ? cost : 0.0);
			if (distance <= nearest && reach(w, other, line, slot, distance) && is_sink(w, other))
				nearest = distance;
		}
	}
	for (i = 0; i < w->touched_count; i++)
	{
		int32_t		line = w->touched[i];

		if (sink >= 0 && w->settled[line])
			w->potential[line] += w->distance[line] - w->distance[sink];
		w->settled[line] = 0;
		w->place[line] = NOT_QUEUED;
	}
	return sink;
}

/* a search's marks; came_by of its path has been used by then */
static void
forget_path(rounding_work *w)
{
	int32_t		i;

	for (i = 0; i < w->touched_count; i++)
		w->came_by[w->touched[i]] = UNTOUCHED;
}

/* what a reduced cost may be off by: nothing, for sums of 2^-40 */
static inline double
noise(const rounding_work *w, int32_t slot, double cost)
{
	if (w->rounding != QD_WEBSTER)
		return 0.0;
	return NOISE * (fabs(cost) + fabs(w->potential[w->net->row[slot]]) +
					fabs(w->potential[w->net->rows + w->net->column[slot]]));
}

/* whether a unit can be moved for nothing, by the potentials */
static bool
costs_nothing(const rounding_work *w, int32_t slot, bool rise)
{
	double		cost;

	if (!(rise ? can_rise(w, slot) : can_fall(w, slot)))
		return false;
	cost = reduced_cost(w, slot, rise);
	return cost <= 4.0 * noise(w, slot, cost);
}

/* units of a slot from its row to its column, or back */
static void
move_units(rounding_work *w, int32_t slot, bool rise, int64_t units)
{
	w->net->above[slot] += rise ? units : -units;
}

/* as much as a path of slots from a source to a sink takes at its cost */
static void
push_path(rounding_work *w, int32_t source, int32_t sink, const int32_t *path, int32_t length)
{
	const qd_net *net = w->net;
	int64_t		units = w->left[source] < -w->left[sink] ? w->left[source] : -w->left[sink];
	int32_t		line = source;
	int32_t		i;

	for (i = 0; i < length; i++)
	{
		int64_t		alike = units_alike(w, path[i], line < net->rows);

		if (alike < units)
			units = alike;
		line = qd_net_other(net, line, path[i]);
	}
	line = source;
	for (i = 0; i < length; i++)
	{
		move_units(w, path[i], line < net->rows, units);
		line = qd_net_other(net, line, path[i]);
	}
	w->left[source] -= units;
	w->left[sink] += units;
}

/* the path that a search has found, from its source on; its length */
static int32_t
trace_path(rounding_work *w, int32_t source, int32_t sink)
{
	int32_t    *path = w->heap;
	int32_t		length = 0;
	int32_t		line;
	int32_t		i;

	for (line = sink; line != source; line = qd_net_other(w->net, line, w->came_by[line]))
		path[length++] = w->came_by[line];
	for (i = 0; i < length / 2; i++)
	{
		int32_t		slot = path[i];

		path[i] = path[length - 1 - i];
		path[length - 1 - i] = slot;
	}
	return length;
}

/* steps that cost nothing from the sources to each line; true if a sink is reached */
static bool
find_levels(rounding_work *w)
{
	const qd_net *net = w->net;
	int32_t    *queue = w->heap;
	int32_t		head = 0;
	int32_t		tail = 0;
	bool		found = false;
	int32_t		i;

	for (i = 0; i < net->lines; i++)
	{
		w->level[i] = UNREACHED;
		w->next[i] = w->cheap_start[i];
	}
	for (i = 0; i < net->lines; i++)
		if (w->left[w->order[i]] > 0)
		{
			w->level[w->order[i]] = 0;
			queue[tail++] = w->order[i];
		}
	while (head < tail)
	{
		int32_t		line = queue[head++];

		for (i = w->cheap_start[line]; i < w->cheap_start[line + 1]; i++)
		{
			int32_t		slot = w->cheap_slot[i];
			int32_t		other = qd_net_other(net, line, slot);

			QD_POLL(net->env, w->steps++);
			if (w->level[other] != UNREACHED || !costs_nothing(w, slot, line < net->rows))
				continue;
			w->level[other] = w->level[line] + 1;
			found = found || is_sink(w, other);
			queue[tail++] = other;
		}
	}
	return found;
}

/* a source's units along levels, until it has none left or there is no way */
static void
push_from(rounding_work *w, int32_t source)
{
	const qd_net *net = w->net;
	int32_t    *path = w->heap;
	int32_t		length = 0;
	int32_t		line = source;

	while (w->left[source] > 0)
	{
		bool		moved = false;

		if (is_sink(w, line))
		{
			push_path(w, source, line, path, length);
			line = source;
			length = 0;
			continue;
		}
		for (; w->next[line] < w->cheap_start[line + 1]; w->next[line]++)
		{
			int32_t		slot = w->cheap_slot[w->next[line]];
			int32_t		other = qd_net_other(net, line, slot);

			QD_POLL(net->env, w->steps++);
			if (w->level[other] == w->level[line] + 1 && costs_nothing(w, slot, line < net->rows))
			{
				path[length++] = slot;
				line = other;
				moved = true;
				break;
			}
		}
		if (moved)
			continue;
		if (length == 0)
			return;
		/* a dead end: back, and never again along these levels */
		line = qd_net_other(net, line, path[--length]);
		w->next[line]++;
	}
}

/*
 * Where a search went far, many paths cost the same: all that can be moved
 * for nothing by the potentials (Dinic's levels).  False if that is nothing.
 */
static bool
push_plateau(rounding_work *w)
{
	bool		any = false;

	while (find_levels(w))
	{
		int32_t		k;

		for (k = 0; k < w->net->lines; k++)
			push_from(w, w->order[k]);
		any = true;
	}
	return any;
}

/* ---------------------------------------------------------- line by line */

/* by their costs, then those whose other line gains too, then as they stand */
static inline bool
slot_before(const rounding_work *w, int32_t a, int32_t b)
{
	if (w->cost[a] != w->cost[b])
		return w->cost[a] < w->cost[b];
	if (w->gains[a] != w->gains[b])
		return w->gains[a] > w->gains[b];
	return a < b;
}

static void
slot_down(const rounding_work *w, int32_t *heap, int32_t size, int32_t at)
{
	int32_t		moved = heap[at];

	while (2 * at + 1 < size)
	{
		int32_t		child = 2 * at + 1;

		if (child + 1 < size && slot_before(w, heap[child + 1], heap[child]))
			child++;
		if (!slot_before(w, heap[child], moved))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/*
 * Gives a line what it needs by its own cheapest moves; its potential follows,
 * so that no move would pay.  The other lines' needs change.  Stops early
 * where the line has no further moves.
 */
static void
scale_line(rounding_work *w, int32_t line)
{
	const qd_net *net = w->net;
	bool		is_row = line < net->rows;
	bool		rise = (w->left[line] > 0) == is_row;
	int32_t    *heap = w->slot_heap;
	int32_t		start = w->cheap_start[line];
	int32_t		size = 0;
	double		last = 0.0;
	int32_t		other;
	int32_t		i;

	for (i = 0; i < w->cheap_start[line + 1] - start; i++)
	{
		int32_t		slot = w->cheap_slot[start + i];

		QD_POLL(net->env, w->steps++);
		if (!(rise ? can_rise(w, slot) : can_fall(w, slot)))
			continue;
		w->cost[i] = reduced_cost(w, slot, rise);
		other = qd_net_other(net, line, slot);
		w->gains[i] = w->left[line] > 0 ? w->left[other] < 0 : w->left[other] > 0;
		heap[size++] = i;
	}
	for (i = size / 2 - 1; i >= 0; i--)
		slot_down(w, heap, size, i);
	while (w->left[line] != 0 && size > 0)
	{
		int32_t		slot = w->cheap_slot[start + heap[0]];
		int64_t		need = w->left[line] < 0 ? -w->left[line] : w->left[line];
		int64_t		units = units_alike(w, slot, rise);

		QD_POLL(net->env, w->steps++);
		if (w->cost[heap[0]] > last)
			last = w->cost[heap[0]];
		if (units > need)
			units = need;
		move_units(w, slot, rise, units);
		other = qd_net_other(net, line, slot);
		w->left[line] += w->left[line] < 0 ? units : -units;
		w->left[other] += rise == is_row ? units : -units;
		if (rise ? can_rise(w, slot) : can_fall(w, slot))
			w->cost[heap[0]] = reduced_cost(w, slot, rise);
		else
			heap[0] = heap[--size];
		if (size > 0)
			slot_down(w, heap, size, 0);
	}
	w->potential[line] += rise == is_row ? -last : last;
}

/*
 * Rows and columns by turns, as the fit does (alternate scaling; Balinski &
 * Demange 1989): that leaves little for the paths.
 */
static void
scale_lines(rounding_work *w)
{
	int64_t		before = INT64_MAX;
	int			round;

	for (round = 0; round < MOST_SCALINGS; round++)
	{
		int64_t		lacking = 0;
		int32_t		k;

		for (k = 0; k < w->net->lines; k++)
		{
			int32_t		line = w->order[k];

			/* rows, then columns */
			if ((line < w->net->rows) == (round % 2 == 0) && w->left[line] != 0)
				scale_line(w, line);
		}
		for (k = 0; k < w->net->lines; k++)
			lacking += w->left[k] > 0 ? w->left[k] : 0;
		if (lacking == 0 || lacking > before - 3 - before / 256)
			break;
		before = lacking;
	}
}

/* ------------------------------------------------------ few long lines */

/*
 * The cheapest way for the line across a slot to keep its sum when the slot
 * gets a unit more or less: another slot of that line, or NO_SLOT.
 */
static int32_t
find_partner(rounding_work *w, int32_t across, int32_t slot, bool rise, double *cost)
{
	int32_t		best = NO_SLOT;
	int32_t		i;

	*cost = INFINITY;
	for (i = w->cheap_start[across]; i < w->cheap_start[across + 1]; i++)
	{
		int32_t		other = w->cheap_slot[i];
		double		c;

		if (other == slot || !(rise ? can_fall(w, other) : can_rise(w, other)))
			continue;
		c = reduced_cost(w, other, !rise);
		if (c < *cost)
		{
			*cost = c;
			best = other;
		}
	}
	return best;
}

/* prices slot i of a line together with its partner; false if it cannot move */
static bool
price_swap(rounding_work *w, int32_t line, int32_t i, bool rise)
{
	int32_t		slot = w->cheap_slot[w->cheap_start[line] + i];
	double		cost;

	QD_POLL(w->net->env, w->steps++);
	if (!(rise ? can_rise(w, slot) : can_fall(w, slot)))
		return false;
	w->partner[i] = find_partner(w, qd_net_other(w->net, line, slot), slot, rise, &cost);
	w->cost[i] = reduced_cost(w, slot, rise) + cost;
	w->gains[i] = 0;
	return w->partner[i] != NO_SLOT && w->cost[i] < BEYOND / 2.0;
}

/*
 * Gives one of few long lines what it needs by the cheapest exchanges with the
 * others, each within a short line, which keeps its sum.  Its potential
 * follows, so that no exchange would pay.
 */
static void
swap_line(rounding_work *w, int32_t line)
{
	bool		is_row = line < w->net->rows;
	bool		rise = (w->left[line] > 0) == is_row;
	int32_t    *heap = w->slot_heap;
	int32_t		start = w->cheap_start[line];
	int32_t		size = 0;
	double		last = 0.0;
	int32_t		i;

	for (i = 0; i < w->cheap_start[line + 1] - start; i++)
		if (price_swap(w, line, i, rise))
			heap[size++] = i;
	for (i = size / 2 - 1; i >= 0; i--)
		slot_down(w, heap, size, i);
	while (w->left[line] != 0 && size > 0)
	{
		int32_t		slot;
		int32_t		partner;
		int32_t		loser;
		int64_t		unit = w->left[line] < 0 ? 1 : -1;

		i = heap[0];
		slot = w->cheap_slot[start + i];
		partner = w->partner[i];
		loser = is_row ? w->net->row[partner] : w->net->rows + w->net->column[partner];
		if (w->cost[i] > last)
			last = w->cost[i];
		move_units(w, slot, rise, 1);
		move_units(w, partner, !rise, 1);
		w->left[line] += unit;
		w->left[loser] -= unit;
		if (!price_swap(w, line, i, rise))
			heap[0] = heap[--size];
		if (size > 0)
			slot_down(w, heap, size, 0);
	}
	w->potential[line] += rise == is_row ? -last : last;
}

/* a potential at which no move of a line that has what it needs would pay */
static void
settle_potential(rounding_work *w, int32_t line)
{
	bool		is_row = line < w->net->rows;
	double		least = -INFINITY;
	double		most = INFINITY;
	int32_t		i;

	w->potential[line] = 0.0;
	for (i = w->cheap_start[line]; i < w->cheap_start[line + 1]; i++)
	{
		int32_t		slot = w->cheap_slot[i];

		QD_POLL(w->net->env, w->steps++);
		if (can_rise(w, slot))
		{
			double		c = reduced_cost(w, slot, true);

			if (is_row && -c > least)
				least = -c;
			if (!is_row && c < most)
				most = c;
		}
		if (can_fall(w, slot))
		{
			double		c = reduced_cost(w, slot, false);

			if (is_row && c < most)
				most = c;
			if (!is_row && -c > least)
				least = -c;
		}
	}
	if (least > 0.0)
		w->potential[line] = least;
	else if (most < 0.0)
		w->potential[line] = most;
}

/* whether one side has few lines, and those long: 100,000 customers by 12 months */
static bool
is_narrow(const qd_net *net)
{
	int32_t		columns = net->lines - net->rows;
	int32_t		few = net->rows < columns ? net->rows : columns;

	return few <= MOST_NARROW && (int64_t) few * 4 <= net->lines - few;
}

/*
 * Short lines first, each by its own cheapest moves; then the long ones by
 * turns, by exchanges that leave the short ones as they are.
 */
static void
scale_narrow(rounding_work *w)
{
	const qd_net *net = w->net;
	bool		few_rows = net->rows < net->lines - net->rows;
	int64_t		before = INT64_MAX;
	int			round;
	int32_t		k;

	for (k = 0; k < net->lines; k++)
		if ((w->order[k] < net->rows) != few_rows && w->left[w->order[k]] != 0)
			scale_line(w, w->order[k]);
	for (round = 0; round < MOST_SCALINGS; round++)
	{
		int64_t		lacking = 0;

		for (k = 0; k < net->lines; k++)
			lacking += w->left[k] > 0 ? w->left[k] : 0;
		/* the last unit may go round and round: a path will find its way */
		if (lacking == 0 || lacking >= before)
			break;
		before = lacking;
		for (k = 0; k < net->lines; k++)
			if ((w->order[k] < net->rows) == few_rows && w->left[w->order[k]] != 0)
				swap_line(w, w->order[k]);
	}
	for (k = 0; k < net->lines; k++)
		if ((k < net->rows) != few_rows && w->left[k] == 0)
			settle_potential(w, k);
}

/* the first line that finds no way among the cheap slots, or NO_LINE */
static int32_t
serve_lines(rounding_work *w)
{
	int32_t		skip = 0;		/* far searches after one that met no plateau */
	int32_t		skipped = 0;
	int32_t		k;

	for (k = 0; k < w->net->lines; k++)
	{
		int32_t		line = w->order[k];

		while (w->left[line] > 0)
		{
			int32_t		sink = find_path(w, line);

			if (sink >= 0)
				push_path(w, line, sink, w->heap, trace_path(w, line, sink));
			forget_path(w);
			if (sink < 0)
				return line;
			if (w->touched_count <= w->net->lines / FAR || skipped++ < skip)
				continue;
			skipped = 0;
			skip = push_plateau(w) ? 0 : skip < MOST_SKIPPED ? 2 * skip + 1 : skip;
		}
	}
	return NO_LINE;
}

/* whether a unit moved would pay */
static bool
would_pay(const rounding_work *w, int32_t slot, bool rise)
{
	double		cost;

	if (!(rise ? can_rise(w, slot) : can_fall(w, slot)))
		return false;
	cost = reduced_cost(w, slot, rise);
	return cost < -noise(w, slot, rise ? cost_to_rise(w, slot) : cost_to_fall(w, slot));
}

/*
 * Marks slots that are not cheap but that the potentials show to be better
 * with a unit more or less; how many there are.
 */
static int32_t
mark_paying(rounding_work *w)
{
	int32_t		count = 0;
	int32_t		slot;

	for (slot = 0; slot < w->net->slots; slot++)
	{
		QD_POLL(w->net->env, slot);
		if (w->cheap[slot] == NOT_CHEAP && (would_pay(w, slot, true) || would_pay(w, slot, false)))
		{
			w->cheap[slot] = PAYING;
			count++;
		}
	}
	return count;
}

/* a slot's best amount by the potentials alone */
static int64_t
best_above(const rounding_work *w, int32_t slot)
{
	int64_t		low = qd_net_low(w->net, slot);
	int64_t		room = qd_net_room(w->net, slot);
	double		x;

	if (w->rounding != QD_WEBSTER)
		return w->net->above[slot] + (would_pay(w, slot, true) ? 1 : -1);
	x = rint(w->part[slot] * exp(w->potential[w->net->rows + w->net->column[slot]] -
								 w->potential[w->net->row[slot]]));
	if (x <= (double) low)
		return 0;
	return x - (double) low >= (double) room ? room : (int64_t) x - low;
}

/* slots that pay get what is best for them and become cheap */
static void
settle_paying(rounding_work *w)
{
	qd_net	   *net = w->net;
	int32_t		slot;

	for (slot = 0; slot < net->slots; slot++)
	{
		int64_t		more;

		QD_POLL(net->env, slot);
		if (w->cheap[slot] != PAYING)
			continue;
		w->cheap[slot] = CHEAP;
		more = best_above(w, slot) - net->above[slot];
		net->above[slot] += more;
		w->left[net->row[slot]] -= more;
		w->left[net->rows + net->column[slot]] += more;
	}
}

/* all slots of a line, or of all lines, become cheap; false if they were */
static bool
admit_slots(rounding_work *w, int32_t line)
{
	bool		any = false;
	int32_t		slot;

	for (slot = 0; slot < w->net->slots; slot++)
	{
		QD_POLL(w->net->env, slot);
		if (w->cheap[slot] == NOT_CHEAP &&
			(line == ALL_LINES || line == w->net->row[slot] ||
			 line == w->net->rows + w->net->column[slot]))
		{
			w->cheap[slot] = CHEAP;
			any = true;
		}
	}
	return any;
}

/* ------------------------------------------------------------------ ties */

static bool
free_to_rise(const void *arg, int32_t slot)
{
	return costs_nothing(arg, slot, true);
}

static bool
free_to_fall(const void *arg, int32_t slot)
{
	return costs_nothing(arg, slot, false);
}

/* slots on a cycle of moves that costs nothing */
static qd_status
find_ties(const rounding_work *w, uint8_t *tied)
{
	const qd_net *net = w->net;
	int32_t    *component = qd_net_alloc(net->env, sizeof(int32_t) * ((size_t) net->lines + 1));
	qd_status	status = component ?
	qd_net_components(net, free_to_rise, free_to_fall, w, component) : QD_NOMEM;
	int32_t		slot;

	for (slot = 0; slot < net->slots && status == QD_OK; slot++)
	{
		QD_POLL(net->env, slot);
		tied[slot] = component[net->row[slot]] == component[net->rows + net->column[slot]] &&
			(costs_nothing(w, slot, true) || costs_nothing(w, slot, false));
	}
	qd_net_release(net->env, component);
	return status;
}

/* ------------------------------------------------------------------- all */

/* every slot by itself, nothing known about the lines */
static void
start_over(rounding_work *w, const qd_wide * factor)
{
	int32_t		line;

	for (line = 0; line < w->net->lines; line++)
		w->potential[line] = 0.0;
	round_slots(w, factor);
}

static qd_status
round_net(rounding_work *w, const qd_wide * factor, uint8_t *tied)
{
	const qd_net *net = w->net;
	qd_status	status = QD_OK;
	bool		done = false;
	int			restarts = 0;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		w->settled[line] = 0;
		w->came_by[line] = UNTOUCHED;
		w->place[line] = NOT_QUEUED;
		w->order[net->grid->rank[line]] = line;
	}
	memset(w->cheap, NOT_CHEAP, (size_t) net->slots);
	start_over(w, factor);
	choose_cheap(w);
	while (!done)
	{
		int32_t		stuck;
		int32_t		paying;

		status = list_cheap(w);
		if (status != QD_OK)
			return status;
		if (is_narrow(net))
			scale_narrow(w);
		else
			scale_lines(w);
		stuck = serve_lines(w);
		paying = mark_paying(w);
		if (paying > net->lines / 8 + 8)
		{
			/*
			 * potentials from too few slots mean nothing: with more, from the
			 * beginning
			 */
			settle_paying(w);
			if (++restarts > MOST_RESTARTS)
				(void) admit_slots(w, ALL_LINES);
			start_over(w, factor);
		}
		else if (paying > 0)
			settle_paying(w);
		else if (stuck == NO_LINE)
			done = true;
		else if (!admit_slots(w, stuck) && !admit_slots(w, ALL_LINES))
		{
			if (w->beyond)
				return QD_INTERNAL;
			w->beyond = true;
		}
	}
	if (status == QD_OK && tied)
		status = find_ties(w, tied);
	return status;
}

qd_status
qd_net_round(qd_net *net, const qd_wide * factor, qd_rounding rounding, uint8_t *tied)
{
	const qd_env *env = net->env;
	size_t		lines = (size_t) net->lines + 1;
	size_t		slots = (size_t) net->slots + 1;
	size_t		longest = 1;
	int32_t		line;
	rounding_work w = {0};
	qd_status	status = QD_NOMEM;

	w.net = net;
	w.rounding = rounding;
	for (line = 0; line < net->lines; line++)
		if ((size_t) (net->start[line + 1] - net->start[line]) > longest)
			longest = (size_t) (net->start[line + 1] - net->start[line]);
	w.cost = qd_net_alloc(env, sizeof(double) * longest);
	w.slot_heap = qd_net_alloc(env, sizeof(int32_t) * longest);
	w.gains = qd_net_alloc(env, longest);
	w.partner = qd_net_alloc(env, sizeof(int32_t) * longest);
	if (rounding != QD_WEBSTER)
		w.below = qd_net_alloc(env, sizeof(int64_t) * slots);
	w.part = qd_net_alloc(env, sizeof(double) * slots);
	w.left = qd_net_alloc(env, sizeof(int64_t) * lines);
	w.potential = qd_net_alloc(env, sizeof(double) * lines);
	w.distance = qd_net_alloc(env, sizeof(double) * lines);
	w.came_by = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.place = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.settled = qd_net_alloc(env, lines);
	w.touched = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.order = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.level = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.next = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.heap = qd_net_alloc(env, sizeof(int32_t) * lines);
	w.cheap = qd_net_alloc(env, slots);
	w.cheap_start = qd_net_alloc(env, sizeof(int32_t) * lines);
	if (w.cost && w.slot_heap && w.gains && w.partner && (w.below || rounding == QD_WEBSTER) && w.part && w.left && w.potential && w.distance &&
		w.came_by && w.place && w.settled &&w.touched && w.order && w.level && w.next && w.heap && w.cheap &&
		w.cheap_start)
		status = round_net(&w, factor, tied);
	qd_net_release(env, w.cheap_slot);
	qd_net_release(env, w.cheap_start);
	qd_net_release(env, w.cheap);
	qd_net_release(env, w.heap);
	qd_net_release(env, w.next);
	qd_net_release(env, w.level);
	qd_net_release(env, w.order);
	qd_net_release(env, w.touched);
	qd_net_release(env, w.settled);
	qd_net_release(env, w.place);
	qd_net_release(env, w.came_by);
	qd_net_release(env, w.distance);
	qd_net_release(env, w.potential);
	qd_net_release(env, w.left);
	qd_net_release(env, w.part);
	qd_net_release(env, w.below);
	qd_net_release(env, w.partner);
	qd_net_release(env, w.gains);
	qd_net_release(env, w.slot_heap);
	qd_net_release(env, w.cost);
	return status;
}
