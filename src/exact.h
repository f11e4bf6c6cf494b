/*
 * exact.h
 *		Values and sums of any size that decompositions compute with: 64 bits
 *		where they do, integers of any size where not.
 */
#ifndef QD_EXACT_H
#define QD_EXACT_H

#include "compat.h"

#include "fmgr.h"
#include "windowapi.h"

#include "decimal.h"
#include "kernel/big.h"
#include "source.h"

/* of a value, before and after the point */
#define QD_MAX_EXACT_DIGITS	1000

/* one argument of one row */
typedef struct qd_value
{
	bool		isnull;
	bool		narrow;			/* mantissa * 10^-scale is the value */
	bool		zero;			/* also where it is NULL */
	int			scale;			/* the least; of a value that is not narrow
								 * its display scale */
	int			display_scale;
	int64		mantissa;
	Datum		datum;			/* of a value that is not narrow */
} qd_value;

/* a sum at the finest scale met so far */
typedef struct qd_sum
{
	int128		value;
	int			scale;
	Numeric		wide;			/* instead, where 128 bits are not enough */
} qd_sum;

#define QD_MAX_COLUMNS	4

/* the numeric arguments of a window function, row by row */
typedef struct qd_columns
{
	int			count;
	const char *const *name;	/* [count], for messages */
	const int  *arg;			/* [count] */
	int			lag[QD_MAX_COLUMNS];
	qd_value	value[QD_MAX_COLUMNS][2];
} qd_columns;

extern void qd_columns_begin(qd_source *source, qd_columns *columns, int count,
							 const char *const *name, const int *arg, int *turn);
extern void qd_columns_read(qd_source *source, qd_columns *columns, int32 step);
extern void qd_columns_current(qd_source *source, qd_columns *columns);

/* a column's value of the row before the step just read */
static inline const qd_value *
qd_columns_value(const qd_columns *columns, int column, int32 row)
{
	return &columns->value[column][row & 1];
}

extern bool qd_value_at_scale(const qd_value *value, int scale, int64 *mantissa);
extern qd_big qd_value_big(qd_bigs *bigs, const qd_value *value, int scale);
extern char *qd_value_text(const qd_value *value);
extern void qd_value_take(qd_source *source, const char *name, Datum datum, int32 row,
						  qd_value *value);

extern void qd_sum_add(qd_sum *sum, MemoryContext context, const qd_value *value, int sign);
extern void qd_sum_add_product(qd_sum *sum, MemoryContext context, const qd_value *a,
							   const qd_value *b);
extern bool qd_sum_at_scale(const qd_sum *sum, int scale, int64 *mantissa);
extern qd_big qd_sum_big(qd_bigs *bigs, const qd_sum *sum, int scale);
extern bool qd_sum_is_zero(const qd_sum *sum);
extern int	qd_sum_scale(const qd_sum *sum);

extern void qd_exact_env(qd_env *env);
extern void qd_exact_check(qd_status status);
extern Datum qd_exact_numeric(qd_int128 mantissa, int scale);
extern Datum qd_exact_big_numeric(qd_bigs *bigs, qd_big mantissa, int scale);
pg_noreturn extern void qd_null_beside(qd_source *source, const char *name,
									   const char *other, const qd_value *value, int32 row,
									   const char *hint);

#endif							/* QD_EXACT_H */
