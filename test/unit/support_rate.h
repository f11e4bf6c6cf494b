/*
 * support_rate.h
 *		Rates for the tests of rate.c: instances, a generator, a checker.
 */
#ifndef QD_SUPPORT_RATE_H
#define QD_SUPPORT_RATE_H

#include "kernel/rate.h"
#include "support.h"

typedef struct rates
{
	int32_t		n;
	qd_rate_method method;
	int64_t		target;			/* in steps */
	int64_t		step;
	uint8_t    *flags;
	int64_t    *volume;
	int64_t    *base;
	int64_t    *floor;			/* read where the flag says so */
	int64_t    *cap;
} rates;

extern rates *rates_new(int32_t n);
extern void rates_free(rates *r);

typedef struct rates_outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_rates	rates;			/* arrays of its own */
} rates_outcome;

extern rates_outcome *run_rates(const rates *r, test_env *env, bool explain);
extern void rates_outcome_free(rates_outcome *o);

extern rates *draw_rates(source *src, int32_t most_rows);
extern bool check_rates(const rates *r, verdict *v);
extern void print_rates(const rates *r);

/* how many were rounded to the other side somewhere */
extern int64_t seen_turned;

#endif							/* QD_SUPPORT_RATE_H */
