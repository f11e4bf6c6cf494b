/*
 * net_flow.c
 *		Whether a grid can be filled at all: maximum flow from rows to columns
 *		(Dinic 1970: shortest paths in phases), the lines in conflict where it
 *		cannot, and the cells that leave no choice.
 *
 * No recursion: paths and searches keep their own stacks.
 */
#include "kernel/net.h"

#include <string.h>

#define UNREACHED (-1)

typedef struct flow
{
	qd_net	   *net;
	int64_t    *left;			/* [lines] what a row lacks, what a column has
								 * too much; units go from lines above 0 to
								 * lines below 0 */
	int32_t    *level;			/* [lines] distance from a source */
	int32_t    *next;			/* [lines] the slot to try next */
	int32_t    *queue;			/* [lines]; the path's slots, too */
	int64_t		steps;			/* of all searches: each may be short */
} flow;

/* how much more can go through a slot, from that end */
static inline int64_t
residual(const qd_net *net, int32_t line, int32_t slot)
{
	return line < net->rows ? qd_net_room(net, slot) - net->above[slot] : net->above[slot];
}

/* what above[] leaves to be done */
static void
count_left(flow *f)
{
	const qd_net *net = f->net;
	int32_t		line;
	int32_t		slot;

	for (line = 0; line < net->lines; line++)
		f->left[line] = line < net->rows ? net->need[line] : -net->need[line];
	for (slot = 0; slot < net->slots; slot++)
	{
		QD_POLL(net->env, slot);
		f->left[net->row[slot]] -= net->above[slot];
		f->left[net->rows + net->column[slot]] += net->above[slot];
	}
}

/* each row fills its columns in order, as far as they go */
static void
fill_greedily(flow *f)
{
	qd_net	   *net = f->net;
	int32_t		slot;

	for (slot = 0; slot < net->slots; slot++)
	{
		int32_t		row = net->row[slot];
		int32_t		column = net->rows + net->column[slot];
		int64_t		amount = qd_net_room(net, slot) - net->above[slot];

		QD_POLL(net->env, slot);
		if (amount > f->left[row])
			amount = f->left[row];
		if (amount > -f->left[column])
			amount = -f->left[column];
		if (amount <= 0)
			continue;
		net->above[slot] += amount;
		f->left[row] -= amount;
		f->left[column] += amount;
	}
}

/* levels from all sources, or from one only; true if a sink is reached */
static bool
find_levels(flow *f, int32_t only)
{
	const qd_net *net = f->net;
	int32_t		head = 0;
	int32_t		tail = 0;
	bool		found = false;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		f->level[line] = UNREACHED;
		if (f->left[line] > 0 && (only < 0 || line == only))
		{
			f->level[line] = 0;
			f->queue[tail++] = line;
		}
	}
	while (head < tail)
	{
		int32_t		at = f->queue[head++];
		int32_t		i;

		for (i = net->start[at]; i < net->start[at + 1]; i++)
		{
			int32_t		slot = qd_net_slot(net, at, i);
			int32_t		other = qd_net_other(net, at, slot);

			QD_POLL(net->env, f->steps++);
			if (f->level[other] != UNREACHED || residual(net, at, slot) <= 0)
				continue;
			f->level[other] = f->level[at] + 1;
			if (f->left[other] < 0)
				found = true;
			f->queue[tail++] = other;
		}
	}
	return found;
}

/* pushes from a source along levels until it has nothing left or no way */
static void
push_from(flow *f, int32_t source)
{
	qd_net	   *net = f->net;
	int32_t    *path = f->queue;	/* slots, from the source on */
	int32_t		length = 0;
	int32_t		at = source;

	while (f->left[source] > 0)
	{
		bool		moved = false;

		if (f->left[at] < 0)
		{
			int64_t		amount = f->left[source] < -f->left[at] ? f->left[source] : -f->left[at];
			int32_t		line = source;
			int32_t		i;

			for (i = 0; i < length; i++)
			{
				int64_t		room = residual(net, line, path[i]);

				QD_POLL(net->env, f->steps++);
				if (room < amount)
					amount = room;
				line = qd_net_other(net, line, path[i]);
			}
			line = source;
			for (i = 0; i < length; i++)
			{
				net->above[path[i]] += line < net->rows ? amount : -amount;
				line = qd_net_other(net, line, path[i]);
			}
			f->left[source] -= amount;
			f->left[at] += amount;
			at = source;
			length = 0;
			continue;
		}
		for (; f->next[at] < net->start[at + 1]; f->next[at]++)
		{
			int32_t		slot = qd_net_slot(net, at, f->next[at]);
			int32_t		other = qd_net_other(net, at, slot);

			QD_POLL(net->env, f->steps++);
			if (f->level[other] == f->level[at] + 1 && residual(net, at, slot) > 0)
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
		f->next[at]++;
	}
}

/*
 * The lines that the first source reaches: its rows total more than its
 * columns and the bounds of the other cells leave room for.  Or, if those are
 * fewer, the lines it does not reach, whose columns lack as much.
 */
static qd_status
report_conflict(flow *f, qd_problem *problem)
{
	const qd_net *net = f->net;
	qd_grid    *grid = net->grid;
	qd_int128	sum[2][2] = {{0, 0}, {0, 0}};	/* reached?, column? */
	qd_int128	lacking = 0;
	qd_int128	elsewhere = 0;
	int32_t		reached = 0;
	bool		columns;
	int32_t		line;
	int32_t		i;

	for (line = 0; f->left[line] <= 0; line++)
		;
	(void) find_levels(f, line);
	for (line = 0; line < net->lines; line++)
	{
		bool		is_column = line >= net->rows;
		bool		is_reached = f->level[line] != UNREACHED;

		sum[is_reached][is_column] += is_column ? grid->column_total[line - net->rows] :
			grid->row_total[line];
		/* nothing can leave the set: all that is left in it is too much */
		if (is_reached)
		{
			lacking += f->left[line];
			reached++;
		}
	}

	/* what cells of reached rows can hold in columns that are not */
	for (i = 0; i < net->slots; i++)
	{
		QD_POLL(net->env, i);
		if (f->level[net->row[i]] != UNREACHED && f->level[net->rows + net->column[i]] == UNREACHED)
			elsewhere += qd_net_low(net, i) + qd_net_room(net, i);
	}
	for (i = 0; i < grid->n; i++)
	{
		QD_POLL(net->env, i);
		if (grid->rule[i] != QD_RULE_NONE && f->level[grid->row[i]] != UNREACHED &&
			f->level[net->rows + grid->column[i]] == UNREACHED)
			elsewhere += grid->amount[i];
	}

	columns = 2 * reached > net->lines;
	for (line = 0; line < net->lines; line++)
		grid->conflict[line] = (f->level[line] != UNREACHED) != columns;
	problem->subject = QD_ON_LINES;
	problem->row = columns;
	problem->asked = sum[!columns][columns];
	problem->low = sum[!columns][!columns];
	problem->high = net->mirrored ? problem->asked + lacking : problem->asked - lacking;
	problem->elsewhere = net->mirrored ? -elsewhere : elsewhere;
	return QD_INFEASIBLE;
}

qd_status
qd_net_flow(qd_net *net, qd_problem *problem)
{
	const qd_env *env = net->env;
	size_t		size = sizeof(int32_t) * ((size_t) net->lines + 1);
	flow		f = {0};
	qd_status	status = QD_OK;
	int32_t		line;

	f.net = net;
	f.left = qd_net_alloc(env, sizeof(int64_t) * ((size_t) net->lines + 1));
	f.level = qd_net_alloc(env, size);
	f.next = qd_net_alloc(env, size);
	f.queue = qd_net_alloc(env, size);
	if (!f.left || !f.level || !f.next || !f.queue)
		status = QD_NOMEM;
	else
	{
		bool		done = true;

		count_left(&f);
		fill_greedily(&f);
		while (find_levels(&f, -1))
		{
			for (line = 0; line < net->lines; line++)
				f.next[line] = net->start[line];
			for (line = 0; line < net->lines; line++)
				push_from(&f, line);
		}
		for (line = 0; line < net->lines; line++)
			done = done && f.left[line] == 0;
		/* totals agree, so that what lacks somewhere is too much elsewhere */
		if (!done)
			status = report_conflict(&f, problem);
	}
	qd_net_release(env, f.queue);
	qd_net_release(env, f.next);
	qd_net_release(env, f.level);
	qd_net_release(env, f.left);
	return status;
}

/* Tarjan's search for strongly connected components, with a stack of its own */
qd_status
qd_net_components(const qd_net *net, bool (*forward) (const void *arg, int32_t slot),
				  bool (*backward) (const void *arg, int32_t slot),
				  const void *arg, int32_t *component)
{
	const qd_env *env = net->env;
	size_t		size = sizeof(int32_t) * ((size_t) net->lines + 1);
	int32_t    *index = qd_net_alloc(env, size);	/* when first met, from 1 */
	int32_t    *lowest = qd_net_alloc(env, size);
	int32_t    *next = qd_net_alloc(env, size);
	int32_t    *path = qd_net_alloc(env, size);
	int32_t    *open = qd_net_alloc(env, size); /* met, without a component */
	int32_t		met = 0;
	int32_t		opened = 0;
	int32_t		components = 0;
	int64_t		steps = 0;
	qd_status	status = QD_OK;
	int32_t		root;

	if (!index || !lowest || !next || !path || !open)
		status = QD_NOMEM;
	for (root = 0; root < net->lines && status == QD_OK; root++)
	{
		index[root] = 0;
		next[root] = net->start[root];
		component[root] = -1;
	}
	for (root = 0; root < net->lines && status == QD_OK; root++)
	{
		int32_t		depth = 0;

		if (index[root] != 0)
			continue;
		path[depth++] = root;
		index[root] = lowest[root] = ++met;
		open[opened++] = root;
		while (depth > 0)
		{
			int32_t		at = path[depth - 1];
			bool		down = false;

			while (next[at] < net->start[at + 1])
			{
				int32_t		slot = qd_net_slot(net, at, next[at]++);
				int32_t		other;

				QD_POLL(env, steps++);
				if (!(at < net->rows ? forward(arg, slot) : backward(arg, slot)))
					continue;
				other = qd_net_other(net, at, slot);
				if (index[other] == 0)
				{
					path[depth++] = other;
					index[other] = lowest[other] = ++met;
					open[opened++] = other;
					down = true;
					break;
				}
				if (component[other] < 0 && index[other] < lowest[at])
					lowest[at] = index[other];
			}
			if (down)
				continue;
			depth--;
			if (depth > 0 && lowest[at] < lowest[path[depth - 1]])
				lowest[path[depth - 1]] = lowest[at];
			if (lowest[at] == index[at])
			{
				int32_t		line;

				do
				{
					line = open[--opened];
					component[line] = components;
				} while (line != at);
				components++;
			}
		}
	}
	qd_net_release(env, open);
	qd_net_release(env, path);
	qd_net_release(env, next);
	qd_net_release(env, lowest);
	qd_net_release(env, index);
	return status;
}

static bool
can_rise(const void *arg, int32_t slot)
{
	const qd_net *net = arg;

	return net->above[slot] < qd_net_room(net, slot);
}

static bool
can_fall(const void *arg, int32_t slot)
{
	const qd_net *net = arg;

	return net->above[slot] > 0;
}

qd_status
qd_net_forced(qd_net *net, uint8_t *forced)
{
	const qd_env *env = net->env;
	int32_t    *component = qd_net_alloc(env, sizeof(int32_t) * ((size_t) net->lines + 1));
	qd_status	status = component ?
	qd_net_components(net, can_rise, can_fall, net, component) : QD_NOMEM;
	int32_t		slot;

	/* only a cycle of changes can change a slot */
	for (slot = 0; slot < net->slots && status == QD_OK; slot++)
	{
		QD_POLL(env, slot);
		forced[slot] = component[net->row[slot]] != component[net->rows + net->column[slot]];
	}
	qd_net_release(env, component);
	return status;
}
