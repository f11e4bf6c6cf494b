/*
 * compat.h
 *		Everything that differs between PostgreSQL 13 and 18, in one place.
 */
#ifndef QD_COMPAT_H
#define QD_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 130000
#error "quota_decomp needs PostgreSQL 13 or later"
#endif

/* 16 moved the varlena and TOAST macros out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has this in front of declarations, where C23 wants it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16 gave this an error context; a macro, so that rangetypes.h is not needed here */
#if PG_VERSION_NUM >= 160000
#define qd_range_serialize(type, lower, upper) range_serialize(type, lower, upper, false, NULL)
#else
#define qd_range_serialize(type, lower, upper) range_serialize(type, lower, upper, false)
#endif

/* 17 and later hide symbols by default; earlier PGDLLEXPORT is empty on Unix */
#ifndef PGDLLEXPORT
#define PGDLLEXPORT
#endif

#endif							/* QD_COMPAT_H */
