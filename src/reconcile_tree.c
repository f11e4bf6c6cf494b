/*
 * reconcile_tree.c
 *		reconcile_tree and reconcile_tree_detail: what is asked from above and
 *		what is expected from below, made one plan.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "allocation.h"
#include "decimal.h"
#include "kernel/reconcile.h"
#include "node_map.h"
#include "source.h"

PG_FUNCTION_INFO_V1(qd_reconcile_tree_window);
PG_FUNCTION_INFO_V1(qd_reconcile_tree_detail);

enum
{
	ARG_NODE,
	ARG_PARENT,
	ARG_TOP_DOWN,
	ARG_BOTTOM_UP,
	ARG_TOP_DOWN_TRUST,
	ARG_BOTTOM_UP_TRUST,
	ARG_FLOOR,
	ARG_CAP,
	ARG_UNIT
};

/* a partition's answer; zeroed by the server at the partition's begin */
typedef struct reconcile_state
{
	bool		isdone;
	qd_unit		unit;
	qd_tree		tree;
} reconcile_state;

/* a column of values with its column of trusts */
typedef struct opinions
{
	int			arg;
	int			trust_arg;
	const char *name;
	const char *trust_name;
	bool		per_row;
	bool		trust_per_row;
	bool		absent;			/* NULL in all rows */
	double		constant_trust; /* where not per row; NaN: NULL */
	int64		constant_whole;
	uint64		constant_fraction;
	bool		constant_exact;
	int64	   *whole;			/* [n] */
	uint64	   *fraction;		/* [n] */
	double	   *trust;			/* [n], NaN where NULL; before it is known
								 * whether there is a value */
	uint8	   *kind;			/* [n], of these: */
} opinions;

#define VALUE_NULL		0
#define VALUE_EXACT		1		/* a multiple of the unit */
#define VALUE_INEXACT	2

static double
take_trust(qd_source *source, const opinions *o, int32 row)
{
	bool		isnull;
	Datum		value = source->get(source, o->trust_arg, row, &isnull);
	double		trust;

	if (isnull)
		return NAN;
	trust = DatumGetFloat8(value);
	if (isnan(trust) || trust < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a number, not negative: %s", o->trust_name,
						DatumGetCString(DirectFunctionCall1(float8out, value))),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Trust is one over the variance: 0 is no opinion, 1 the default, 'Infinity' fixes the value.")));
	return trust;
}

static void
take_value(qd_source *source, const opinions *o, const qd_unit *unit, Datum value, int32 row,
		   int64 *whole, uint64 *fraction, bool *exact)
{
	qd_count_status status = qd_fixed_units(unit, value, whole, fraction, exact);

	if (status != QD_COUNT_OK)
		qd_bad_amount(source, unit, o->name, value, status, row);
	/* what is fitted needs room for what it is moved by */
	if (*whole >= QD_MAX_OPINION || *whole <= -QD_MAX_OPINION)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range: %s", o->name, qd_numeric_text(value)),
				 errdetail("Values to reconcile are below %s in units of %s. %s",
						   qd_units_text(unit, QD_MAX_OPINION), qd_units_text(unit, 1),
						   source->describe(source, row)),
				 errhint("Use a coarser unit.")));
}

static void
opinions_begin(qd_source *source, opinions *o, const qd_unit *unit)
{
	Size		n = (Size) source->n;

	o->per_row = !source->constant(source, o->arg);
	o->trust_per_row = !source->constant(source, o->trust_arg);
	if (!o->trust_per_row)
		o->constant_trust = take_trust(source, o, 0);
	if (!o->per_row)
	{
		bool		isnull;
		Datum		value = source->get(source, o->arg, 0, &isnull);

		o->absent = isnull;
		if (!isnull)
			take_value(source, o, unit, value, 0, &o->constant_whole, &o->constant_fraction,
					   &o->constant_exact);
	}
	if (o->trust_per_row)
		o->trust = qd_source_alloc(source, sizeof(double) * n);
	if (o->per_row)
	{
		o->whole = qd_source_alloc(source, sizeof(int64) * n);
		o->fraction = qd_source_alloc(source, sizeof(uint64) * n);
		o->kind = qd_source_alloc(source, n);
	}
}

static void
opinions_read(qd_source *source, opinions *o, const qd_unit *unit, int32 row)
{
	bool		isnull;
	Datum		value = source->get(source, o->arg, row, &isnull);

	o->kind[row] = VALUE_NULL;
	if (!isnull)
	{
		bool		exact;

		take_value(source, o, unit, value, row, &o->whole[row], &o->fraction[row], &exact);
		o->kind[row] = exact ? VALUE_EXACT : VALUE_INEXACT;
	}
}

static void
opinions_free(opinions *o)
{
	if (o->whole)
		pfree(o->whole);
	if (o->fraction)
		pfree(o->fraction);
	if (o->kind)
		pfree(o->kind);
	if (o->trust)
		pfree(o->trust);
}

/*
 * The opinion of a row: false where there is none, for want of a value or of
 * trust.  A fixed value is a multiple of the unit.
 */
static bool
opinion_of(qd_source *source, const opinions *o, const qd_unit *unit, int32 row,
		   int64 *whole, uint64 *fraction, double *trust)
{
	if (o->absent || (o->per_row && o->kind[row] == VALUE_NULL))
		return false;
	*trust = o->trust_per_row ? o->trust[row] : o->constant_trust;
	if (isnan(*trust))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null where %s is not", o->trust_name, o->name),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Trust is one over the variance: 0 is no opinion, 1 the default, 'Infinity' fixes the value.")));
	if (*trust == 0)
		return false;
	*whole = o->per_row ? o->whole[row] : o->constant_whole;
	*fraction = o->per_row ? o->fraction[row] : o->constant_fraction;
	if (isinf(*trust) && !(o->per_row ? o->kind[row] == VALUE_EXACT : o->constant_exact))
	{
		bool		isnull;

		qd_bad_amount(source, unit, o->name, source->get(source, o->arg, row, &isnull),
					  QD_COUNT_NOT_MULTIPLE, row);
	}
	return true;
}

static void
two_fixed(qd_source *source, const qd_unit *unit, int32 row, int64 top_down, int64 bottom_up)
{
	char	   *node = source->node(source, row);

	ereport(ERROR,
			(errcode(ERRCODE_QD_INFEASIBLE),
			 errmsg("top_down %s and bottom_up %s of node %s are both fixed",
					qd_units_text(unit, top_down), qd_units_text(unit, bottom_up), node),
			 errhint("Infinite trust fixes a value; trust one of the two less.")));
}

/*
 * Two opinions of each row into one: value, fraction and trust, or a lock.
 */
static void
combine(qd_source *source, reconcile_state *state, const opinions *top_down,
		const opinions *bottom_up, int64 *value, uint64 *fraction, double *trust)
{
	qd_tree    *tree = &state->tree;
	const qd_unit *unit = &state->unit;
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		int64		whole[2] = {0, 0};
		uint64		part[2] = {0, 0};
		double		weight[2] = {0, 0};
		bool		has_top_down;
		bool		has_bottom_up;

		qd_next_row(source);
		value[row] = 0;
		fraction[row] = 0;
		trust[row] = 0;
		has_top_down = opinion_of(source, top_down, unit, row, &whole[0], &part[0], &weight[0]);
		has_bottom_up = opinion_of(source, bottom_up, unit, row, &whole[1], &part[1], &weight[1]);
		if (has_top_down && isinf(weight[0]))
		{
			if (has_bottom_up && isinf(weight[1]) && whole[0] != whole[1])
				two_fixed(source, unit, row, whole[0], whole[1]);
			tree->flags[row] |= QD_LOCKED;
			tree->amount[row] = whole[0];
			continue;
		}
		if (has_bottom_up && isinf(weight[1]))
		{
			tree->flags[row] |= QD_LOCKED;
			tree->amount[row] = whole[1];
			continue;
		}
		if (has_top_down)
			qd_add_opinion(&value[row], &fraction[row], &trust[row], whole[0], part[0], weight[0]);
		if (has_bottom_up)
			qd_add_opinion(&value[row], &fraction[row], &trust[row], whole[1], part[1], weight[1]);
	}
}

/* reads, reconciles, and keeps what the rows will be asked for */
static void
reconcile(qd_source *source, reconcile_state *state, bool explain)
{
	qd_tree    *tree = &state->tree;
	const qd_unit *unit = &state->unit;
	Size		n = (Size) source->n;
	qd_node_map *map;
	qd_single	unit_value;
	qd_amounts	floor;
	qd_amounts	cap;
	opinions	top_down = {0};
	opinions	bottom_up = {0};
	qd_reconcile job = {0};
	int64	   *value;
	uint64	   *fraction;
	double	   *trust;
	uint8	   *flags;
	int			turn = 0;
	int			unit_lag;
	int			top_down_lag;
	int			bottom_up_lag;
	int			top_down_trust_lag;
	int			bottom_up_trust_lag;
	int			floor_lag;
	int			cap_lag;
	qd_env		env;
	qd_problem	problem = {0};
	qd_status	status;
	int32		step;
	int32		row;

	qd_single_begin(source, &unit_value, ARG_UNIT, "unit", true);
	qd_take_unit(&unit_value, &state->unit);
	tree->n = source->n;
	tree->flags = flags = qd_source_alloc(source, n);
	memset(flags, 0, n);
	tree->rule = qd_source_alloc(source, n);
	tree->amount = qd_source_alloc(source, sizeof(int64) * n);

	map = qd_node_map_begin(source, ARG_NODE, ARG_PARENT);
	source->bounds_hint = "bounds_tree(), with fixed values as locked, shows what every node can hold.";
	top_down.arg = ARG_TOP_DOWN;
	top_down.trust_arg = ARG_TOP_DOWN_TRUST;
	top_down.name = "top_down";
	top_down.trust_name = "top_down_trust";
	opinions_begin(source, &top_down, unit);
	bottom_up.arg = ARG_BOTTOM_UP;
	bottom_up.trust_arg = ARG_BOTTOM_UP_TRUST;
	bottom_up.name = "bottom_up";
	bottom_up.trust_name = "bottom_up_trust";
	opinions_begin(source, &bottom_up, unit);
	qd_amounts_begin(source, &floor, ARG_FLOOR, "floor", unit, QD_UP, QD_HAS_FLOOR, NULL);
	qd_amounts_begin(source, &cap, ARG_CAP, "cap", unit, QD_DOWN, QD_HAS_CAP, NULL);
	/* nodes do not lag, parents do: the others take turns after them */
	unit_lag = qd_next_lag(unit_value.per_row, &turn);
	top_down_lag = qd_next_lag(top_down.per_row, &turn);
	bottom_up_lag = qd_next_lag(bottom_up.per_row, &turn);
	top_down_trust_lag = qd_next_lag(top_down.trust_per_row, &turn);
	bottom_up_trust_lag = qd_next_lag(bottom_up.trust_per_row, &turn);
	floor_lag = qd_next_lag(floor.per_row, &turn);
	cap_lag = qd_next_lag(cap.per_row, &turn);
	for (step = 0; step <= source->n; step++)
	{
		qd_next_row(source);
		if (step < source->n)
			qd_node_map_read_node(source, map, step);
		if (step > 0)
			(void) qd_node_map_read_parent(source, map, step - 1);
		if (unit_value.per_row && qd_in_rows(source, step - unit_lag))
			qd_single_check(source, &unit_value, step - unit_lag);
		if (top_down.per_row && qd_in_rows(source, step - top_down_lag))
			opinions_read(source, &top_down, unit, step - top_down_lag);
		if (bottom_up.per_row && qd_in_rows(source, step - bottom_up_lag))
			opinions_read(source, &bottom_up, unit, step - bottom_up_lag);
		if (top_down.trust_per_row && qd_in_rows(source, step - top_down_trust_lag))
			top_down.trust[step - top_down_trust_lag] =
				take_trust(source, &top_down, step - top_down_trust_lag);
		if (bottom_up.trust_per_row && qd_in_rows(source, step - bottom_up_trust_lag))
			bottom_up.trust[step - bottom_up_trust_lag] =
				take_trust(source, &bottom_up, step - bottom_up_trust_lag);
		if (qd_in_rows(source, step - floor_lag))
			qd_amounts_read(source, &floor, unit, step - floor_lag, flags);
		if (qd_in_rows(source, step - cap_lag))
			qd_amounts_read(source, &cap, unit, step - cap_lag, flags);
	}
	tree->parent = qd_node_map_end(source, map);
	tree->floor = floor.any ? floor.value : NULL;
	tree->cap = cap.any ? cap.value : NULL;

	value = qd_source_alloc(source, sizeof(int64) * n);
	fraction = qd_source_alloc(source, sizeof(uint64) * n);
	trust = qd_source_alloc(source, sizeof(double) * n);
	combine(source, state, &top_down, &bottom_up, value, fraction, trust);
	opinions_free(&top_down);
	opinions_free(&bottom_up);

	tree->child_start = qd_source_alloc(source, sizeof(int32) * (n + 1));
	tree->child = qd_source_alloc(source, sizeof(int32) * n);
	tree->order = qd_source_alloc(source, sizeof(int32) * n);
	tree->exact = qd_source_alloc(source, sizeof(int64) * n);
	tree->exact_fraction = qd_source_alloc(source, sizeof(uint64) * n);
	qd_source_env(source, &env);
	status = qd_tree_link(&env, tree, &problem);
	if (status != QD_OK)
		qd_report(source, unit, status, &problem);
	for (row = 0; floor.any && cap.any && row < source->n; row++)
	{
		CHECK_FOR_INTERRUPTS();
		qd_check_bounds(source, &floor, &cap, row, flags[row], false);
	}

	job.tree = tree;
	job.value = value;
	job.fraction = fraction;
	job.trust = trust;
	status = qd_reconcile_tree(&env, &job, explain, &problem);
	if (status != QD_OK)
		qd_report(source, unit, status, &problem);

	pfree(value);
	pfree(fraction);
	pfree(trust);
	pfree(tree->child_start);
	pfree(tree->child);
	pfree(tree->order);
	if (tree->floor)
		pfree(tree->floor);
	if (tree->cap)
		pfree(tree->cap);
	if (!explain)
	{
		pfree(tree->exact);
		pfree(tree->exact_fraction);
	}
}

/* the state of the current partition, computed at its first row */
static reconcile_state *
partition_state(FunctionCallInfo fcinfo, bool explain)
{
	reconcile_state *state = WinGetPartitionLocalMemory(PG_WINDOW_OBJECT(),
														sizeof(reconcile_state));

	if (!state->isdone)
	{
		qd_source	source = {0};

		qd_source_window(&source, fcinfo, GetMemoryChunkContext(state));
		reconcile(&source, state, explain);
		qd_source_end(&source);
		state->isdone = true;
	}
	return state;
}

/* reconcile_tree(...) OVER (...) → numeric: the amount of the current node */
Datum
qd_reconcile_tree_window(PG_FUNCTION_ARGS)
{
	reconcile_state *state = partition_state(fcinfo, false);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());

	if (state->tree.rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_units_numeric(&state->unit, state->tree.amount[row]));
}

/* reconcile_tree_detail(...) OVER (...) → allocation, NULL where the amount is */
Datum
qd_reconcile_tree_detail(PG_FUNCTION_ARGS)
{
	reconcile_state *state = partition_state(fcinfo, true);
	int64		row = WinGetCurrentPosition(PG_WINDOW_OBJECT());
	const qd_tree *tree = &state->tree;

	if (tree->rule[row] == QD_RULE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(qd_allocation_datum(fcinfo, &state->unit, tree->amount[row],
										qd_fixed_millionths(tree->exact[row],
															tree->exact_fraction[row]),
										tree->rule[row]));
}
