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

/* uplifts are counted in these: finer than any percentage needs */
static const qd_unit uplift_step = {1, 9, 9};

#define UPLIFT_ONE INT64CONST(1000000000)

typedef struct uplifts_read
{
	int			arg;
	bool		constant;
	int64	   *value;			/* [n] in parts of UPLIFT_ONE; NULL until one
								 * is above 0 */
} uplifts_read;

/* reads a row's uplift, 0 where NULL; says what is wrong with it */
static void
read_uplift(qd_source *source, uplifts_read *uplifts, int32 row)
{
	bool		isnull;
	Datum		value;
	int64		count = 0;
	qd_count_status status;

	if (uplifts->constant && row > 0)
	{
		if (uplifts->value)
			uplifts->value[row] = uplifts->value[0];
		return;
	}
	value = source->get(source, uplifts->arg, row, &isnull);
	status = isnull ? QD_COUNT_OK : qd_count_units(&uplift_step, value, QD_EXACTLY, &count);
	if (status == QD_COUNT_NOT_FINITE || (status == QD_COUNT_OK && count < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("uplift must be a finite number, not negative: %s",
						qd_numeric_text(value)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("An uplift of 0.05 assigns 105 %% of a node to its children.")));
	if (status == QD_COUNT_NOT_MULTIPLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("uplift has more than nine decimal places: %s", qd_numeric_text(value)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Use round(uplift, 9).")));
	if (status != QD_COUNT_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("uplift is out of range: %s", qd_numeric_text(value)),
				 errdetail("%s", source->describe(source, row)),
				 errhint("An uplift of 0.05 assigns 105 %% of a node to its children.")));
	if (count != 0 && !uplifts->value)
	{
		uplifts->value = qd_source_alloc(source, sizeof(int64) * (Size) source->n);
		memset(uplifts->value, 0, sizeof(int64) * (Size) row);
	}
	if (uplifts->value)
		uplifts->value[row] = count;
}

/* the total of a root; a NULL one leaves the root's whole tree NULL */
static void
read_root_total(qd_source *source, const tree_arguments *arg, const qd_unit *unit, int32 row,
				uint8 *flags, int64 *total)
{
	bool		isnull;
	Datum		value = source->get(source, arg->total, row, &isnull);

	if (isnull)
		flags[row] |= QD_NO_TOTAL;
	else
		total[row] = qd_count_total(source, unit, value, row);
}

/*
 * Reads nodes, weights, bounds, locks and uplifts into state->tree, and the
 * totals of roots into total[] unless that is NULL; links the tree.
 */
static void
read_tree(qd_source *source, const tree_arguments *arg, tree_state *state, int64 *total)
{
	qd_tree    *tree = &state->tree;
	const qd_unit *unit = &state->unit;
	Size		n = (Size) source->n;
	uint8	   *flags;
	qd_node_map *map;
	qd_single	unit_value;
	qd_amounts	locked;
	qd_amounts	floor;
	qd_amounts	cap;
	qd_weights	weights;
	uplifts_read uplifts = {0};
	int			turn = 0;
	int			unit_lag;
	int			locked_lag;
	int			floor_lag;
	int			cap_lag;
	int			uplift_lag;
	int			weight_lag;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		step;
	int32		row;

	qd_single_begin(source, &unit_value, arg->unit, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	tree->n = source->n;
	tree->flags = flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	tree->rule = qd_source_alloc(source, n);
	tree->weight = qd_source_alloc(source, sizeof(int64) * n);
	tree->amount = qd_source_alloc(source, sizeof(int64) * n);

	map = qd_node_map_begin(source, arg->node, arg->parent);
	qd_amounts_begin(source, &locked, arg->locked, "locked", unit, QD_EXACTLY,
					 QD_LOCKED, tree->amount);
	qd_amounts_begin(source, &floor, arg->floor, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &cap, arg->cap, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	qd_weights_begin(source, &weights, arg->weight, 0, tree->weight);
	uplifts.arg = arg->uplift;
	uplifts.constant = source->constant(source, arg->uplift);
	/* nodes do not lag, parents do: the others take turns after them */
	unit_lag = qd_next_lag(unit_value.per_row, &turn);
	locked_lag = qd_next_lag(locked.per_row, &turn);
	floor_lag = qd_next_lag(floor.per_row, &turn);
	cap_lag = qd_next_lag(cap.per_row, &turn);
	uplift_lag = qd_next_lag(!uplifts.constant, &turn);
	weight_lag = qd_next_lag(weights.per_row, &turn);
	for (step = 0; step <= source->n; step++)
	{
		qd_next_row(source);
		if (step < source->n)
			qd_node_map_read_node(source, map, step);
		if (step > 0 && qd_node_map_read_parent(source, map, step - 1) && total)
			read_root_total(source, arg, unit, step - 1, flags, total);
		if (unit_value.per_row && qd_in_rows(source, step - unit_lag))
			qd_single_check(source, &unit_value, step - unit_lag);
		if (qd_in_rows(source, step - locked_lag))
			qd_amounts_read(source, &locked, unit, step - locked_lag, flags);
		if (qd_in_rows(source, step - floor_lag))
			qd_amounts_read(source, &floor, unit, step - floor_lag, flags);
		if (qd_in_rows(source, step - cap_lag))
			qd_amounts_read(source, &cap, unit, step - cap_lag, flags);
		if (qd_in_rows(source, step - uplift_lag))
			read_uplift(source, &uplifts, step - uplift_lag);
		if (qd_in_rows(source, step - weight_lag))
			qd_weights_read(source, &weights, step - weight_lag, flags);
	}
	qd_weights_end(source, &weights, flags);
	tree->parent = qd_node_map_end(source, map);
	tree->floor = floor.any ? floor.value : NULL;
	tree->cap = cap.any ? cap.value : NULL;
	tree->uplift = uplifts.value;
	tree->uplift_one = UPLIFT_ONE;

	tree->child_start = qd_source_alloc(source, sizeof(int32) * (n + 1));
	tree->child = qd_source_alloc(source, sizeof(int32) * n);
	tree->order = qd_source_alloc(source, sizeof(int32) * n);
	qd_source_env(source, &env);
	status = qd_tree_link(&env, tree, &problem);
	if (status != QD_OK)
		qd_report(source, unit, status, &problem);

	for (row = 0; row < source->n; row++)
	{
		bool		leaf = tree->child_start[row] == tree->child_start[row + 1];

		CHECK_FOR_INTERRUPTS();
		/* no weights at all: leaves weigh 1 */
		if (weights.absent && leaf)
		{
			tree->weight[row] = 1;
			flags[row] |= QD_HAS_WEIGHT;
		}
		/* only a leaf's null weight forbids bounds: an interior one is a sum */
		if (flags[row] & (QD_HAS_FLOOR | QD_HAS_CAP))
			qd_check_bounds(source, &floor, &cap, row, flags[row], leaf);
	}
}

/* reads, allocates, and keeps what the rows will be asked for */
static void
allocate(qd_source *source, tree_state *state, bool explain)
{
	const tree_arguments *arg = &allocate_arguments;
	qd_tree    *tree = &state->tree;
	Size		n = (Size) source->n;
	qd_single	rounding_value;
	qd_rounding rounding;
	int64	   *total = qd_source_alloc(source, sizeof(int64) * n);
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		row;

	qd_single_begin(source, &rounding_value, arg->rounding, "rounding", false);
	rounding = qd_take_rounding(&rounding_value);
	for (row = 1; rounding_value.per_row && row < source->n; row++)
	{
		qd_next_row(source);
		qd_single_check(source, &rounding_value, row);
	}
	read_tree(source, arg, state, total);
	tree->exact = qd_source_alloc(source, sizeof(int64) * n);
	tree->exact_fraction = qd_source_alloc(source, sizeof(uint64) * n);

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

	read_tree(source, &bounds_arguments, state, NULL);
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

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		if (bounds)
			lift(&source, state);
		else
			allocate(&source, state, explain);
		qd_source_end(&source);
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
