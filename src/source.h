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
	MemoryContext caller;		/* the current one of the call */
	MemoryContext scratch;		/* what evaluating a row leaves behind, or
								 * NULL */

	/* an argument of a row; by-reference values live until qd_next_row */
	Datum		(*get) (qd_source *source, int arg, int32 row, bool *isnull);
	/* the same for every row, without looking */
	bool		(*constant) (qd_source *source, int arg);
	/* names a row in an error's detail; palloc'd */
	char	   *(*describe) (qd_source *source, int32 row);
	/* the node of a row, quoted, for a message; NULL where rows are no nodes */
	char	   *(*node) (qd_source *source, int32 row);

	/*
	 * how to see what its nodes can hold, where it is not by bounds_tree
	 * alone
	 */
	const char *bounds_hint;
	/* reports a bound beyond 64 bits that is no amount; NULL where it is one */
	void		(*too_large) (qd_source *source, const char *name, const char *text, int32 row);

	WindowObject winobj;		/* a window partition */
	int32	   *peer_group;		/* [n] of a window's rows, when first needed */
	Datum	  **values;			/* or arrays, by argument */
	bool	  **nulls;
	void	   *extra;			/* describe's own */
};

/* an argument a function does not have */
#define QD_NO_ARG (-1)

/* total, unit or rounding: one value in the whole partition */
typedef struct qd_single
{
	int			arg;
	const char *name;
	bool		per_row;		/* has to be looked at in every row */
	bool		numeric;		/* or an enum */
	bool		isnull;
	Datum		value;			/* a copy that lives as long as the source */
} qd_single;

/* locks, floors or caps */
typedef struct qd_amounts
{
	int			arg;
	const char *name;
	qd_direction direction;
	uint8		flag;
	bool		per_row;
	bool		absent;			/* NULL in all rows */
	bool		any;			/* some row has one */
	int64		constant;		/* where not per_row */
	int64	   *value;			/* [n], set where the flag is */
} qd_amounts;

/* weights, in the smallest decimal step met so far */
typedef struct qd_weights
{
	int			arg;
	const char *name;
	bool		per_row;
	bool		absent;			/* a constant NULL: not given */
	uint8		skip;			/* rows with such a flag count as 0 */
	bool		wide;			/* 62 bits are not enough: scale at the end */
	int			scale;
	qd_int128	sum;
	int64		mantissa;		/* where not per_row */
	int			mantissa_scale;
	int64	   *value;			/* [n] */
} qd_weights;

/* a column that lags is asked for rows before the first */
static inline bool
qd_in_rows(const qd_source *source, int32 row)
{
	return row >= 0 && row < source->n;
}

extern void qd_source_window(qd_source *source, FunctionCallInfo fcinfo, MemoryContext context);
extern void qd_source_end(qd_source *source);
extern void qd_next_row(qd_source *source);
extern int	qd_next_lag(bool per_row, int *turn);
extern void *qd_source_alloc(qd_source *source, Size size);
extern int32 qd_more_room(int32 room);
extern void qd_source_env(qd_source *source, qd_env *env);
extern void qd_env_release(void *arg, void *ptr);
extern void qd_env_poll(void *arg);

extern void qd_single_begin(qd_source *source, qd_single *single, int arg, const char *name,
							bool numeric);
extern void qd_single_check(qd_source *source, const qd_single *single, int32 row);
extern bool qd_same_numeric(Datum a, Datum b);
extern void qd_take_unit(const qd_single *single, qd_unit *unit);
extern int	qd_take_label(const qd_single *single, const char *const *label, int count,
						  const char *hint);
extern qd_rounding qd_take_rounding(const qd_single *single);
pg_noreturn extern void qd_bad_amount(qd_source *source, const qd_unit *unit, const char *name,
									  Datum value, qd_count_status status, int32 row);
extern int64 qd_count_total(qd_source *source, const qd_unit *unit, Datum total, int32 row);
extern void qd_amounts_begin(qd_source *source, qd_amounts *amounts, int arg, const char *name,
							 const qd_unit *unit, qd_direction direction, uint8 flag,
							 int64 *value);
extern void qd_amounts_read(qd_source *source, qd_amounts *amounts, const qd_unit *unit,
							int32 row, uint8 *flags);
extern void qd_weights_begin(qd_source *source, qd_weights *weights, int arg, uint8 skip,
							 int64 *value);
extern void qd_weights_begin_as(qd_source *source, qd_weights *weights, int arg, const char *name,
								uint8 skip, int64 *value);
extern void qd_weights_read(qd_source *source, qd_weights *weights, int32 row, uint8 *flags);
extern void qd_weights_end(qd_source *source, qd_weights *weights, const uint8 *flags);
extern void qd_check_bounds(qd_source *source, const qd_amounts *floor, const qd_amounts *cap,
							int32 row, uint8 flags, bool needs_weight);
extern char *qd_range_text(const qd_unit *unit, const qd_problem *problem);
pg_noreturn extern void qd_report(qd_source *source, const qd_unit *unit, qd_status status,
								  const qd_problem *problem);

#define ERRCODE_QD_INFEASIBLE MAKE_SQLSTATE('Q','D','0','0','1')

#endif							/* QD_SOURCE_H */
