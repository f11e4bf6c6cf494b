/*
 * support_cause.h
 *		Tables of leaves for the root-cause kernel: faults like those of the
 *		RiskLoc paper, noise of several kinds, and whatever a fuzzer makes up.
 */
#ifndef QD_SUPPORT_CAUSE_H
#define QD_SUPPORT_CAUSE_H

#include "kernel/cause.h"
#include "support.h"

#define CAUSE_TRUTHS 32

typedef struct cause_table
{
	int32_t		n;
	int32_t		dims;
	int32_t		cardinality[QD_CAUSE_MAX_DIMS];
	int32_t    *code;			/* [dims * n] */
	double	   *actual;
	double	   *expected;
	double	   *actual_base;	/* NULL: a sum */
	double	   *expected_base;

	/* what was planted */
	int			truths;
	uint32_t	mask[CAUSE_TRUTHS];
	int32_t		element[CAUSE_TRUTHS][QD_CAUSE_MAX_DIMS];
} cause_table;

/* how often planted and found agree */
typedef struct cause_score
{
	int			right;
	int			false_ones;
	int			missed;
} cause_score;

typedef enum cause_set
{
	CAUSE_SET_S,				/* 48,000 leaves of five dimensions */
	CAUSE_SET_L					/* 36,000 of four, single leaves with a fault */
} cause_set;

/* kinds of noise without any fault */
typedef enum cause_noise
{
	CAUSE_NOISE_RELATIVE,		/* the same for all sizes, either side */
	CAUSE_NOISE_BY_SIZE,		/* more where amounts are small */
	CAUSE_NOISE_LOGNORMAL,
	CAUSE_NOISE_DEALS,			/* few deals each against their mean */
	CAUSE_NOISE_DEALS_TWICE,	/* and against other such deals */
	CAUSE_NOISE_COUNTS,			/* ratios from here on: of counts */
	CAUSE_NOISE_RARE_COUNTS,
	CAUSE_NOISE_CLUSTERED_COUNTS,
	CAUSE_NOISE_PRICES,
	CAUSE_NOISE_LUMPY_RATIOS,
	CAUSE_NOISES
} cause_noise;

extern cause_table *cause_faults(cause_set set, uint64_t seed);
extern cause_table *cause_pure_noise(cause_noise kind, uint64_t seed);
extern cause_table *cause_draw(source *s);
extern void cause_plant(cause_table *t, uint64_t seed, double effect);
extern void cause_table_free(cause_table *t);

extern qd_status cause_run(const cause_table *t, const qd_env *env, qd_cause *cause, int32_t *found);
extern void cause_compare(const cause_table *t, const qd_cause *cause, int32_t found,
						  cause_score *score);
extern double cause_f1(const cause_score *score);

/* the promises; what is broken is told in message, true if none */
extern bool cause_check(const cause_table *t, const qd_cause *cause, int32_t found, verdict *v);

#endif							/* QD_SUPPORT_CAUSE_H */
