/*
 * cause_state.h
 *		root_cause_state: what actual and expected sum to in each leaf of some
 *		dimensions.
 */
#ifndef QD_CAUSE_STATE_H
#define QD_CAUSE_STATE_H

#include "compat.h"

#include "fmgr.h"
#include "kernel/cause.h"

/* actual and expected; or numerators and denominators of both */
enum
{
	QD_ACTUAL,
	QD_EXPECTED,
	QD_ACTUAL_BASE,
	QD_EXPECTED_BASE,
	QD_MEASURES
};

#define QD_NULL_LENGTH (-1)

/*
 * The stored form, found out once: values of a dimension and leaves are in
 * order, so that the same rows always make the same bytes.
 */
typedef struct qd_cause_view
{
	int			dims;
	int			measures;		/* 2, or 4 of a ratio */
	int32		n;
	int			scale[QD_MEASURES];
	int			display_scale[QD_MEASURES];
	int32		cardinality[QD_CAUSE_MAX_DIMS];
	const int128 *sum[QD_MEASURES]; /* [n], in 10^-scale */
	const int32 *code;			/* [dims * n], by dimension */
	const int32 *length[QD_CAUSE_MAX_DIMS]; /* [cardinality]; QD_NULL_LENGTH */
	const char *bytes[QD_CAUSE_MAX_DIMS];	/* values one behind the other */
} qd_cause_view;

extern void qd_cause_view_begin(Datum state, qd_cause_view *view);

#endif							/* QD_CAUSE_STATE_H */
