/*
 * cause.h
 *		Root causes of a deviation: the few slices of a table of leaves that
 *		explain why actual is not what was expected.
 */
#ifndef QD_CAUSE_H
#define QD_CAUSE_H

#include "kernel/kernel.h"

/* 2^dims cuboids are searched */
#define QD_CAUSE_MAX_DIMS	10
/* "the few slices": no more than these are looked for */
#define QD_CAUSE_MOST		50

/*
 * Leaves: no two of the same codes.  Of a ratio, actual and expected are the
 * numerators, and the denominators are given; of a sum those are NULL.  All
 * numbers are finite; denominators are not negative.
 */
typedef struct qd_cause_leaves
{
	int32_t		n;
	int32_t		dims;			/* 1 .. QD_CAUSE_MAX_DIMS */
	const int32_t *code;		/* [dims * n], by dimension: 0 .. cardinality
								 * - 1 */
	const int32_t *cardinality; /* [dims] */
	const double *actual;		/* [n] */
	const double *expected;		/* [n] */
	const double *actual_base;	/* [n] or NULL */
	const double *expected_base;	/* [n] or NULL */
} qd_cause_leaves;

typedef struct qd_cause
{
	uint32_t	mask;			/* dimensions of the slice, bit j for j; 0:
								 * all */
	int32_t		leaf;			/* one of its leaves, which has its codes */
	int32_t		leaves;			/* those that no cause before it has taken */
	double		score;			/* log likelihood ratio, less what a search as
								 * wide finds in noise */
	double		confidence;		/* 0.95 .. 1: 1 less the chance that noise
								 * alone gives such a score to any slice */
} qd_cause;

/*
 * Fills cause[QD_CAUSE_MOST] in the order found, *found of them; none when
 * nothing stands out of the noise.  O(2^dims * n) for each one found.  The
 * answer depends on the order of the leaves only where slices are alike to the last bit.
 */
extern qd_status qd_find_causes(const qd_env *env, const qd_cause_leaves *leaves,
								qd_cause *cause, int32_t *found);

#endif							/* QD_CAUSE_H */
