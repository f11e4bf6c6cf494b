/*
 * key_map.c
 *		Keys of any hashable type to numbers from 0, as GROUP BY tells them
 *		apart: PostgreSQL's own hash table, hash and equality functions, under
 *		the call's collation.
 *
 * Memory: 24 to 40 bytes a key and a copy of it.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "key_map.h"
#include "key_type.h"

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
	MemoryContext context;		/* of all that is here */
	int			arg;
	int32		count;
	int32		room;			/* keys that fit key[] */
	Datum	   *key;			/* [room] by number */
	int32		last;			/* the last row's number */
	Datum		probe;
	keys_hash  *table;

	qd_key_type type;
};

static inline bool
same_key(qd_key_map *map, int32 a, int32 b)
{
	return qd_keys_equal(&map->type, a == PROBE ? map->probe : map->key[a],
						 b == PROBE ? map->probe : map->key[b]);
}

/* Begins to read keys, which messages call name.  Error: a type that cannot be hashed. */
qd_key_map *
qd_key_map_begin(qd_source *source, int arg, const char *name)
{
	MemoryContext context = AllocSetContextCreate(source->context, "quota_decomp keys",
												  ALLOCSET_START_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	qd_key_map *map = palloc0(sizeof(qd_key_map));

	map->context = context;
	map->arg = arg;
	qd_key_type_begin(source, &map->type, arg, name);
	map->room = 64;
	map->key = palloc(sizeof(Datum) * map->room);
	map->last = -1;
	map->table = keys_create(context, (uint32) map->room, map);
	MemoryContextSwitchTo(old);
	return map;
}

/* gives back all memory of it; numbers given stay what they were */
void
qd_key_map_end(qd_key_map *map)
{
	MemoryContextDelete(map->context);
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
	if (map->type.typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));

	/*
	 * rows of a key often follow each other, or go through the same keys
	 * again
	 */
	if (map->last >= 0 && qd_keys_equal(&map->type, map->key[map->last], key))
		return map->last;
	if (map->last >= 0 && map->count > 1)
	{
		int32		next = map->last + 1 < map->count ? map->last + 1 : 0;

		if (qd_keys_equal(&map->type, map->key[next], key))
			return map->last = next;
	}

	map->probe = key;
	entry = keys_insert_hash(map->table, PROBE, qd_key_hash(&map->type, key), &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(map->context);

		if (map->count == map->room)
		{
			map->room = qd_more_room(map->room);
			map->key = repalloc_huge(map->key, sizeof(Datum) * (Size) map->room);
		}
		map->key[map->count] = datumCopy(key, map->type.typbyval, map->type.typlen);
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
	if (number == QD_NULL_KEY)
		return pstrdup("NULL");
	return psprintf("\"%s\"", qd_key_text(&map->type, map->key[number]));
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
	return DatumGetInt32(FunctionCall2Coll(order->compare, order->map->type.collation,
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
	TypeCacheEntry *type = lookup_type_cache(map->type.type, TYPECACHE_CMP_PROC_FINFO);
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
