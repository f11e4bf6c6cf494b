/*
 * support_reconcile.h
 *		Instances of qd_reconcile_tree and a checker of what it promises.
 */
#ifndef QD_SUPPORT_RECONCILE_H
#define QD_SUPPORT_RECONCILE_H

#include "support.h"
#include "kernel/reconcile.h"

typedef struct plan
{
	int32_t		n;
	int32_t    *parent;
	uint8_t    *flags;			/* QD_HAS_FLOOR, QD_HAS_CAP, QD_LOCKED */
	int64_t    *floor;
	int64_t    *cap;
	int64_t    *lock;
	int64_t    *value;
	uint64_t   *fraction;
	double	   *trust;
} plan;

extern plan *plan_new(int32_t n);
extern void plan_free(plan *p);

typedef struct plan_outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_tree		tree;
} plan_outcome;

extern plan_outcome *run_plan(const plan *p, test_env *env, bool explain);
extern void plan_outcome_free(plan_outcome *o);

extern plan *draw_plan(source *s, int32_t most_rows, int64_t most_total);

/*
 * Coherent, within bounds and unimprovable, amounts in units that sum; or
 * refused for a reason.
 */
extern bool check_plan(const plan *p, source *s, verdict *v);
extern void print_plan(const plan *p);

extern int64_t seen_bound;		/* plans in which a bound held somebody */

#endif							/* QD_SUPPORT_RECONCILE_H */
