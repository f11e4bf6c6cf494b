/*
 * node_map.c
 *		Node keys of any hashable type, to rows: PostgreSQL's own hash table,
 *		hash and equality functions, under the call's collation.
 *
 * Nodes and parents are interned in one table as the rows go by, so that one
 * pass is enough.  Memory: 20 bytes a row, the key's bytes where it is passed
 * by reference (packed, in blocks), and 13 to 27 bytes for the hash table.
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

#include "node_map.h"

typedef struct node_entry
{
	int32		id;
	uint32		hash;
	char		status;
} node_entry;

#define PROBE (-1)				/* stands for map->probe */

static inline bool same_node(qd_node_map *map, int32 a, int32 b);

#define SH_PREFIX nodes
#define SH_ELEMENT_TYPE node_entry
#define SH_KEY_TYPE int32
#define SH_KEY id
#define SH_HASH_KEY(tb, key) 0	/* hashes are always given */
#define SH_EQUAL(tb, a, b) same_node((qd_node_map *) (tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define KEY_BLOCK (64 * 1024)

struct qd_node_map
{
	int			node_arg;
	int			parent_arg;
	int32		rows;			/* read so far */
	int32		count;			/* keys so far */
	int32		limit;			/* that key and row have room for */
	Datum	   *key;			/* [limit], by id */
	int32	   *row;			/* [limit], by id; -1: only a parent so far */
	int32	   *node;			/* [n], id by row */
	int32	   *parent;			/* [n], id by row, -1 for a root */
	Datum		probe;
	nodes_hash *table;

	Oid			type;
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	hash;
	FmgrInfo	equal;

	char	   *block;			/* where copies of keys go */
	Size		block_left;
};

static inline bool
same_node(qd_node_map *map, int32 a, int32 b)
{
	Datum		left = a == PROBE ? map->probe : map->key[a];
	Datum		right = b == PROBE ? map->probe : map->key[b];

	return DatumGetBool(FunctionCall2Coll(&map->equal, map->collation, left, right));
}

/* the type's hash functions can be weak in the low bits that the table uses */
static inline uint32
hash_node(qd_node_map *map, Datum key)
{
	return murmurhash32(DatumGetUInt32(FunctionCall1Coll(&map->hash, map->collation, key)));
}

/* a copy of a key that lives as long as the map, without a chunk of its own */
static Datum
keep_key(qd_source *source, qd_node_map *map, Datum key)
{
	Size		size;
	char	   *copy;

	if (map->typbyval)
		return key;
	if (map->typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	size = MAXALIGN(datumGetSize(key, false, map->typlen));
	if (size > map->block_left)
	{
		Size		block = Max(size, KEY_BLOCK);

		map->block = qd_source_alloc(source, block);
		map->block_left = block;
	}
	copy = map->block;
	memcpy(copy, DatumGetPointer(key), datumGetSize(key, false, map->typlen));
	map->block += size;
	map->block_left -= size;
	return PointerGetDatum(copy);
}

static char *
key_text(qd_node_map *map, Datum key)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(map->type, &output, &varlena);
	return OidOutputFunctionCall(output, key);
}

/* a row's node for messages, in quotes */
static char *
node_quoted(qd_source *source, int32 row)
{
	qd_node_map *map = source->extra;

	return psprintf("\"%s\"", key_text(map, map->key[map->node[row]]));
}

/* an error's detail: Node "key". */
static char *
node_describe(qd_source *source, int32 row)
{
	qd_node_map *map = source->extra;

	if (row >= map->rows)
		return psprintf("Row %d of the partition, in window order.", row + 1);
	return psprintf("Node %s.", node_quoted(source, row));
}

/*
 * Begins to read nodes and parents.  Error: a type that cannot be hashed.
 * From then on the rows read are described by their node.
 */
qd_node_map *
qd_node_map_begin(qd_source *source, int node_arg, int parent_arg)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);
	qd_node_map *map = palloc0(sizeof(qd_node_map));
	TypeCacheEntry *type;

	map->node_arg = node_arg;
	map->parent_arg = parent_arg;
	map->type = get_fn_expr_argtype(source->fcinfo->flinfo, node_arg);
	if (!OidIsValid(map->type))
		elog(ERROR, "could not determine the type of the node");
	type = lookup_type_cache(map->type, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(type->hash_proc_finfo.fn_oid) || !OidIsValid(type->eq_opr_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s",
						format_type_be(map->type)),
				 errhint("Cast the node and the parent to text.")));
	map->typlen = type->typlen;
	map->typbyval = type->typbyval;
	map->collation = source->fcinfo->fncollation;
	fmgr_info_copy(&map->hash, &type->hash_proc_finfo, source->context);
	fmgr_info_copy(&map->equal, &type->eq_opr_finfo, source->context);
	map->limit = source->n;
	map->key = qd_source_alloc(source, sizeof(Datum) * (Size) map->limit);
	map->row = qd_source_alloc(source, sizeof(int32) * (Size) map->limit);
	map->node = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	map->parent = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	map->table = nodes_create(source->context, (uint32) source->n, map);
	MemoryContextSwitchTo(old);
	source->extra = map;
	source->describe = node_describe;
	source->node = node_quoted;
	return map;
}

/* the id of a key, a new one if it was not met before */
static int32
intern(qd_source *source, qd_node_map *map, Datum key)
{
	bool		found;
	node_entry *entry;

	map->probe = key;
	entry = nodes_insert_hash(map->table, PROBE, hash_node(map, key), &found);
	if (found)
		return entry->id;

	/* more keys than rows: some parent is no node, the end will say which */
	if (map->count == map->limit)
	{
		map->limit += map->limit / 2 + 1;
		map->key = repalloc_huge(map->key, sizeof(Datum) * (Size) map->limit);
		map->row = repalloc_huge(map->row, sizeof(int32) * (Size) map->limit);
	}
	entry->id = map->count++;
	map->key[entry->id] = keep_key(source, map, key);
	map->row[entry->id] = -1;
	return entry->id;
}

/*
 * Reads a row's node and parent; true for a root.  Errors: a NULL node, a
 * second row of one node.
 */
bool
qd_node_map_read(qd_source *source, qd_node_map *map, int32 row)
{
	bool		isnull;
	Datum		key = source->get(source, map->node_arg, row, &isnull);
	int32		id;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("node must not be null"),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Leave such rows out by a WHERE clause.")));
	id = intern(source, map, key);
	if (map->row[id] >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("node \"%s\" appears more than once", key_text(map, map->key[id])),
				 errdetail("Rows %d and %d of the partition, in window order.",
						   map->row[id] + 1, row + 1),
				 errhint("Every node is one row; add what tells them apart to PARTITION BY or to the key.")));
	map->row[id] = row;
	map->node[row] = id;
	map->rows = row + 1;

	key = source->get(source, map->parent_arg, row, &isnull);
	map->parent[row] = isnull ? -1 : intern(source, map, key);
	return isnull;
}

/*
 * After the last row: each row's parent row, -1 for a root.  Error: a parent
 * that is no node.
 */
int32 *
qd_node_map_end(qd_source *source, qd_node_map *map)
{
	int32	   *parent = map->parent;
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		int32		id = parent[row];

		CHECK_FOR_INTERRUPTS();
		if (id < 0)
			continue;
		if (map->row[id] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parent \"%s\" of node \"%s\" is not a node",
							key_text(map, map->key[id]),
							key_text(map, map->key[map->node[row]])),
					 errhint("Add a row for it, or make the node a root by a null parent.")));
		parent[row] = map->row[id];
	}
	/* keys stay for errors */
	nodes_destroy(map->table);
	pfree(map->row);
	map->parent = NULL;
	return parent;
}
