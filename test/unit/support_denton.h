/*
 * support_denton.h
 *		Series for the tests of denton.c: instances, a generator, and a checker
 *		that solves the whole system densely.
 */
#ifndef QD_SUPPORT_DENTON_H
#define QD_SUPPORT_DENTON_H

#include "kernel/denton.h"
#include "support.h"

typedef struct series
{
	int32_t		n;
	int32_t		buckets;
	qd_denton_method method;
	int32_t    *start;
	uint8_t    *flags;
	double	   *indicator;		/* NULL: 1 */
	double	   *days;			/* NULL: 1 */
	int64_t    *total;
	uint8_t    *has_total;
} series;

extern series *series_new(int32_t n, int32_t buckets);
extern void series_free(series *s);

typedef struct series_outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_series	series;			/* its outputs are arrays of its own */
} series_outcome;

extern series_outcome *run_series(const series *s, test_env *env);
extern void series_outcome_free(series_outcome *o);

extern series *draw_series(source *src, int32_t most_rows);
extern bool check_series(const series *s, verdict *v);
extern void print_series(const series *s);

#endif							/* QD_SUPPORT_DENTON_H */
