/*
 * support_effects.h
 *		Checkers of decompositions, for unit tests, random tests and fuzzers.
 *		Each draws an instance, runs the kernel and looks at the promises; false
 *		with a message where one is broken.
 */
#ifndef QD_SUPPORT_EFFECTS_H
#define QD_SUPPORT_EFFECTS_H

#include "kernel/effects.h"
#include "support.h"

/* integers of any size against each other and against 128 bits */
extern bool check_big(source *s, verdict *v);

/* price, volume, mix and shift-share: 64 bits against any size, and the
 * promises of rounding */
extern bool check_form(source *s, verdict *v);

/* a whole partition of rates */
extern bool check_rate_mix(source *s, int32_t most_rows, verdict *v);

/* Shapley against all orders, LMDI against its formula in long double */
extern bool check_factors(source *s, verdict *v);

/* how often the 64 bits did, and did not */
extern int64_t seen_narrow;
extern int64_t seen_wide;


/* whether effects are numerator / denominator, rounded together as promised */
extern bool rounded_together(qd_bigs *bigs, const qd_big *numerator, int count,
							 qd_big denominator, const qd_big *effect, verdict *v);

#endif							/* QD_SUPPORT_EFFECTS_H */
