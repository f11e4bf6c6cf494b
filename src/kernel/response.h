/*
 * response.h
 *		Which bounds bind in the optimum of qd_reconcile_tree.  Internal.
 */
#ifndef QD_RESPONSE_H
#define QD_RESPONSE_H

#include "kernel/reconcile.h"
#include "kernel/tree.h"

/* of 64 bits on x86; see reconcile.c */
typedef long double qd_real;

/*
 * Memory for long doubles, which palloc does not align: get one more, release
 * what you got.
 */
static inline void *
qd_aligned(void *raw)
{
	return (char *) raw + (-(uintptr_t) raw & (__alignof__(qd_real) - 1));
}

/* pg_bsd_indent knows no hexadecimal floating point */
#define TWO_56	72057594037927936.0L
#define TWO_62	4611686018427387904.0L
#define TWO_64	18446744073709551616.0L

/*
 * state[] of every row: QD_AT_LOW or QD_AT_HIGH where its own bound decides
 * (locked rows are left alone), QD_ACTIVE elsewhere.  tree->exact must hold the
 * optimum without bounds, tree->floor and cap the lifted bounds (NULL: 0, no
 * cap).  Rows under roots with QD_NO_TOTAL are not looked at.
 */
extern qd_status qd_find_binding(const qd_env *env, const qd_reconcile *r, uint8_t *state);

#endif							/* QD_RESPONSE_H */
