/*
 * reconcile.h
 *		Top-down and bottom-up opinions over one forest: the coherent values
 *		nearest to them in weighted least squares, within bounds at every node,
 *		in whole units.
 */
#ifndef QD_RECONCILE_H
#define QD_RECONCILE_H

#include "kernel/kernel.h"

/* opinions are within +- this many units, and so must the fitted values be */
#define QD_MAX_OPINION	((int64_t) 1 << 61)

/*
 * A forest with opinions, by row.  Of the tree: parent, child_start, child and
 * order; flags QD_HAS_FLOOR and QD_HAS_CAP with floor and cap, and QD_LOCKED
 * with amount, for a value that infinite trust fixes.  floor and cap may be
 * NULL where no row has one; they come back lifted.  Out: exact and
 * exact_fraction (the fitted values), amount, rule.
 */
typedef struct qd_reconcile
{
	qd_tree    *tree;
	const int64_t *value;		/* [n] the opinion: whole units, rounded down */
	const uint64_t *fraction;	/* [n] and the fraction, in 2^-64 */
	const double *trust;		/* [n] its precision; finite, 0: there is none */
} qd_reconcile;

/*
 * Adds an observation to what is known of a node, both precision-weighted.
 * The sum of two trusts is kept finite.
 */
extern void qd_add_opinion(int64_t *value, uint64_t *fraction, double *trust,
						   int64_t more_value, uint64_t more_fraction, double more_trust);

/*
 * Minimises the sum of trust * (x - value)^2 over values x in which children
 * sum to their parent and every bound holds (a missing floor of a leaf is 0);
 * of several such x, which leaves without an opinion make possible, the one
 * with the least sum of squares over these leaves.  Then rounds x to units:
 * every amount is the fitted value rounded up or down, and children sum to
 * their parent.
 *
 * Trees without any opinion have rule QD_RULE_NONE throughout.  QD_INFEASIBLE:
 * bounds or locks that cannot meet.  QD_OVERFLOW: values beyond 64 bits.
 * O(n) where the bounds do not bind, O(n log^2 n) at most otherwise; times the
 * depth where trusts differ by a factor of more than 2^40.
 * explain: also find ties (calls env->peers) and what nodes owe to those below.
 */
extern qd_status qd_reconcile_tree(const qd_env *env, qd_reconcile *r, bool explain,
								   qd_problem *problem);

#endif							/* QD_RECONCILE_H */
