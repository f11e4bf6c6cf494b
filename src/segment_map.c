/*
 * segment_map.c
 *		Segments, keys of any hashable type, to numbers from 0: as GROUP BY
 *		would tell them apart, under the call's collation.  NULL is a segment
 *		of its own.
 *
 * Memory: 16 to 32 bytes a segment and a copy of its key.
 */
#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "segment_map.h"

typedef struct segment_entry
{
	Datum		key;
	uint32		hash;
	int32		number;
	char		status;
} segment_entry;

static inline bool equal_segments(qd_segment_map *map, Datum a, Datum b);

#define SH_PREFIX segments
#define SH_ELEMENT_TYPE segment_entry
#define SH_KEY_TYPE Datum
#define SH_KEY key
#define SH_HASH_KEY(tb, key) 0	/* hashes are always given */
#define SH_EQUAL(tb, a, b) equal_segments((qd_segment_map *) (tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct qd_segment_map
{
	int			arg;
	int32		count;			/* segments so far */
	int32		null_number;	/* of NULL, -1 where there was none */
	int32		last;			/* the last row's, -1 at first or where NULL */
	Datum		last_key;
	segments_hash *table;

	Oid			collation;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	hash;
	FmgrInfo	equal;
};

static inline bool
equal_segments(qd_segment_map *map, Datum a, Datum b)
{
	if (a == b)
		return true;
	return DatumGetBool(FunctionCall2Coll(&map->equal, map->collation, a, b));
}

/* Begins to read segments.  Error: a type that cannot be hashed. */
qd_segment_map *
qd_segment_map_begin(qd_source *source, int arg, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);
	qd_segment_map *map = palloc0(sizeof(qd_segment_map));
	Oid			typid = get_fn_expr_argtype(source->fcinfo->flinfo, arg);
	TypeCacheEntry *type;

	if (!OidIsValid(typid))
		elog(ERROR, "could not determine the type of %s", name);
	type = lookup_type_cache(typid, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(type->hash_proc_finfo.fn_oid) || !OidIsValid(type->eq_opr_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s", format_type_be(typid)),
				 errhint("Cast the %s to text.", name)));
	map->arg = arg;
	map->null_number = -1;
	map->last = -1;
	map->typlen = type->typlen;
	map->typbyval = type->typbyval;
	map->collation = source->fcinfo->fncollation;
	fmgr_info_copy(&map->hash, &type->hash_proc_finfo, source->context);
	fmgr_info_copy(&map->equal, &type->eq_opr_finfo, source->context);
	map->table = segments_create(source->context, 64, map);
	MemoryContextSwitchTo(old);
	return map;
}

/* the number of a row's segment; a new one is the count of those before */
int32
qd_segment_map_read(qd_source *source, qd_segment_map *map, int32 row)
{
	bool		isnull;
	bool		found;
	Datum		key = source->get(source, map->arg, row, &isnull);
	segment_entry *entry;
	uint32		hash;

	if (isnull)
	{
		if (map->null_number < 0)
			map->null_number = map->count++;
		return map->null_number;
	}
	if (map->typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	/* rows of a segment often follow each other */
	if (map->last >= 0 && equal_segments(map, map->last_key, key))
		return map->last;
	hash = murmurhash32(DatumGetUInt32(FunctionCall1Coll(&map->hash, map->collation, key)));
	entry = segments_insert_hash(map->table, key, hash, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(source->context);

		entry->key = datumCopy(key, map->typbyval, map->typlen);
		entry->number = map->count++;
		MemoryContextSwitchTo(old);
	}
	map->last = entry->number;
	map->last_key = entry->key;
	return entry->number;
}

/* the numbers stay */
void
qd_segment_map_end(qd_segment_map *map)
{
	segments_destroy(map->table);
	pfree(map);
}
