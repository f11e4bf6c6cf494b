/*
 * row_total.c
 *		Row totals that a grid can hold, nearest to those asked for.
 *
 * What the rows can hold together is the base polytope of a submodular function
 * (what a set of rows can hold at most).  In it the point is sought whose rows
 * are, least favoured first, as near as possible to one proportion of what they
 * ask for: the lexicographically optimal base (Fujishige 1980; Megiddo 1974).
 * The decomposition algorithm: give every row its share of the total, by flow as
 * far as it goes.  If that fails, the minimum cut is a set of rows that ask for
 * more than they can hold, by as much as possible.  It gets all it can hold, the
 * others get the rest, and what happens on one side no longer concerns the
 * other.  So blocks of lines are split until each holds its shares.
 *
 * Shares are fractions with one denominator in a block, the sum of what is
 * asked for there, and are flows in these: all cuts are exact.  Then a block is
 * rounded, largest fractions first, as far as whole units can flow (rows rounded
 * up are a base of a matroid, so that the greedy choice is the best).
 *
 * No recursion: blocks wait on a list, searches keep their own stacks.
 */
#include "kernel/row_total.h"
#include "kernel/net.h"

#include <string.h>

#define UNREACHED (-1)
#define NO_BLOCK (-1)

/* in arrays: palloc aligns to 8 bytes, see kernel.h */
typedef qd_int128 qd_long __attribute__((aligned(8)));

/* beyond all multiples of amounts, less than half of what 128 bits hold */
#define FAR	((qd_int128) 1 << 125)

/*
 * Rows are counted as the network does: less what their held cells and the
 * least of the others have.
 */
typedef struct row_search
{
	const qd_env *env;
	qd_net	   *net;
	const int64_t *asked;		/* [rows], in the mirrored domain */
	qd_long    *least;			/* [rows] bounds; -FAR, FAR: none */
	qd_long    *most;
	uint8_t    *settled;		/* [rows] has the amount of its bound */
	bool		bounded;		/* some row has bounds or is settled */
	int64_t    *amount;			/* [rows] the answer */
	int32_t    *order;			/* [lines] by block */
	int32_t    *block;			/* [lines] the place in order its block begins
								 * at */
	int32_t    *wait;			/* [lines] blocks to do, as places */
	int32_t    *end;			/* [lines] where a block ends, by its place */
	int32_t		waiting;
	qd_long    *parts;			/* [slots] above[] in parts of a unit */
	int64_t		scale;			/* parts of a unit */
	qd_long    *share;			/* [rows] in the same parts */
	qd_long    *sum;			/* [rows] what its slots have */
	qd_long    *left;			/* [lines] > 0: what a row lacks; < 0: what it
								 * can do without */
	int32_t    *level;			/* [lines] */
	int32_t    *next;			/* [lines] */
	int32_t    *queue;			/* [lines] */
	int32_t    *sorted;			/* [rows] rows of a block by fraction */
	qd_long    *rest;			/* [rows] fractions */
	qd_long    *low;			/* [rows] whole shares, and where they may end */
	qd_long    *high;
	int64_t		steps;
} row_search;

/* the lines of a block */
typedef struct line_block
{
	int32_t		begin;
	int32_t		end;
} line_block;

static inline bool
is_row(const row_search *t, int32_t line)
{
	return line < t->net->rows;
}

static inline qd_int128
minimum(qd_int128 a, qd_int128 b)
{
	return a < b ? a : b;
}

static inline qd_int128
maximum(qd_int128 a, qd_int128 b)
{
	return a > b ? a : b;
}

static inline int64_t
magnitude(int64_t x)
{
	return x < 0 ? -x : x;
}

/* how much more can go from a line through a slot; backward: to it */
static inline qd_int128
residual(const row_search *t, int32_t line, int32_t slot, bool backward)
{
	if (is_row(t, line) == backward)
		return t->parts[slot];
	return (qd_int128) qd_net_room(t->net, slot) * t->scale - t->parts[slot];
}

/*
 * Levels from the rows that lack, or the one that is given; true if one is
 * reached that can do without.  backward: from those to whoever could serve
 * them.
 */
static bool
find_levels(row_search *t, line_block b, int32_t only, bool backward)
{
	const qd_net *net = t->net;
	int32_t		head = 0;
	int32_t		tail = 0;
	bool		found = false;
	int32_t		i;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		line = t->order[i];

		t->level[line] = UNREACHED;
		if ((backward ? t->left[line] < 0 : t->left[line] > 0) && (only < 0 || line == only))
		{
			t->level[line] = 0;
			t->queue[tail++] = line;
		}
	}
	while (head < tail)
	{
		int32_t		at = t->queue[head++];

		for (i = net->start[at]; i < net->start[at + 1]; i++)
		{
			int32_t		slot = qd_net_slot(net, at, i);
			int32_t		other = qd_net_other(net, at, slot);

			QD_POLL(t->env, t->steps++);
			if (t->block[other] != t->block[at] || t->level[other] != UNREACHED ||
				residual(t, at, slot, backward) <= 0)
				continue;
			t->level[other] = t->level[at] + 1;
			if (t->left[other] < 0)
				found = true;
			t->queue[tail++] = other;
		}
	}
	return found;
}

/* pushes from a row along levels until it lacks nothing or there is no way */
static void
push_from(row_search *t, int32_t source)
{
	const qd_net *net = t->net;
	int32_t    *path = t->queue;	/* slots, from the source on */
	int32_t		length = 0;
	int32_t		at = source;

	while (t->left[source] > 0)
	{
		bool		moved = false;

		if (t->left[at] < 0)
		{
			qd_int128	amount = minimum(t->left[source], -t->left[at]);
			int32_t		line = source;
			int32_t		i;

			for (i = 0; i < length; i++)
			{
				QD_POLL(t->env, t->steps++);
				amount = minimum(amount, residual(t, line, path[i], false));
				line = qd_net_other(net, line, path[i]);
			}
			line = source;
			for (i = 0; i < length; i++)
			{
				t->parts[path[i]] += is_row(t, line) ? amount : -amount;
				line = qd_net_other(net, line, path[i]);
			}
			t->left[source] -= amount;
			t->left[at] += amount;
			at = source;
			length = 0;
			continue;
		}
		for (; t->next[at] < net->start[at + 1]; t->next[at]++)
		{
			int32_t		slot = qd_net_slot(net, at, t->next[at]);
			int32_t		other = qd_net_other(net, at, slot);

			QD_POLL(t->env, t->steps++);
			if (t->block[other] == t->block[at] && t->level[other] == t->level[at] + 1 &&
				residual(t, at, slot, false) > 0)
			{
				path[length++] = slot;
				at = other;
				moved = true;
				break;
			}
		}
		if (moved)
			continue;
		if (length == 0)
			return;
		/* a dead end: back, and never again in this phase */
		at = qd_net_other(net, at, path[--length]);
		t->next[at]++;
	}
}

/*
 * Maximum flow (Dinic 1970) from rows that lack to rows that can do without;
 * columns keep what they have.  Afterwards levels tell what those can reach that
 * still lack.
 */
static void
move(row_search *t, line_block b, int32_t only)
{
	int32_t		i;

	while (find_levels(t, b, only, false))
	{
		for (i = b.begin; i < b.end; i++)
			t->next[t->order[i]] = t->net->start[t->order[i]];
		for (i = b.begin; i < b.end; i++)
			if (is_row(t, t->order[i]) && (only < 0 || t->order[i] == only))
				push_from(t, t->order[i]);
	}
}

/* what each row's slots have, also those that lead out of the block */
static void
sum_rows(row_search *t, line_block b)
{
	const qd_net *net = t->net;
	int32_t		i;
	int32_t		slot;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		t->left[row] = 0;
		if (!is_row(t, row))
			continue;
		t->sum[row] = 0;
		for (slot = net->start[row]; slot < net->start[row + 1]; slot++)
		{
			QD_POLL(t->env, t->steps++);
			t->sum[row] += t->block[net->rows + net->column[slot]] == t->block[row] ? t->parts[slot] :
				(qd_int128) net->above[slot] * t->scale;
		}
	}
}

/*
 * Whole units within the bounds of the rows; what each has is in sum[].  0 where
 * it went, else the kind of bound that does not hold; levels then tell the rows
 * whose bounds these are.
 */
static uint8_t
keep_bounds(row_search *t, line_block b, const qd_long * low, const qd_long * high)
{
	int32_t		i;

	sum_rows(t, b);
	for (i = b.begin; i < b.end; i++)
		if (is_row(t, t->order[i]))
			t->left[t->order[i]] = low[t->order[i]] - t->sum[t->order[i]];
	move(t, b, -1);
	for (i = b.begin; i < b.end; i++)
		if (is_row(t, t->order[i]) && t->left[t->order[i]] > 0)
			break;
	sum_rows(t, b);
	if (i < b.end)
		return QD_HAS_FLOOR;

	for (i = b.begin; i < b.end; i++)
		if (is_row(t, t->order[i]))
			t->left[t->order[i]] = high[t->order[i]] - t->sum[t->order[i]];
	move(t, b, -1);
	for (i = b.begin; i < b.end; i++)
		if (is_row(t, t->order[i]) && t->left[t->order[i]] < 0)
			break;
	if (i < b.end)
		find_levels(t, b, -1, true);
	sum_rows(t, b);
	return i < b.end ? QD_HAS_CAP : 0;
}

/*
 * Whole units again, and every column what it needs: it may have got some from
 * rows that are no longer in its block.
 */
static void
begin_block(row_search *t, line_block b)
{
	const qd_net *net = t->net;
	int32_t		i;
	int32_t		j;

	t->scale = 1;
	for (i = b.begin; i < b.end; i++)
	{
		int32_t		line = t->order[i];
		int64_t		lacking;

		if (is_row(t, line))
			continue;
		lacking = net->need[line];
		for (j = net->start[line]; j < net->start[line + 1]; j++)
		{
			QD_POLL(t->env, t->steps++);
			lacking -= net->above[net->across[j - net->slots]];
		}
		for (j = net->start[line]; j < net->start[line + 1]; j++)
		{
			int32_t		slot = net->across[j - net->slots];
			int64_t		by;

			QD_POLL(t->env, t->steps++);
			if (t->block[net->row[slot]] != t->block[line])
				continue;
			by = lacking > 0 ? (int64_t) minimum(lacking, qd_net_room(net, slot) - net->above[slot]) :
				(int64_t) maximum(lacking, -net->above[slot]);
			net->above[slot] += by;
			lacking -= by;
			t->parts[slot] = net->above[slot];
		}
	}
}

/* to parts of a unit; or whole units back to above[] */
static void
scale_block(row_search *t, line_block b, int64_t scale)
{
	qd_net	   *net = t->net;
	int32_t		i;
	int32_t		slot;

	t->scale = scale;
	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		if (!is_row(t, row))
			continue;
		for (slot = net->start[row]; slot < net->start[row + 1]; slot++)
		{
			QD_POLL(t->env, t->steps++);
			if (t->block[net->rows + net->column[slot]] == t->block[row])
				t->parts[slot] = (qd_int128) net->above[slot] * scale;
		}
	}
}

static void
keep_units(row_search *t, line_block b)
{
	qd_net	   *net = t->net;
	int32_t		i;
	int32_t		slot;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		if (!is_row(t, row))
			continue;
		for (slot = net->start[row]; slot < net->start[row + 1]; slot++)
		{
			QD_POLL(t->env, t->steps++);
			if (t->block[net->rows + net->column[slot]] == t->block[row])
				net->above[slot] = (int64_t) t->parts[slot];
		}
	}
}

/* what held cells and the least of the others have */
static inline qd_int128
base_of(const row_search *t, int32_t row)
{
	return (qd_int128) t->asked[row] - t->net->need[row];
}

static inline qd_int128
scaled_bound(qd_int128 bound, int64_t scale)
{
	return bound == FAR || bound == -FAR ? bound : bound * scale;
}

/*
 * Shares of what the rows of a block have together: what is asked for, and in
 * proportion to its magnitude what is missing or too much.  (So amounts below 0
 * have shares too; without them all is in proportion.)  false: nobody is left
 * to share.
 */
static bool
share_block(row_search *t, line_block b, int64_t *scale, bool *equal)
{
	qd_int128	missing = 0;
	int64_t		weight = 0;
	int32_t		count = 0;
	int32_t		i;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		if (!is_row(t, row) || t->settled[row])
			continue;
		count++;
		weight += magnitude(t->asked[row]);
		missing += t->sum[row] - t->net->need[row];
	}
	if (count == 0)
		return false;
	*equal = weight == 0;
	*scale = *equal ? count : weight;
	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		if (is_row(t, row) && !t->settled[row])
			t->share[row] = (qd_int128) t->net->need[row] * *scale +
				missing * (*equal ? 1 : magnitude(t->asked[row]));
	}
	return true;
}

/*
 * Moves the block's flow to the shares, as far as the rows' own bounds and the
 * cells let it; true if it got there.
 */
static bool
reach_shares(row_search *t, line_block b)
{
	bool		reached = true;
	int32_t		i;

	sum_rows(t, b);
	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];
		qd_int128	low;
		qd_int128	high;

		if (!is_row(t, row) || t->settled[row])
			continue;
		high = minimum(t->share[row], scaled_bound(t->most[row], t->scale));
		low = maximum(t->share[row], scaled_bound(t->least[row], t->scale));
		t->left[row] = t->sum[row] < high ? high - t->sum[row] :
			t->sum[row] > low ? low - t->sum[row] : 0;
		if (high < t->share[row])
			reached = false;
	}
	move(t, b, -1);
	for (i = b.begin; i < b.end && reached; i++)
		reached = !is_row(t, t->order[i]) || t->left[t->order[i]] <= 0;
	return reached;
}

static void
settle(row_search *t, int32_t row, qd_int128 amount)
{
	t->settled[row] = 1;
	t->least[row] = t->most[row] = amount;
	t->amount[row] = (int64_t) (amount + base_of(t, row));
	t->bounded = true;
}

static void
add_block(row_search *t, int32_t begin, int32_t end)
{
	if (begin == end)
		return;
	t->end[begin] = end;
	t->wait[t->waiting++] = begin;
}

/*
 * After shares that could not be reached: the lines reached from rows that lack
 * are full, and no slot between them and the others can have another amount in
 * any best answer.  Rows at their own bounds, which alone keep them from their
 * shares, stay there.
 */
static void
split_block(row_search *t, line_block b)
{
	qd_net	   *net = t->net;
	int32_t		middle = b.begin;
	int32_t		i;
	int32_t		slot;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];
		bool		full = t->level[row] != UNREACHED;

		if (!is_row(t, row))
			continue;
		if (!t->settled[row])
		{
			if (full && scaled_bound(t->least[row], t->scale) > t->share[row])
				settle(t, row, t->least[row]);
			else if (!full && scaled_bound(t->most[row], t->scale) < t->share[row])
				settle(t, row, t->most[row]);
		}
		for (slot = net->start[row]; slot < net->start[row + 1]; slot++)
		{
			int32_t		column = net->rows + net->column[slot];

			QD_POLL(t->env, t->steps++);
			if (t->block[column] == t->block[row] && full != (t->level[column] != UNREACHED))
				net->above[slot] = full ? qd_net_room(net, slot) : 0;
		}
	}
	for (i = b.begin; i < b.end; i++)
	{
		int32_t		line = t->order[i];

		if (t->level[line] == UNREACHED)
			continue;
		t->order[i] = t->order[middle];
		t->order[middle++] = line;
	}
	for (i = b.begin; i < b.end; i++)
		t->block[t->order[i]] = i < middle ? b.begin : middle;
	add_block(t, b.begin, middle);
	add_block(t, middle, b.end);
}

/* whether row a is rounded up before b */
static bool
comes_first(const row_search *t, int32_t a, int32_t b)
{
	if (t->rest[a] != t->rest[b])
		return t->rest[a] > t->rest[b];
	if (magnitude(t->asked[a]) != magnitude(t->asked[b]))
		return magnitude(t->asked[a]) > magnitude(t->asked[b]);
	return t->net->grid->rank[a] < t->net->grid->rank[b];
}

static void
sift_down(const row_search *t, int32_t *heap, int32_t at, int32_t n)
{
	int32_t		row = heap[at];

	for (;;)
	{
		int32_t		child = 2 * at + 1;

		if (child + 1 < n && comes_first(t, heap[child], heap[child + 1]))
			child++;
		if (child >= n || !comes_first(t, row, heap[child]))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = row;
}

/* the first is rounded up first */
static void
sort_rows(row_search *t, int32_t n)
{
	int32_t    *heap = t->sorted;
	int32_t		i;

	for (i = n / 2 - 1; i >= 0; i--)
		sift_down(t, heap, i, n);
	for (i = n - 1; i > 0; i--)
	{
		int32_t		last = heap[0];

		QD_POLL(t->env, t->steps++);
		heap[0] = heap[i];
		heap[i] = last;
		sift_down(t, heap, 0, i);
	}
}

/*
 * The rows' turns, the largest fraction first: whoever can be rounded up beside
 * those before him is.  He takes the unit from one who has it and has not had
 * his turn.  What a search in vain has reached gives nothing to those after him
 * either, and is left out.
 */
static void
take_turns(row_search *t, line_block b, int32_t n)
{
	int32_t		i;
	int32_t		j;

	for (i = b.begin; i < b.end; i++)
		t->left[t->order[i]] = 0;
	for (i = 0; i < n; i++)
		t->left[t->sorted[i]] = t->low[t->sorted[i]] - t->sum[t->sorted[i]];
	for (i = 0; i < n; i++)
	{
		int32_t		row = t->sorted[i];

		if (t->left[row] < 0)
		{
			t->left[row] = 0;
			t->amount[row]++;
			continue;
		}
		if (t->block[row] == NO_BLOCK)
			continue;
		t->left[row] = 1;
		move(t, b, row);
		if (t->left[row] == 0)
		{
			t->amount[row]++;
			continue;
		}
		t->left[row] = 0;
		for (j = b.begin; j < b.end; j++)
			if (t->level[t->order[j]] != UNREACHED)
				t->block[t->order[j]] = NO_BLOCK;
	}
}

/* a block whose shares can be reached: in whole units */
static bool
round_block(row_search *t, line_block b)
{
	int64_t		scale = t->scale;
	qd_int128	over = 0;
	int32_t		n = 0;
	bool		done = true;
	int32_t		i;

	for (i = b.begin; i < b.end; i++)
	{
		int32_t		row = t->order[i];

		if (!is_row(t, row))
			continue;
		t->low[row] = t->high[row] = t->least[row];
		if (t->settled[row])
			continue;
		t->low[row] = t->share[row] / scale - (t->share[row] % scale < 0 ? 1 : 0);
		t->rest[row] = t->share[row] - t->low[row] * scale;
		t->high[row] = t->low[row] + (t->rest[row] > 0 ? 1 : 0);
		t->amount[row] = (int64_t) (t->low[row] + base_of(t, row));
		over += t->rest[row];
		if (t->rest[row] > 0)
			t->sorted[n++] = row;
	}
	if (n == 0)
		return true;
	sort_rows(t, n);

	/* the first ones, if they all can be */
	over /= scale;
	scale_block(t, b, 1);
	sum_rows(t, b);
	for (i = b.begin; i < b.end; i++)
		if (is_row(t, t->order[i]))
			t->left[t->order[i]] = t->low[t->order[i]] - t->sum[t->order[i]];
	for (i = 0; i < over; i++)
		t->left[t->sorted[i]]++;
	move(t, b, -1);
	for (i = b.begin; i < b.end; i++)
		done = done && t->left[t->order[i]] == 0;
	if (done)
	{
		for (i = 0; i < over; i++)
			t->amount[t->sorted[i]]++;
		return true;
	}
	if (keep_bounds(t, b, t->low, t->high) != 0)
		return false;
	take_turns(t, b, n);
	return true;
}

/* who is reached by a search for bounds that do not hold, as the caller knows them */
static qd_status
report_bounds(const row_search *t, uint8_t bound, qd_problem *problem)
{
	const qd_net *net = t->net;
	qd_int128	asked = 0;
	qd_int128	held = 0;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		bool		reached = is_row(t, line) && t->level[line] != UNREACHED;

		net->grid->conflict[line] = reached;
		if (!reached)
			continue;
		asked += (bound == QD_HAS_FLOOR ? t->least[line] : t->most[line]) + base_of(t, line);
		held += t->sum[line] + base_of(t, line);
	}
	problem->subject = QD_ON_ROW_BOUNDS;
	problem->row = -1;
	problem->bound = !net->mirrored ? bound : bound == QD_HAS_FLOOR ? QD_HAS_CAP : QD_HAS_FLOOR;
	problem->asked = net->mirrored ? -asked : asked;
	problem->low = problem->high = net->mirrored ? -held : held;
	return QD_INFEASIBLE;
}

static qd_status
decompose(row_search *t, qd_problem *problem)
{
	qd_net	   *net = t->net;
	line_block	all = {0, net->lines};
	int32_t		i;

	for (i = 0; i < net->lines; i++)
	{
		t->order[i] = i;
		t->block[i] = 0;
	}
	begin_block(t, all);
	if (t->bounded)
	{
		uint8_t		bound = keep_bounds(t, all, t->least, t->most);

		if (bound != 0)
			return report_bounds(t, bound, problem);
		keep_units(t, all);
	}
	/* rows that have no choice need not be asked */
	for (i = 0; i < net->rows; i++)
		if (net->start[i] == net->start[i + 1])
			settle(t, i, 0);
	add_block(t, all.begin, all.end);
	while (t->waiting > 0)
	{
		int64_t		scale;
		bool		equal;
		line_block	b;

		b.begin = t->wait[--t->waiting];
		b.end = t->end[b.begin];
		begin_block(t, b);
		if (t->bounded)
		{
			if (keep_bounds(t, b, t->least, t->most) != 0)
				return QD_INTERNAL;
			keep_units(t, b);
		}
		else
			sum_rows(t, b);
		if (!share_block(t, b, &scale, &equal))
			continue;
		scale_block(t, b, scale);
		if (!reach_shares(t, b))
			split_block(t, b);
		else if (!round_block(t, b))
			return QD_INTERNAL;
	}
	return QD_OK;
}

/* what a grid looks like that holds whatever totals agree */
static bool
holds_anything(const qd_env *env, const qd_grid *grid)
{
	bool		some = false;
	bool		none = false;
	int32_t		i;

	if ((int64_t) grid->n != (int64_t) grid->rows * grid->columns)
		return false;
	for (i = 0; i < grid->n; i++)
	{
		QD_POLL(env, i);
		if (grid->flags[i] != QD_HAS_WEIGHT)
			return false;
		if (grid->weight[i] > 0)
			some = true;
		else
			none = true;
	}
	return !some || !none;
}

/* totals of one sign that agree, and are not too large: for those without a choice */
static bool
totals_agree(const qd_grid *grid)
{
	qd_int128	rows = 0;
	qd_int128	columns = 0;
	bool		above = true;
	bool		below = true;
	int32_t		i;

	for (i = 0; i < grid->rows; i++)
	{
		rows += grid->row_total[i];
		above = above && grid->row_total[i] >= 0;
		below = below && grid->row_total[i] <= 0;
	}
	for (i = 0; i < grid->columns; i++)
	{
		columns += grid->column_total[i];
		above = above && grid->column_total[i] >= 0;
		below = below && grid->column_total[i] <= 0;
	}
	return (above || below) && rows == columns && rows < (INT64_C(1) << 60) &&
		-rows < (INT64_C(1) << 60);
}

static bool
alloc_totals(row_search *t)
{
	const qd_env *env = t->env;
	size_t		rows = (size_t) t->net->rows + 1;
	size_t		lines = (size_t) t->net->lines + 1;

	t->settled = qd_net_alloc(env, rows);
	t->order = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->block = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->wait = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->end = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->parts = qd_net_alloc(env, sizeof(qd_long) * ((size_t) t->net->slots + 1));
	t->share = qd_net_alloc(env, sizeof(qd_long) * rows);
	t->sum = qd_net_alloc(env, sizeof(qd_long) * rows);
	t->left = qd_net_alloc(env, sizeof(qd_long) * lines);
	t->level = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->next = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->queue = qd_net_alloc(env, sizeof(int32_t) * lines);
	t->sorted = qd_net_alloc(env, sizeof(int32_t) * rows);
	t->rest = qd_net_alloc(env, sizeof(qd_long) * rows);
	t->low = qd_net_alloc(env, sizeof(qd_long) * rows);
	t->high = qd_net_alloc(env, sizeof(qd_long) * rows);
	return t->order && t->settled &&t->block && t->wait && t->end && t->parts && t->share &&
		t->sum && t->left && t->level && t->next && t->queue && t->sorted && t->rest && t->low &&
		t->high;
}

static void
free_totals(row_search *t)
{
	const qd_env *env = t->env;

	qd_net_release(env, t->high);
	qd_net_release(env, t->low);
	qd_net_release(env, t->rest);
	qd_net_release(env, t->sorted);
	qd_net_release(env, t->queue);
	qd_net_release(env, t->next);
	qd_net_release(env, t->level);
	qd_net_release(env, t->left);
	qd_net_release(env, t->sum);
	qd_net_release(env, t->share);
	qd_net_release(env, t->parts);
	qd_net_release(env, t->end);
	qd_net_release(env, t->wait);
	qd_net_release(env, t->block);
	qd_net_release(env, t->order);
	qd_net_release(env, t->settled);
}

/* bounds of the rows in the mirrored domain; true if all asked for is within */
static bool
take_bounds(row_search *t, const int64_t *row_floor, const int64_t *row_cap)
{
	const qd_net *net = t->net;
	bool		within = true;
	int32_t		i;

	for (i = 0; i < net->rows; i++)
	{
		int64_t		low = row_floor ? row_floor[i] : QD_NO_FLOOR;
		int64_t		high = row_cap ? row_cap[i] : QD_NO_CAP;
		qd_int128	least = low == QD_NO_FLOOR ? -FAR : low;
		qd_int128	most = high == QD_NO_CAP ? FAR : high;
		qd_int128	kept = least;

		if (net->mirrored)
		{
			least = -most;
			most = -kept;
		}
		within = within && t->asked[i] >= least && t->asked[i] <= most;
		t->bounded = t->bounded || least != -FAR || most != FAR;
		t->least[i] = least == -FAR ? least : least - base_of(t, i);
		t->most[i] = most == FAR ? most : most - base_of(t, i);
	}
	return within;
}

/* what is asked for where it can be, else what comes nearest */
static qd_status
find_totals(row_search *t, const int64_t *row_floor, const int64_t *row_cap, qd_problem *problem)
{
	const qd_env *env = t->env;
	qd_net	   *net = t->net;
	qd_problem	unasked = {0};
	qd_status	status;
	int32_t		i;

	if (take_bounds(t, row_floor, row_cap))
	{
		for (i = 0; i < net->rows && net->need[i] >= 0; i++)
			;
		status = i < net->rows ? QD_INFEASIBLE : qd_net_flow(net, &unasked);
		if (status == QD_OK)
			memcpy(t->amount, t->asked, sizeof(int64_t) * (size_t) net->rows);
		if (status != QD_INFEASIBLE)
			return status;
	}
	if (!alloc_totals(t))
		status = QD_NOMEM;
	else
	{
		memset(t->settled, 0, (size_t) net->rows);
		for (i = 0; i < net->slots; i++)
		{
			QD_POLL(env, i);
			t->parts[i] = 0;
		}
		status = decompose(t, problem);
	}
	free_totals(t);
	return status;
}

qd_status
qd_grid_row_totals(const qd_env *env, qd_grid *grid, const int64_t *row_floor,
				   const int64_t *row_cap, int64_t *row_amount, qd_problem *problem)
{
	qd_net		net = {0};
	row_search	t = {0};
	int64_t    *asked;
	qd_int128	together = 0;
	qd_status	status;
	int32_t		i;

	if (!row_floor && !row_cap && holds_anything(env, grid) && totals_agree(grid))
	{
		memcpy(row_amount, grid->row_total, sizeof(int64_t) * (size_t) grid->rows);
		return QD_OK;
	}
	status = qd_net_open(env, grid, &net, problem);
	t.env = env;
	t.net = &net;
	t.amount = row_amount;
	t.asked = asked = qd_net_alloc(env, sizeof(int64_t) * ((size_t) grid->rows + 1));
	t.least = qd_net_alloc(env, sizeof(qd_long) * ((size_t) grid->rows + 1));
	t.most = qd_net_alloc(env, sizeof(qd_long) * ((size_t) grid->rows + 1));
	if (status == QD_OK && (!asked || !t.least || !t.most))
		status = QD_NOMEM;
	if (status == QD_OK)
	{
		for (i = 0; i < grid->rows; i++)
			asked[i] = net.mirrored ? -grid->row_total[i] : grid->row_total[i];
		status = find_totals(&t, row_floor, row_cap, problem);
	}
	for (i = 0; i < grid->rows && status == QD_OK; i++)
	{
		if (net.mirrored)
			row_amount[i] = -row_amount[i];
		together += row_amount[i];
	}
	/* the promise itself */
	for (i = 0; i < grid->columns && status == QD_OK; i++)
		together -= grid->column_total[i];
	if (status == QD_OK && together != 0)
		status = QD_INTERNAL;
	qd_net_release(env, t.most);
	qd_net_release(env, t.least);
	qd_net_release(env, asked);
	qd_net_close(&net);
	return status;
}
