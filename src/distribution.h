/*
 * distribution.h
 *		The type distribution: what open deals may bring, kept as the deals.
 *
 * The deals themselves are the state, alike ones counted and all in order, so
 * that a value depends neither on the order of rows nor on how parallel workers
 * or shards divided them, and so that values can be merged.  What is asked of a
 * distribution is computed when it is asked.
 */
#ifndef QD_DISTRIBUTION_H
#define QD_DISTRIBUTION_H

#include "compat.h"

#include "fmgr.h"
#include "utils/expandeddatum.h"

#include "kernel/outcome.h"

/* as stored: aligned to 8 bytes */
typedef struct qd_distribution
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;
	uint8		scale;			/* amounts are counts of 10^-scale */
	uint16		scenarios;
	int64		n;				/* kinds of deals */
	int64		word[FLEXIBLE_ARRAY_MEMBER];	/* [scenarios] weights, then
												 * [n * QD_DEAL_WORDS] */
} qd_distribution;

#define QD_DISTRIBUTION_VERSION	1
#define QD_MAX_AMOUNT_SCALE		30
#define QD_PROBABILITY_SCALE	18

/* a number that a distribution is made of, or asked about */
typedef struct qd_amount
{
	qd_int128	mantissa;
	int			scale;			/* the least there is */
} qd_amount;

static inline int64 *
qd_distribution_deals(qd_distribution *d)
{
	return d->word + d->scenarios;
}

extern qd_distribution *qd_distribution_get(Datum value);
extern int64 qd_probability(Datum value, const char *name, const char *hint);
extern void qd_server_env(MemoryContext context, qd_env *env);

#endif							/* QD_DISTRIBUTION_H */
