/*
 * key_map.c
 *		Keys of any hashable type to numbers from 0, as GROUP BY tells them
 *		apart: PostgreSQL's own hash table, hash and equality functions, under
 *		the call's collation.
 *
 * Memory: 24 to 40 bytes a key and a copy of it.
 */
#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "key_map.h"

typedef struct key_entry
{
	int32		number;
	uint32		hash;
	char		status;
} key_entry;

#define PROBE (-1)				/* stands for map->probe */

static inline bool same_key(qd_key_map *map, int32 a, int32 b);

#define SH_PREFIX keys
#define SH_ELEMENT_TYPE key_entry
#define SH_KEY_TYPE int32
#define SH_KEY number
#define SH_HASH_KEY(tb, key) 0	/* hashes are always given */
#define SH_EQUAL(tb, a, b) same_key((qd_key_map *) (tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct qd_key_map
{
	int			arg;
	const char *name;
	int32		count;
	int32		room;			/* keys that fit key[] */
	Datum	   *key;			/* [room] by number */
	int32		last;			/* the last row's number */
	Datum		probe;
	keys_hash  *table;

	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	hash;
	FmgrInfo	equal;
};

static inline bool
equal_keys(qd_key_map *map, Datum a, Datum b)
{
	/* of one type: the same bits are the same key */
	if (a == b)
		return true;
	return DatumGetBool(FunctionCall2Coll(&map->equal, map->collation, a, b));
}

static inline bool
same_key(qd_key_map *map, int32 a, int32 b)
{
	return equal_keys(map, a == PROBE ? map->probe : map->key[a],
					  b == PROBE ? map->probe : map->key[b]);
}

/* Begins to read keys.  Error: a type that cannot be hashed. */
qd_key_map *
qd_key_map_begin(qd_source *source, int arg, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);
	qd_key_map *map = palloc0(sizeof(qd_key_map));
	TypeCacheEntry *type;

	map->arg = arg;
	map->name = name;
	map->type = get_fn_expr_argtype(source->fcinfo->flinfo, arg);
	if (!OidIsValid(map->type))
		elog(ERROR, "could not determine the type of %s", name);
	type = lookup_type_cache(map->type, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(type->hash_proc_finfo.fn_oid) || !OidIsValid(type->eq_opr_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s",
						format_type_be(map->type)),
				 errhint("Cast %s to text.", name)));
	map->typlen = type->typlen;
	map->typbyval = type->typbyval;
	map->collation = source->fcinfo->fncollation;
	fmgr_info_copy(&map->hash, &type->hash_proc_finfo, source->context);
	fmgr_info_copy(&map->equal, &type->eq_opr_finfo, source->context);
	map->room = 64;
	map->key = palloc(sizeof(Datum) * map->room);
	map->last = -1;
	map->table = keys_create(source->context, (uint32) map->room, map);
	MemoryContextSwitchTo(old);
	return map;
}

/*
 * The number of a row's key; a new key has the count of those before.
 * QD_NULL_KEY where it is NULL.
 */
int32
qd_key_map_read(qd_source *source, qd_key_map *map, int32 row)
{
	bool		isnull;
	bool		found;
	Datum		key = source->get(source, map->arg, row, &isnull);
	key_entry  *entry;

	if (isnull)
		return QD_NULL_KEY;
	if (map->typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));

	/*
	 * rows of a key often follow each other, or go through the same keys
	 * again
	 */
	if (map->last >= 0 && equal_keys(map, map->key[map->last], key))
		return map->last;
	if (map->last >= 0 && map->count > 1)
	{
		int32		next = map->last + 1 < map->count ? map->last + 1 : 0;

		if (equal_keys(map, map->key[next], key))
			return map->last = next;
	}

	/*
	 * the type's hash functions can be weak in the low bits that the table
	 * uses
	 */
	map->probe = key;
	entry = keys_insert_hash(map->table, PROBE,
							 murmurhash32(DatumGetUInt32(FunctionCall1Coll(&map->hash,
																		   map->collation,
																		   key))),
							 &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(source->context);

		if (map->count == map->room)
		{
			map->room *= 2;
			map->key = repalloc_huge(map->key, sizeof(Datum) * (Size) map->room);
		}
		map->key[map->count] = datumCopy(key, map->typbyval, map->typlen);
		entry->number = map->count++;
		MemoryContextSwitchTo(old);
	}
	return map->last = entry->number;
}

int32
qd_key_map_count(const qd_key_map *map)
{
	return map->count;
}

/* a key in quotes, for messages */
char *
qd_key_map_text(const qd_key_map *map, int32 number)
{
	Oid			output;
	bool		varlena;

	if (number == QD_NULL_KEY)
		return pstrdup("NULL");
	getTypeOutputInfo(map->type, &output, &varlena);
	return psprintf("\"%s\"", OidOutputFunctionCall(output, map->key[number]));
}

typedef struct key_order
{
	const qd_key_map *map;
	FmgrInfo   *compare;
} key_order;

static int
compare_keys(const void *a, const void *b, void *arg)
{
	const key_order *order = arg;

	CHECK_FOR_INTERRUPTS();
	return DatumGetInt32(FunctionCall2Coll(order->compare, order->map->collation,
										   order->map->key[*(const int32 *) a],
										   order->map->key[*(const int32 *) b]));
}

/*
 * The numbers in the order of their keys, [count]: what does not depend on the
 * order of the rows.  Of a type without an order: in the order met.
 */
int32 *
qd_key_map_sorted(qd_source *source, const qd_key_map *map)
{
	int32	   *sorted = qd_source_alloc(source, sizeof(int32) * (Size) map->count);
	TypeCacheEntry *type = lookup_type_cache(map->type, TYPECACHE_CMP_PROC_FINFO);
	key_order	order;
	int32		i;

	for (i = 0; i < map->count; i++)
		sorted[i] = i;
	if (OidIsValid(type->cmp_proc_finfo.fn_oid))
	{
		FmgrInfo	compare;

		fmgr_info_copy(&compare, &type->cmp_proc_finfo, CurrentMemoryContext);
		order.map = map;
		order.compare = &compare;
		qsort_arg(sorted, map->count, sizeof(int32), compare_keys, &order);
	}
	return sorted;
}
