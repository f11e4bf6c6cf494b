/*
 * node_map.c
 *		Node keys of any hashable type, to rows: PostgreSQL's own hash table,
 *		hash and equality functions, under the call's collation.
 *
 * Memory: 8 bytes a row for the key, its bytes where it is passed by
 * reference (packed, in blocks), and 13 to 27 bytes for the hash table.
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
	int32		row;
	uint32		hash;
	char		status;
} node_entry;

#define PROBE (-1)				/* stands for map->probe */

static inline bool same_node(qd_node_map *map, int32 a, int32 b);

#define SH_PREFIX nodes
#define SH_ELEMENT_TYPE node_entry
#define SH_KEY_TYPE int32
#define SH_KEY row
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
	qd_source  *source;
	Datum	   *key;			/* [n] */
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
keep_key(qd_node_map *map, Datum key)
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

		map->block = qd_source_alloc(map->source, block);
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

/* an error's detail: Node "key". */
char *
qd_node_describe(qd_source *source, int32 row)
{
	qd_node_map *map = source->extra;

	return psprintf("Node \"%s\".", key_text(map, map->key[row]));
}

/*
 * Reads the node column.  Errors: a NULL node, two rows with one node, a type
 * that cannot be hashed.  From then on rows are described by their node.
 */
qd_node_map *
qd_node_map_build(qd_source *source, int node_arg)
{
	MemoryContext old = MemoryContextSwitchTo(source->context);
	qd_node_map *map = palloc0(sizeof(qd_node_map));
	TypeCacheEntry *type;
	int32		row;

	map->source = source;
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
	map->key = qd_source_alloc(source, sizeof(Datum) * (Size) source->n);
	map->table = nodes_create(source->context, (uint32) source->n, map);
	MemoryContextSwitchTo(old);

	for (row = 0; row < source->n; row++)
	{
		bool		isnull;
		Datum		node = source->get(source, node_arg, row, &isnull);
		bool		found;
		node_entry *entry;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("node must not be null"),
					 errdetail("%s", source->describe(source, row))));
		map->probe = node;
		entry = nodes_insert_hash(map->table, PROBE, hash_node(map, node), &found);
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("node \"%s\" appears more than once", key_text(map, node)),
					 errdetail("Rows %d and %d of the partition, in window order.",
							   entry->row + 1, row + 1),
					 errhint("Every node is one row; add what tells them apart to PARTITION BY or to the key.")));
		entry->row = row;
		map->key[row] = keep_key(map, node);
	}
	source->extra = map;
	source->describe = qd_node_describe;
	return map;
}

/*
 * Reads the parent column into rows, -1 for a root.  Error: a parent that is
 * no node.
 */
int32 *
qd_read_parents(qd_source *source, qd_node_map *map, int parent_arg)
{
	int32	   *parent = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		bool		isnull;
		Datum		key = source->get(source, parent_arg, row, &isnull);
		node_entry *entry;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
		{
			parent[row] = -1;
			continue;
		}
		map->probe = key;
		entry = nodes_lookup_hash(map->table, PROBE, hash_node(map, key));
		if (!entry)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parent \"%s\" of node \"%s\" is not a node",
							key_text(map, key), key_text(map, map->key[row])),
					 errhint("Add a row for it, or make the node a root by a null parent.")));
		parent[row] = entry->row;
	}
	return parent;
}

/* the hash table is not needed once parents are known; keys stay for errors */
void
qd_node_map_free(qd_node_map *map)
{
	nodes_destroy(map->table);
	map->table = NULL;
}
