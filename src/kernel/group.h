/*
 * group.h
 *		Siblings that share an amount: the piece that rows of a partition and
 *		children of a tree node have in common.  Internal to the kernels.
 *
 * All here is in the mirrored domain: a negative total has been negated with
 * its bounds, so that a missing floor is always 0.
 */
#ifndef QD_GROUP_H
#define QD_GROUP_H

#include "kernel/kernel.h"
#include "kernel/wide.h"

/* where the fill left a member */
#define QD_ACTIVE	0			/* in proportion: pool * weight / pool weight */
#define QD_AT_LOW	1			/* held by its floor, or of weight 0 */
#define QD_AT_HIGH	2			/* held by its cap */

#define QD_POLL_MASK	0xffff

#define QD_POLL(env, i) \
	do { \
		if (((i) & QD_POLL_MASK) == QD_POLL_MASK && (env)->poll) \
			(env)->poll((env)->arg); \
	} while (0)

/* xorshift: pivots at random, so that no input is bad; the seed is constant */
static inline uint64_t
qd_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

typedef struct qd_group
{
	const int32_t *member;		/* [size] rows in window order; NULL: rows 0
								 * .. size - 1 */
	int32_t		size;
	int64_t    *weight;			/* all arrays below are by row */
	const int64_t *low;			/* NULL: 0 */
	const int64_t *high;		/* NULL: QD_NO_CAP */
	uint8_t    *state;			/* by row, out of qd_fill */
	int32_t    *scratch;		/* [size], needed where low or high is given */
	uint64_t   *key;			/* [size], for selections */
	bool		equal;			/* all weights were 0 and are now 1 */
} qd_group;

/* what the active members share */
typedef struct qd_pool
{
	qd_fixed	amount;
	int64_t		weight;
} qd_pool;

static inline int32_t
qd_row(const qd_group *group, int32_t i)
{
	return group->member ? group->member[i] : i;
}

static inline int64_t
qd_low(const qd_group *group, int32_t row)
{
	return group->low ? group->low[row] : 0;
}

static inline int64_t
qd_high(const qd_group *group, int32_t row)
{
	return group->high ? group->high[row] : QD_NO_CAP;
}

/* sets all weights to 1 if all are 0 */
extern void qd_group_equalize(const qd_env *env, qd_group *group);

/*
 * The least and the most the members can hold together; *high_open when there
 * is no most.
 */
extern void qd_group_range(const qd_env *env, const qd_group *group,
						   qd_int128 *low, qd_int128 *high, bool *high_open);

/*
 * Water-filling: the one ratio at which clamp(ratio * weight, low, high) sums
 * to amount, which must be within qd_group_range.  Exact; O(size) expected.
 * QD_OVERFLOW when what is left for the active members leaves 64 bits.
 */
extern qd_status qd_fill(const qd_env *env, const qd_group *group, qd_fixed amount, qd_pool *pool);

/* the same for amounts to 2^65; what the active share, and their weight */
extern void qd_fill_wide(const qd_env *env, const qd_group *group, qd_int128 whole,
						 uint64_t fraction, qd_int128 *left, int64_t *weight);

/* largest remainder's last step and everything a tie needs */
typedef struct qd_cut
{
	uint64_t	key;			/* above it (by more than tolerance): served */
	uint64_t	tolerance;		/* keys this near to key are ties */
	int64_t		weight;			/* of the ties, above it: served */
	int32_t		first;			/* of the rest, so many in window order */
	bool		split;			/* the last step had to choose by window order */
} qd_cut;

/*
 * Chooses the count members with the largest remainder[row], then the larger
 * weight, then the earlier place, among the active; 0 < count < number of
 * active.  O(size) expected.
 */
extern void qd_select(const qd_env *env, const qd_group *group, const uint64_t *remainder,
					  int32_t count, uint64_t tolerance, qd_cut *cut);

/* whether the cut serves the row; *seen counts the ties met so far */
static inline bool
qd_cut_serves(const qd_cut *cut, uint64_t remainder, int64_t weight, int32_t *seen)
{
	uint64_t	distance = remainder > cut->key ? remainder - cut->key : cut->key - remainder;

	if (distance > cut->tolerance)
		return remainder > cut->key;
	if (weight != cut->weight)
		return weight > cut->weight;
	return (*seen)++ < cut->first;
}

/* says `tie` in rule[] of the rows a cut told apart only as peers */
extern void qd_mark_ties(const qd_env *env, const qd_group *group, const uint64_t *remainder,
						 const qd_cut *cut, uint8_t *rule);

/* the same for cumulative rounding: peers with shares that are no whole units */
extern void qd_mark_running_ties(const qd_env *env, const qd_group *group,
								 bool (*fractional) (void *arg, int32_t row), void *arg,
								 uint8_t *rule);

/*
 * Webster: amount[row] = clamp(round(ratio * weight), low, high) for one
 * ratio, summing to total.  Also fills rule[row] with floor, cap, zero or
 * webster (and tie).  Leaves group->state and *pool as qd_fill(total) would.
 */
extern qd_status qd_webster(const qd_env *env, const qd_group *group, int64_t total,
							bool explain, int64_t *amount, uint8_t *rule, qd_pool *pool);

#endif							/* QD_GROUP_H */
