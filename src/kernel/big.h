/*
 * big.h
 *		Integers of any size, for the few values that 128 bits cannot hold.
 *
 * A value never changes; every operation takes new room from a qd_bigs, which
 * is given back all at once.  Out of memory is remembered there and makes all
 * further results 0: ask qd_bigs_failed before they are used.
 */
#ifndef QD_BIG_H
#define QD_BIG_H

#include "kernel/kernel.h"

/* sign and magnitude, limbs from the lowest; no leading zero, 0 has none */
typedef struct qd_big
{
	int32_t		n;
	bool		negative;
	const uint32_t *limb;
} qd_big;

typedef struct qd_big_block
{
	struct qd_big_block *next;
	size_t		size;			/* limbs */
	uint32_t	limb[];
} qd_big_block;

/* where the limbs are */
typedef struct qd_bigs
{
	const qd_env *env;
	qd_big_block *block;		/* the newest first */
	size_t		used;			/* limbs of it */
	uint32_t	steps;			/* since the last poll */
	bool		failed;
} qd_bigs;

extern void qd_bigs_begin(qd_bigs *bigs, const qd_env *env);
extern void qd_bigs_reset(qd_bigs *bigs);
extern void qd_bigs_end(qd_bigs *bigs);

static inline bool
qd_bigs_failed(const qd_bigs *bigs)
{
	return bigs->failed;
}

static inline bool
qd_big_is_zero(qd_big x)
{
	return x.n == 0;
}

static inline int
qd_big_sign(qd_big x)
{
	return x.n == 0 ? 0 : x.negative ? -1 : 1;
}

extern qd_big qd_big_zero(void);
extern qd_big qd_big_from(qd_bigs *bigs, qd_int128 x);
extern bool qd_big_to(qd_big x, qd_int128 *result);
extern qd_big qd_big_copy(qd_bigs *bigs, qd_big x);
extern qd_big qd_big_negate(qd_big x);
extern qd_big qd_big_add(qd_bigs *bigs, qd_big a, qd_big b);
extern qd_big qd_big_subtract(qd_bigs *bigs, qd_big a, qd_big b);
extern qd_big qd_big_multiply(qd_bigs *bigs, qd_big a, qd_big b);
extern int	qd_big_compare(qd_big a, qd_big b);

/* floor(a / b) and a - b * floor(a / b), for b > 0 */
extern void qd_big_divide(qd_bigs *bigs, qd_big a, qd_big b, qd_big *quotient, qd_big *rest);

/* a / b to the nearest, half away from zero, for b > 0 */
extern qd_big qd_big_round(qd_bigs *bigs, qd_big a, qd_big b);

/* floor(rest / b * 2^64), for 0 <= rest < b */
extern uint64_t qd_big_fraction(qd_bigs *bigs, qd_big rest, qd_big b);

/* 10^n */
extern qd_big qd_big_power10(qd_bigs *bigs, int n);

/* from n decimal digits */
extern qd_big qd_big_parse(qd_bigs *bigs, const char *digits, size_t n, bool negative);

/* room for qd_big_print, with its end */
extern size_t qd_big_print_size(qd_big x, int scale);

/* x * 10^-scale with so many decimals; false when out of memory */
extern bool qd_big_print(qd_bigs *bigs, qd_big x, int scale, char *text);

/* x is about the result * 2^*exponent, which is 0 or in 0.5 .. 1 */
extern double qd_big_double(qd_big x, int *exponent);

/* the integer part of fraction * 2^exponent, towards zero */
extern qd_big qd_big_from_double(qd_bigs *bigs, double fraction, int exponent);

#endif							/* QD_BIG_H */
