/*
 * span.h
 *		Ranges of dates.
 */
#ifndef QD_SPAN_H
#define QD_SPAN_H

#include "compat.h"

#include "utils/rangetypes.h"
#include "utils/typcache.h"

extern bool qd_span_days(TypeCacheEntry *type, RangeType *span, int64 *start, int64 *end);

#endif							/* QD_SPAN_H */
