/*
 * given.c
 *		_given(column): the values that the conditions of the query at hand leave
 *		a column, for the planner to choose among forms of one query.
 *
 * A view cannot see the conditions that it is read with.  The planner can: when
 * it simplifies the call, they have been pushed down to where the view has it.
 * It then puts the values in place of the call, as a constant, and what is
 * decided by them is decided before anything is planned further.  NULL says that
 * nothing is known, which is also what a call that was not replaced returns.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(qd_given);
PG_FUNCTION_INFO_V1(qd_given_support);

Datum
qd_given(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}

/*
 * The array of values of a condition "column = constant" or "column = ANY
 * (constant array)", NULL if it is no such condition.  An equality that is
 * not the column's own, of another type or collation, might hold for values that
 * are not the same.
 */
static Const *
given_by(Node *condition, Var *column, Oid array_type)
{
	List	   *args;
	Oid			opno,
				collation;
	Node	   *left,
			   *right;
	Const	   *value;
	Datum		element;
	int16		length;
	bool		by_value;
	char		align;
	ArrayType  *array;

	if (IsA(condition, OpExpr))
	{
		args = ((OpExpr *) condition)->args;
		opno = ((OpExpr *) condition)->opno;
		collation = ((OpExpr *) condition)->inputcollid;
	}
	else if (IsA(condition, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) condition)->useOr)
	{
		args = ((ScalarArrayOpExpr *) condition)->args;
		opno = ((ScalarArrayOpExpr *) condition)->opno;
		collation = ((ScalarArrayOpExpr *) condition)->inputcollid;
	}
	else
		return NULL;

	if (list_length(args) != 2 || get_mergejoin_opfamilies(opno) == NIL || collation != column->varcollid)
		return NULL;
	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return NULL;
	left = (Node *) linitial(args);
	right = (Node *) lsecond(args);
	if (IsA(condition, OpExpr) && IsA(left, Const))
	{
		Node	   *swap = left;

		left = right;
		right = swap;
	}
	if (!equal(left, column) || !IsA(right, Const) || ((Const *) right)->constisnull)
		return NULL;
	value = (Const *) right;
	if (IsA(condition, ScalarArrayOpExpr))
		return value->consttype == array_type ? value : NULL;
	if (value->consttype != column->vartype)
		return NULL;

	get_typlenbyvalalign(column->vartype, &length, &by_value, &align);
	element = value->constvalue;
	array = construct_array(&element, 1, column->vartype, length, by_value, align);
	return makeConst(array_type, -1, column->varcollid, -1, PointerGetDatum(array), false, false);
}

/* the first of the conditions that all hold which gives values */
static Const *
given_in(Node *conditions, Var *column, Oid array_type)
{
	List	   *members;
	ListCell   *cell;

	check_stack_depth();
	if (conditions == NULL)
		return NULL;
	if (IsA(conditions, FromExpr))
		return given_in(((FromExpr *) conditions)->quals, column, array_type);
	if (IsA(conditions, List))
		members = (List *) conditions;
	else if (is_andclause(conditions))
		members = ((BoolExpr *) conditions)->args;
	else
		return given_by(conditions, column, array_type);
	foreach(cell, members)
	{
		Const	   *found = given_in((Node *) lfirst(cell), column, array_type);

		if (found != NULL)
			return found;
	}
	return NULL;
}

Datum
qd_given_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	Const	   *found = NULL;
	Var		   *column;
	Oid			array_type;

	if (!IsA(request, SupportRequestSimplify) || request->root == NULL)
		PG_RETURN_POINTER(NULL);
	column = (Var *) linitial(request->fcall->args);
	array_type = request->fcall->funcresulttype;
	if (IsA(column, Var) && column->varlevelsup == 0 && get_element_type(array_type) == column->vartype)
		found = given_in((Node *) request->root->parse->jointree, column, array_type);
	if (found == NULL)
		found = makeNullConst(array_type, -1, request->fcall->funccollid);
	PG_RETURN_POINTER(found);
}
