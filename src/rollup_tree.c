/*
 * rollup_tree.c
 *		rollup_tree: own value plus all below, for each node.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "windowapi.h"

#include "decimal.h"
#include "kernel/kernel.h"
#include "node_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_rollup_tree);

enum
{
	ARG_VALUE,
	ARG_NODE,
	ARG_PARENT
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct rollup_state
{
	bool		isdone;
	int16	   *display_scale;	/* -1: nothing at or below the node */
	int128	   *sum;			/* at `scale`, or NULL: */
	int			scale;
	Datum	   *numeric_sum;	/* where 128 bits are not enough */
} rollup_state;

/*
 * Takes one row's own value into sum[], in 128 bits at the finest scale met;
 * false where they do not do (more than 36 digits, NaN, infinity).
 */
static bool
take_value(rollup_state *state, int32 row, Datum datum, bool isnull)
{
	qd_decimal	d;
	qd_int128	value;

	state->sum[row] = 0;
	state->display_scale[row] = -1;
	if (isnull)
		return true;
	qd_decimal_decode(datum, &d);
	if (d.kind != QD_DECIMAL_EXACT || d.scale > 18 || d.display_scale > 60)
		return false;
	state->display_scale[row] = (int16) d.display_scale;
	if (d.scale > state->scale)
	{
		int64		factor = qd_power10[d.scale - state->scale];
		int32		i;

		for (i = 0; i < row; i++)
		{
			value = state->sum[i];
			if (__builtin_mul_overflow(value, (qd_int128) factor, &value))
				return false;
			state->sum[i] = value;
			CHECK_FOR_INTERRUPTS();
		}
		state->scale = d.scale;
	}
	if (__builtin_mul_overflow(d.mantissa, (qd_int128) qd_power10[state->scale - d.scale],
							   &value))
		return false;
	state->sum[row] = value;
	return true;
}

/* adds each row to its parent, children first; false on overflow */
static bool
add_up(const qd_tree *tree, rollup_state *state)
{
	int32		at;

	for (at = tree->n - 1; at >= 0; at--)
	{
		int32		row = tree->order[at];
		int32		parent = tree->parent[row];
		qd_int128	sum;

		CHECK_FOR_INTERRUPTS();
		if (parent < 0 || state->display_scale[row] < 0)
			continue;
		if (__builtin_add_overflow((qd_int128) state->sum[parent], (qd_int128) state->sum[row], &sum))
			return false;
		state->sum[parent] = sum;
		state->display_scale[parent] = Max(state->display_scale[parent],
										   state->display_scale[row]);
	}
	return true;
}

/* the same by the server's numeric, for what 128 bits cannot hold */
static void
add_up_numeric(qd_source *source, const qd_tree *tree, rollup_state *state)
{
	MemoryContext old;
	int32		row;
	int32		at;

	state->numeric_sum = qd_source_alloc(source, sizeof(Datum) * (Size) source->n);
	for (row = 0; row < source->n; row++)
	{
		bool		isnull;
		Datum		value;

		qd_next_row(source);
		value = source->get(source, ARG_VALUE, row, &isnull);
		state->numeric_sum[row] = (Datum) 0;
		if (isnull)
			continue;
		old = MemoryContextSwitchTo(source->context);
		state->numeric_sum[row] = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		MemoryContextSwitchTo(old);
	}
	for (at = tree->n - 1; at >= 0; at--)
	{
		int32		parent = tree->parent[tree->order[at]];
		Datum		mine = state->numeric_sum[tree->order[at]];
		Datum		sum;

		CHECK_FOR_INTERRUPTS();
		if (parent < 0 || mine == (Datum) 0)
			continue;
		old = MemoryContextSwitchTo(source->context);
		if (state->numeric_sum[parent] == (Datum) 0)
			sum = PointerGetDatum(PG_DETOAST_DATUM_COPY(mine));
		else
		{
			sum = DirectFunctionCall2(numeric_add, state->numeric_sum[parent], mine);
			pfree(DatumGetPointer(state->numeric_sum[parent]));
		}
		MemoryContextSwitchTo(old);
		state->numeric_sum[parent] = sum;
	}
}

static void
rollup(qd_source *source, rollup_state *state)
{
	Size		n = (Size) source->n;
	qd_tree		tree = {0};
	qd_node_map *map;
	qd_env		env;
	qd_problem	problem = {0};
	const qd_unit one = {1, 0, 0};
	qd_status	status;
	bool		narrow = true;
	int32		step;

	state->display_scale = qd_source_alloc(source, sizeof(int16) * n);
	state->sum = qd_source_alloc(source, sizeof(int128) * n);
	map = qd_node_map_begin(source, ARG_NODE, ARG_PARENT);
	/* the parent a row behind: see source.c */
	for (step = 0; step <= source->n; step++)
	{
		qd_next_row(source);
		if (step < source->n)
			qd_node_map_read_node(source, map, step);
		if (step > 0)
			(void) qd_node_map_read_parent(source, map, step - 1);
		if (narrow && step < source->n)
		{
			bool		isnull;
			Datum		value = source->get(source, ARG_VALUE, step, &isnull);

			narrow = take_value(state, step, value, isnull);
		}
	}
	tree.n = source->n;
	tree.parent = qd_node_map_end(source, map);
	tree.child_start = qd_source_alloc(source, sizeof(int32) * (n + 1));
	tree.child = qd_source_alloc(source, sizeof(int32) * n);
	tree.order = qd_source_alloc(source, sizeof(int32) * n);
	tree.rule = qd_source_alloc(source, n);
	qd_source_env(source, &env);
	status = qd_tree_link(&env, &tree, &problem);
	if (status != QD_OK)
		qd_report(source, &one, status, &problem);

	if (!narrow || !add_up(&tree, state))
	{
		pfree(state->sum);
		state->sum = NULL;
		add_up_numeric(source, &tree, state);
	}
	pfree(tree.child_start);
	pfree(tree.child);
	pfree(tree.order);
	pfree(tree.rule);
}

/* rollup_tree(...) OVER (...) → numeric, NULL where no value is at or below */
Datum
qd_rollup_tree(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	rollup_state *state = WinGetPartitionLocalMemory(winobj, sizeof(rollup_state));
	int64		row = WinGetCurrentPosition(winobj);

	if (!state->isdone)
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		rollup(&source, state);
		qd_source_end(&source);
		state->isdone = true;
	}
	if (!state->sum)
	{
		if (state->numeric_sum[row] == (Datum) 0)
			PG_RETURN_NULL();
		PG_RETURN_DATUM(state->numeric_sum[row]);
	}
	if (state->display_scale[row] < 0)
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(qd_make_numeric(state->sum[row], state->scale, state->display_scale[row]));
}
