/*
 * kernel.h
 *		The arithmetic of allocation on plain arrays: no Datum, no palloc, no
 *		ereport.  Everything a kernel needs from its caller is in qd_env, so
 *		that the same code runs in the server, in unit tests and under fuzzers.
 *
 * Amounts are int64 counts of the unit.  Weights are int64 >= 0 whose sum over
 * one call is below 2^62.  Intermediate products have 128 bits or more.
 * Answers never depend on the order of the rows, except that rows alike in
 * everything else are served in array order (the window's ORDER BY).
 */
#ifndef QD_KERNEL_H
#define QD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Only ever a scalar, never an array element: palloc aligns to 8 bytes and
 * gcc may use instructions that want 16.
 */
typedef __int128 qd_int128;
typedef unsigned __int128 qd_uint128;

#define QD_MAX_WEIGHT_SUM	((int64_t) 1 << 62)
#define QD_NO_CAP			INT64_MAX

typedef struct qd_env
{
	void	   *(*alloc) (void *arg, size_t size);	/* NULL when out of memory */
	void		(*release) (void *arg, void *ptr);
	void		(*poll) (void *arg);	/* called at least every 64K steps;
										 * may longjmp, kernels own nothing;
										 * or NULL */
	bool		(*peers) (void *arg, int32_t a, int32_t b); /* rows the ORDER BY
															 * cannot tell apart;
															 * NULL: there are none */
	void	   *arg;
} qd_env;

typedef enum qd_rounding
{
	QD_HAMILTON,
	QD_WEBSTER,
	QD_CUMULATIVE
} qd_rounding;

/* what decided a row's amount, first that applies; names in qd_rule_name() */
typedef enum qd_rule
{
	QD_RULE_NONE,				/* takes no part: the amount is NULL */
	QD_RULE_LOCKED,
	QD_RULE_UNFITTED,			/* a grid whose fit does not converge */
	QD_RULE_FLOOR,
	QD_RULE_CAP,
	QD_RULE_UPLIFT,
	QD_RULE_EQUAL,
	QD_RULE_ZERO,
	QD_RULE_TIE,
	QD_RULE_WEBSTER,
	QD_RULE_SHARE
} qd_rule;

/* flags of a row */
#define QD_HAS_WEIGHT	0x01
#define QD_HAS_FLOOR	0x02
#define QD_HAS_CAP		0x04
#define QD_LOCKED		0x08
#define QD_NO_TOTAL		0x10	/* tree roots: NULL total, whole tree is NULL */

typedef enum qd_status
{
	QD_OK,
	QD_NOMEM,
	QD_OVERFLOW,				/* an intermediate amount beyond 64 bits of
								 * units */
	QD_INFEASIBLE,				/* asked is outside low .. high */
	QD_CYCLE,					/* problem.row is on a cycle of parents */
	QD_INTERIOR_ZERO,			/* weight 0 above positive leaves */
	QD_CUMULATIVE_UPLIFT,		/* not supported together */
	QD_WEIGHT_OVERFLOW,			/* weights sum to QD_MAX_WEIGHT_SUM or more */
	QD_INTERNAL					/* cannot happen; a bug if it does */
} qd_status;

/* what QD_INFEASIBLE is about */
typedef enum qd_subject
{
	QD_ON_TOTAL,				/* the total of a partition or a root */
	QD_ON_CHILDREN,				/* an own floor, cap or lock against the
								 * children */
	QD_ON_LOCK,					/* a lock outside its own floor and cap */
	QD_ON_BOUND,				/* an own cap below the floor, or a floor
								 * above the cap, that is 0 because it is
								 * missing */
	QD_ON_SUMS,					/* these three: see grid.h */
	QD_ON_LINE,
	QD_ON_LINES,
	QD_ON_ROW_BOUNDS			/* see row_total.h */
} qd_subject;

typedef struct qd_problem
{
	qd_subject	subject;
	int32_t		row;			/* the node, or -1 */
	uint8_t		bound;			/* QD_ON_CHILDREN: QD_HAS_FLOOR, QD_HAS_CAP or
								 * QD_LOCKED; QD_ON_ROW_BOUNDS: one of the
								 * first two */
	qd_int128	asked;			/* for QD_ON_CHILDREN, QD_ON_BOUND: the own
								 * bound that clashes */
	qd_int128	low;			/* the reachable range */
	qd_int128	high;
	qd_int128	elsewhere;		/* QD_ON_LINES */
	bool		unbounded_low;
	bool		unbounded_high;
} qd_problem;

extern const char *qd_rule_name(qd_rule rule);

/*
 * One partition.  Bounds: a missing floor is 0 (total >= 0) or none (total <
 * 0), a missing cap is none (total >= 0) or 0 (total < 0).  The caller has
 * checked that floor <= cap in a row.
 */
typedef struct qd_rows
{
	int32_t		n;
	const uint8_t *flags;		/* [n] */
	int64_t    *weight;			/* [n], read where QD_HAS_WEIGHT; set to 1
								 * when all are 0 */
	int64_t    *floor;			/* [n] or NULL when no row has one;
								 * overwritten */
	int64_t    *cap;			/* [n] or NULL when no row has one;
								 * overwritten */
	int64_t    *amount;			/* [n], in: the lock where QD_LOCKED; out */
	uint8_t    *rule;			/* [n], out: qd_rule */
	uint8_t    *state;			/* [n], out, for qd_rows_exact */

	/*
	 * out: the exact share of a row that no bound decided is pool * weight /
	 * pool_weight; negated where mirrored (total < 0), when floor and cap
	 * have also been negated and exchanged
	 */
	int64_t		pool;
	int64_t		pool_weight;
	bool		mirrored;
} qd_rows;

/*
 * Splits total over the rows.  explain: also find ties (calls env->peers).
 * All rows take no part and none is locked: QD_OK, every rule QD_RULE_NONE.
 * O(n) expected for every rounding, whatever the total.
 */
extern qd_status qd_allocate_rows(const qd_env *env, qd_rows *rows, int64_t total,
								  qd_rounding rounding, bool explain, qd_problem *problem);

/* the exact share of row i after bounds: whole units and millionths, rounded
 * half away from zero; the sign is on both parts */
extern void qd_rows_exact(const qd_rows *rows, int32_t i, int64_t *whole, int64_t *millionths);

/*
 * A forest.  Rows in window order; parent[i] is a row or -1.  Interior nodes
 * without a weight take the sum of their children's; a leaf without one takes
 * no part.  total[r] is read where parent[r] = -1.
 */
typedef struct qd_tree
{
	int32_t		n;
	const int32_t *parent;		/* [n] */
	uint8_t    *flags;			/* [n] */
	int64_t    *weight;			/* [n], completed for interior nodes */
	int64_t    *floor;			/* [n] or NULL; out: lifted */
	int64_t    *cap;			/* [n] or NULL; out: lifted */
	int64_t    *amount;			/* [n], in: the lock where QD_LOCKED; out */
	const int64_t *uplift;		/* [n] in uplift_one-ths, or NULL */
	int64_t		uplift_one;		/* what 100 % is in uplift, a power of ten */
	uint8_t    *rule;			/* [n], out */
	int64_t    *exact;			/* [n], out: floor of the exact share */
	uint64_t   *exact_fraction; /* [n], out: and its fraction, in 2^-64 */

	/* built by qd_tree_link */
	int32_t    *child_start;	/* [n + 1] */
	int32_t    *child;			/* [n], children by parent, in window order */
	int32_t    *order;			/* [n], parents before children */
} qd_tree;

/* fills child_start, child, order (arrays given by the caller); QD_CYCLE */
extern qd_status qd_tree_link(const qd_env *env, qd_tree *tree, qd_problem *problem);

/* total[] is indexed by row and read at roots only */
extern qd_status qd_allocate_tree(const qd_env *env, qd_tree *tree, const int64_t *total,
								  qd_rounding rounding, bool explain, qd_problem *problem);

/*
 * What each subtree can hold, for non-negative totals: low[i] .. high[i] and
 * whether that is not empty.  QD_OVERFLOW beyond int64; high QD_NO_CAP
 * is unlimited.  A node that takes no part has low = high = 0.
 */
extern qd_status qd_bounds_tree(const qd_env *env, qd_tree *tree, int64_t *low, int64_t *high,
								uint8_t *feasible, qd_problem *problem);

#endif							/* QD_KERNEL_H */
