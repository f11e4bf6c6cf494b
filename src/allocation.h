/*
 * allocation.h
 *		The composite results that several functions return.
 */
#ifndef QD_ALLOCATION_H
#define QD_ALLOCATION_H

#include "compat.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "decimal.h"

extern TupleDesc qd_result_desc(FunctionCallInfo fcinfo);
extern Datum qd_allocation_datum(FunctionCallInfo fcinfo, const qd_unit *unit, int64 amount,
								 qd_int128 exact_millionths, uint8 rule);
extern Datum qd_allocation_named(FunctionCallInfo fcinfo, const qd_unit *unit, int64 amount,
								 qd_int128 exact_millionths, const char *rule);

#endif							/* QD_ALLOCATION_H */
