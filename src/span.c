/*
 * span.c
 *		See span.h.
 */
#include "compat.h"

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"

#include "span.h"

/*
 * The days of a daterange, from *start to before *end; false where it is empty.
 * Error: it has no first or no last day.
 */
bool
qd_span_days(TypeCacheEntry *type, RangeType *span, int64 *start, int64 *end)
{
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(type, span, &lower, &upper, &empty);
	if (empty)
		return false;
	if (lower.infinite || upper.infinite ||
		DATE_NOT_FINITE(DatumGetDateADT(lower.val)) ||
		DATE_NOT_FINITE(DatumGetDateADT(upper.val)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("span must have a first and a last day: %s",
						DatumGetCString(OidFunctionCall1(F_RANGE_OUT, RangeTypePGetDatum(span)))),
				 errhint("For example daterange('2026-01-01', '2027-01-01').")));
	*start = DatumGetDateADT(lower.val);
	*end = DatumGetDateADT(upper.val);
	return true;
}
