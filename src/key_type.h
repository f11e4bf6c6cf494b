/*
 * key_type.h
 *		A type whose values are keys: equal, hashed and written as PostgreSQL
 *		does, under the call's collation.
 */
#ifndef QD_KEY_TYPE_H
#define QD_KEY_TYPE_H

#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"

#include "source.h"

typedef struct qd_key_type
{
	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	hash;
	FmgrInfo	equal;
} qd_key_type;

extern void qd_key_type_begin(qd_source *source, qd_key_type *type, int arg, const char *name);
extern char *qd_key_text(const qd_key_type *type, Datum key);

/*
 * As GROUP BY: by the type's own function.  The same bits of a value passed by
 * value are the same key, NaN included, which PostgreSQL has equal to itself;
 * other bits may still be equal, as those of -0 and 0 are.
 */
static inline bool
qd_keys_equal(qd_key_type *type, Datum a, Datum b)
{
	if (a == b && type->typbyval)
		return true;
	return DatumGetBool(FunctionCall2Coll(&type->equal, type->collation, a, b));
}

/* the type's hash functions can be weak in the low bits that a table uses */
static inline uint32
qd_key_hash(qd_key_type *type, Datum key)
{
	return murmurhash32(DatumGetUInt32(FunctionCall1Coll(&type->hash, type->collation, key)));
}

#endif							/* QD_KEY_TYPE_H */
