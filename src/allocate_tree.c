/*
 * allocate_tree.c
 *		allocate_tree, allocate_tree_detail and bounds_tree: a total down a
 *		tree whose nodes are the rows of a partition.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "node_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_allocate_tree_window);
PG_FUNCTION_INFO_V1(qd_allocate_tree_detail);
PG_FUNCTION_INFO_V1(qd_bounds_tree_window);

/* where a function has its arguments */
typedef struct tree_arguments
{
	int			total;
	int			node;
	int			parent;
	int			weight;
	int			floor;
	int			cap;
	int			locked;
	int			uplift;
	int			unit;
	int			rounding;
} tree_arguments;

static const tree_arguments allocate_arguments = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static const tree_arguments bounds_arguments = {QD_NO_ARG, 0, 1, 2, 3, 4, 5, 6, 7, QD_NO_ARG};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct tree_state
{
	bool		isdone;
	qd_unit		unit;
	qd_tree		tree;
	int64	   *low;			/* bounds_tree only */
	int64	   *high;
	uint8	   *feasible;
} tree_state;

/*
 * A column of uplifts as parts of *one, a power of ten; NULL where none is
 * above 0.  Nine decimal places are exact, which is more than any percentage
 * needs; finer ones are refused.
 */
static int64 *
read_uplifts(qd_source *source, int arg, int64 *one)
{
	const qd_unit step = {1, 9, 9};
	int64	   *uplift;
	bool		constant = source->constant(source, arg);
	bool		any = false;
	int64		count = 0;
	int32		row;

	*one = INT64CONST(1000000000);
	if (qd_constant_null(source, arg))
		return NULL;
	uplift = qd_source_alloc(source, sizeof(int64) * (Size) source->n);
	for (row = 0; row < source->n; row++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!constant || row == 0)
		{
			bool		isnull;
			Datum		value = source->get(source, arg, row, &isnull);

			count = 0;
			if (!isnull)
			{
				qd_count_status status = qd_count_units(&step, value, QD_EXACTLY, &count);

				if (status == QD_COUNT_NOT_FINITE || count < 0)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("uplift must be a finite number, not negative: %s",
									qd_numeric_text(value)),
							 errdetail("%s", source->describe(source, row)),
							 errhint("An uplift of 0.05 assigns 105 %% of a node to its children.")));
				if (status != QD_COUNT_OK)
					ereport(ERROR,
							(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							 errmsg("uplift is out of range: %s", qd_numeric_text(value)),
							 errdetail("%s An uplift has at most nine decimal places.",
									   source->describe(source, row))));
			}
		}
		uplift[row] = count;
		any = any || count != 0;
	}
	return any ? uplift : NULL;
}

/*
 * Reads nodes, weights, bounds, locks and uplifts into state->tree and links
 * it.  The key map stays in source->extra for errors.
 */
static void
read_tree(qd_source *source, const tree_arguments *arg, tree_state *state)
{
	qd_tree    *tree = &state->tree;
	Size		n = (Size) source->n;
	uint8	   *flags;
	qd_node_map *map;
	int64	   *floor;
	int64	   *cap;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		row;

	qd_read_unit(source, arg->unit, &state->unit);
	map = qd_node_map_build(source, arg->node);
	tree->n = source->n;
	tree->parent = qd_read_parents(source, map, arg->parent);
	qd_node_map_free(map);

	tree->flags = flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	tree->rule = qd_source_alloc(source, n);
	tree->child_start = qd_source_alloc(source, sizeof(int32) * (n + 1));
	tree->child = qd_source_alloc(source, sizeof(int32) * n);
	tree->order = qd_source_alloc(source, sizeof(int32) * n);
	tree->weight = qd_source_alloc(source, sizeof(int64) * n);
	tree->amount = qd_source_alloc(source, sizeof(int64) * n);

	qd_source_env(source, &env);
	status = qd_tree_link(&env, tree, &problem);
	if (status != QD_OK)
		qd_report(source, &state->unit, status, &problem);

	qd_read_amounts(source, arg->locked, "locked amount", &state->unit, QD_EXACTLY,
					QD_LOCKED, flags, tree->amount);
	floor = qd_read_amounts(source, arg->floor, "floor", &state->unit, QD_UP,
							QD_HAS_FLOOR, flags, NULL);
	cap = qd_read_amounts(source, arg->cap, "cap", &state->unit, QD_DOWN,
						  QD_HAS_CAP, flags, NULL);
	tree->floor = floor;
	tree->cap = cap;
	if (qd_constant_null(source, arg->weight))
	{
		/* no weights at all: leaves weigh 1 */
		for (row = 0; row < source->n; row++)
			if (tree->child_start[row] == tree->child_start[row + 1])
			{
				tree->weight[row] = 1;
				flags[row] |= QD_HAS_WEIGHT;
			}
	}
	else
		qd_read_weights(source, arg->weight, flags, 0, tree->weight);

	/* only a leaf's null weight forbids bounds: an interior one is a sum */
	for (row = 0; row < source->n; row++)
	{
		uint8		f = flags[row];
		bool		leaf = tree->child_start[row] == tree->child_start[row + 1];

		CHECK_FOR_INTERRUPTS();
		if ((f & (QD_HAS_FLOOR | QD_HAS_CAP)) == 0)
			continue;
		qd_check_bounds(source, arg->floor, arg->cap, row, f, floor, cap, leaf);
	}
	tree->uplift = read_uplifts(source, arg->uplift, &tree->uplift_one);
}

/* reads, allocates, and keeps what the rows will be asked for */
static void
allocate(qd_source *source, tree_state *state, bool explain)
{
	const tree_arguments *arg = &allocate_arguments;
	qd_tree    *tree = &state->tree;
	Size		n = (Size) source->n;
	qd_rounding rounding = qd_read_rounding(source, arg->rounding);
	int64	   *total;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		i;

	read_tree(source, arg, state);
	tree->exact = qd_source_alloc(source, sizeof(int64) * n);
	tree->exact_fraction = qd_source_alloc(source, sizeof(uint64) * n);

	/* roots come first in the order */
	total = qd_source_alloc(source, sizeof(int64) * n);
	for (i = 0; i < tree->n && tree->parent[tree->order[i]] < 0; i++)
	{
		int32		row = tree->order[i];
		bool		isnull;
		Datum		value = source->get(source, arg->total, row, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			tree->flags[row] |= QD_NO_TOTAL;
		else
			total[row] = qd_count_total(source, &state->unit, value, row);
	}

	qd_source_env(source, &env);
	status = qd_allocate_tree(&env, tree, total, rounding, explain, &problem);
	if (status != QD_OK)
		qd_report(source, &state->unit, status, &problem);

	pfree(total);
	pfree(tree->weight);
	pfree(tree->child_start);
	pfree(tree->child);
	pfree(tree->order);
	if (!explain)
	{
		pfree(tree->exact);
		pfree(tree->exact_fraction);
	}
}

/* reads, lifts bounds */
static void
lift(qd_source *source, tree_state *state)
{
	Size		n = (Size) source->n;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;

	read_tree(source, &bounds_arguments, state);
	state->low = qd_source_alloc(source, sizeof(int64) * n);
	state->high = qd_source_alloc(source, sizeof(int64) * n);
	state->feasible = qd_source_alloc(source, n);
	qd_source_env(source, &env);
	status = qd_bounds_tree(&env, &state->tree, state->low, state->high, state->feasible,
							&problem);
	if (status != QD_OK)
		qd_report(source, &state->unit, status, &problem);
}

/* the state of the current partition, computed at its first row */
static tree_state *
partition_state(FunctionCallInfo fcinfo, bool bounds, bool explain)
{
	tree_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(), sizeof(tree_state));

	if (!state->isdone)
	{
		qd_source	source = {0};

		source.context = GetMemoryChunkContext(state);
		qd_source_window(&source, fcinfo);
		if (bounds)
			lift(&source, state);
		else
			allocate(&source, state, explain);
		state->isdone = true;
	}
	return state;
}

/* allocate_tree(...) OVER (...) → numeric: the amount of the current node */
Datum
qd_allocate_tree_window(PG_FUNCTION_ARGS)
{
	tree_state *state = partition_state(fcinfo, false, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->tree.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->tree.amount[row]));
}

/* allocate_tree_detail(...) OVER (...) → allocation, NULL where the amount is */
Datum
qd_allocate_tree_detail(PG_FUNCTION_ARGS)
{
	tree_state *state = partition_state(fcinfo, false, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	const qd_tree *tree = &state->tree;

	if (tree->rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_allocation_datum(fcinfo, &state->unit, tree->amount[row],
										qd_fixed_millionths(tree->exact[row],
															tree->exact_fraction[row]),
										tree->rule[row]));
}

/* bounds_tree(...) OVER (...) → subtree_bounds of the current node */
Datum
qd_bounds_tree_window(PG_FUNCTION_ARGS)
{
	tree_state *state = partition_state(fcinfo, true, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	Datum		values[3] = {0};
	bool		nulls[3] = {false, false, false};

	values[0] = qd_units_numeric(&state->unit, state->low[row]);
	if (state->high[row] == QD_NO_CAP)
		nulls[1] = true;
	else
		values[1] = qd_units_numeric(&state->unit, state->high[row]);
	values[2] = BoolGetDatum(state->feasible[row] != 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(qd_result_desc(fcinfo), values, nulls)));
}
