/*
 * tree.h
 *		What the kernels of a tree share.  Internal.
 *
 * No recursion: rows are visited along `order`, parents before children, or
 * backwards.
 */
#ifndef QD_TREE_H
#define QD_TREE_H

#include "kernel/group.h"

/* internal flags, beside those of kernel.h */
#define QD_TAKES_PART	0x20	/* has something to share or to hold */
#define QD_NEGATIVE		0x40	/* its root's total is below 0 */

static inline bool
qd_is_leaf(const qd_tree *tree, int32_t row)
{
	return tree->child_start[row] == tree->child_start[row + 1];
}

/*
 * Who takes part, effective weights of interior nodes.  *bounded: whether any
 * floor, cap or lock, or a node that can hold nothing, is about.
 */
extern qd_status qd_complete_weights(const qd_env *env, qd_tree *tree, bool *bounded,
									 qd_problem *problem);

/*
 * What the children of a node can hold together.  Without unlocked weights
 * above 0 they share equally; else those of weight 0 stay at their low.
 */
extern void qd_children_range(const qd_env *env, const qd_tree *tree, int32_t row,
							  const int64_t *low, const int64_t *high,
							  qd_int128 *sum_low, qd_int128 *sum_high, bool *open);

/*
 * Lifts bounds from the leaves to the roots, in the mirrored domain of each
 * root.  low and high may be the tree's own floor and cap.  feasible: per
 * row instead of an error, but for locks; NULL: the first clash, leaves first, is reported.
 */
extern qd_status qd_lift_bounds(const qd_env *env, qd_tree *tree, const int64_t *floor,
								const int64_t *cap, int64_t *low, int64_t *high,
								uint8_t *feasible, qd_problem *problem);

/*
 * Largest remainder of the members against their exact shares, which are whole
 * but for the active ones: amount[] within low and high, summing to total.
 * Shares this near to each other (in 2^-64) are ties.  group->key is scratch.
 */
extern qd_status qd_round_children(const qd_env *env, qd_tree *tree, const qd_group *group,
								   int64_t total, uint64_t tolerance, bool explain);

#endif							/* QD_TREE_H */
