/*
 * source.h
 *		Where the arguments of an allocation come from, row by row: a window
 *		partition, or arrays.  And the readers that turn a column of it into
 *		what the kernels take.
 */
#ifndef QD_SOURCE_H
#define QD_SOURCE_H

#include "compat.h"

#include "fmgr.h"
#include "windowapi.h"

#include "decimal.h"
#include "kernel/kernel.h"

typedef struct qd_source qd_source;

struct qd_source
{
	int32		n;				/* rows */
	FunctionCallInfo fcinfo;
	MemoryContext context;		/* lives as long as the partition */

	/* an argument of a row; by-reference values live until the next call */
	Datum		(*get) (qd_source *source, int arg, int32 row, bool *isnull);
	/* the same for every row, without looking */
	bool		(*constant) (qd_source *source, int arg);
	/* names a row in an error's detail; palloc'd */
	char	   *(*describe) (qd_source *source, int32 row);

	WindowObject winobj;		/* a window partition */
	Datum	  **values;			/* or arrays, by argument */
	bool	  **nulls;
	void	   *extra;			/* describe's own */
};

/* an argument a function was not given, or has not */
#define QD_NO_ARG (-1)

extern void qd_source_window(qd_source *source, FunctionCallInfo fcinfo);
extern void *qd_source_alloc(qd_source *source, Size size);
extern void qd_source_env(qd_source *source, qd_env *env);

extern bool qd_constant_null(qd_source *source, int arg);
extern bool qd_read_total(qd_source *source, int arg, Datum *total);
extern void qd_read_unit(qd_source *source, int arg, qd_unit *unit);
extern qd_rounding qd_read_rounding(qd_source *source, int arg);
extern int64 qd_count_total(qd_source *source, const qd_unit *unit, Datum total, int32 row);
extern void qd_read_weights(qd_source *source, int arg, uint8 *flags, uint8 skip, int64 *weight);
extern int64 *qd_read_amounts(qd_source *source, int arg, const char *name, const qd_unit *unit,
							  qd_direction direction, uint8 flag, uint8 *flags, int64 *amount);
extern void qd_check_bounds(qd_source *source, int floor_arg, int cap_arg, int32 row, uint8 flags,
							const int64 *floor, const int64 *cap, bool needs_weight);
extern void qd_report(qd_source *source, const qd_unit *unit, qd_status status,
					  const qd_problem *problem) pg_attribute_noreturn();

#define ERRCODE_QD_INFEASIBLE MAKE_SQLSTATE('Q','D','0','0','1')

#endif							/* QD_SOURCE_H */
