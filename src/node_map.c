/*
 * node_map.c
 *		Node keys of any hashable type, to rows: PostgreSQL's own hash table,
 *		hash and equality functions, under the call's collation.
 *
 * The rows' keys are only copied while they are read, in one pass; then all
 * nodes go into the hash table and all parents are looked up in it.  Nearly
 * every look-up misses the cache, so each slot is fetched some rows ahead.
 *
 * Memory: 20 bytes a row, the bytes of keys passed by reference (packed, in
 * blocks; a parent's only where it is not the last row's), and, until parents
 * are known, 13 to 27 bytes for the hash table.
 */
#include "compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "key_type.h"
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
#define AHEAD 16				/* rows from fetching a slot to its use */

struct qd_node_map
{
	int			node_arg;
	int			parent_arg;
	int32		rows;			/* read so far */
	Datum	   *key;			/* [n] */
	Datum	   *parent_key;		/* [n], where parent is not -1 */
	int32	   *parent;			/* [n], -1 for a root */
	int32		last_child;		/* the last row with a parent, -1 at first */
	Datum		probe;
	nodes_hash *table;

	qd_key_type type;

	char	   *block;			/* where copies of keys go */
	Size		block_left;
};

static inline bool
same_node(qd_node_map *map, int32 a, int32 b)
{
	return qd_keys_equal(&map->type, a == PROBE ? map->probe : map->key[a],
						 b == PROBE ? map->probe : map->key[b]);
}

/* a copy of a key that lives as long as the map, without a chunk of its own */
static Datum
keep_key(qd_source *source, qd_node_map *map, Datum key)
{
	Size		size;
	char	   *copy;

	if (map->type.typbyval)
		return key;
	if (map->type.typlen == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	size = MAXALIGN(datumGetSize(key, false, map->type.typlen));
	if (size > map->block_left)
	{
		Size		block = Max(size, KEY_BLOCK);

		map->block = qd_source_alloc(source, block);
		map->block_left = block;
	}
	copy = map->block;
	memcpy(copy, DatumGetPointer(key), datumGetSize(key, false, map->type.typlen));
	map->block += size;
	map->block_left -= size;
	return PointerGetDatum(copy);
}

/* a row's node for messages, in quotes */
static char *
node_quoted(qd_source *source, int32 row)
{
	qd_node_map *map = source->extra;

	return psprintf("\"%s\"", qd_key_text(&map->type, map->key[row]));
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

	map->node_arg = node_arg;
	map->parent_arg = parent_arg;
	qd_key_type_begin(source, &map->type, node_arg, "the node and the parent");
	map->key = qd_source_alloc(source, sizeof(Datum) * (Size) source->n);
	map->parent_key = qd_source_alloc(source, sizeof(Datum) * (Size) source->n);
	map->parent = qd_source_alloc(source, sizeof(int32) * (Size) source->n);
	map->last_child = -1;
	MemoryContextSwitchTo(old);
	source->extra = map;
	source->describe = node_describe;
	source->node = node_quoted;
	return map;
}

/* reads a row's node; error where it is NULL */
void
qd_node_map_read_node(qd_source *source, qd_node_map *map, int32 row)
{
	bool		isnull;
	Datum		key = source->get(source, map->node_arg, row, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("node must not be null"),
				 errdetail("%s", source->describe(source, row)),
				 errhint("Leave such rows out by a WHERE clause.")));
	map->key[row] = keep_key(source, map, key);
	map->rows = row + 1;
}

/* reads a row's parent, after its node; true for a root */
bool
qd_node_map_read_parent(qd_source *source, qd_node_map *map, int32 row)
{
	bool		isnull;
	Datum		key = source->get(source, map->parent_arg, row, &isnull);

	map->parent[row] = isnull ? -1 : 0;
	if (isnull)
		return true;

	/* siblings often follow each other: one copy, and one look-up, for them */
	if (map->last_child >= 0 && qd_keys_equal(&map->type, map->parent_key[map->last_child], key))
		map->parent_key[row] = map->parent_key[map->last_child];
	else
		map->parent_key[row] = keep_key(source, map, key);
	map->last_child = row;
	return false;
}

/* hashes a key and begins to fetch the slot it will need */
static inline uint32
hash_ahead(qd_node_map *map, Datum key)
{
	uint32		hash = qd_key_hash(&map->type, key);

	__builtin_prefetch(&map->table->data[hash & map->table->sizemask]);
	return hash;
}

/* all nodes into the hash table; error: two rows of one node */
static void
insert_nodes(qd_source *source, qd_node_map *map)
{
	uint32		hash[AHEAD];
	int32		row;

	for (row = 0; row < Min(AHEAD, source->n); row++)
		hash[row] = hash_ahead(map, map->key[row]);
	for (row = 0; row < source->n; row++)
	{
		uint32		mine = hash[row % AHEAD];
		bool		found;
		node_entry *entry;

		qd_next_row(source);
		if (row < source->n - AHEAD)
			hash[row % AHEAD] = hash_ahead(map, map->key[row + AHEAD]);
		map->probe = map->key[row];
		entry = nodes_insert_hash(map->table, PROBE, mine, &found);
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("node %s appears more than once", node_quoted(source, row)),
					 errdetail("Rows %d and %d of the partition, in window order.",
							   entry->row + 1, row + 1),
					 errhint("Every node is one row; add what tells them apart to PARTITION BY or to the key.")));
		entry->row = row;
	}
}

/* parent rows by their keys; error: a parent that is no node */
static void
look_up_parents(qd_source *source, qd_node_map *map)
{
	int32		last = -1;		/* the row before with a parent */
	int32		row;

	for (row = 0; row < source->n; row++)
	{
		Datum		key = map->parent_key[row];
		node_entry *entry;

		qd_next_row(source);
		if (map->parent[row] < 0)
			continue;
		if (last >= 0 && key == map->parent_key[last])
		{
			map->parent[row] = map->parent[last];
			continue;
		}
		map->probe = key;
		entry = nodes_lookup_hash(map->table, PROBE, qd_key_hash(&map->type, key));
		if (!entry)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parent \"%s\" of node %s is not a node", qd_key_text(&map->type, key),
							node_quoted(source, row)),
					 errhint("Add a row for it, or make the node a root by a null parent.")));
		map->parent[row] = entry->row;
		last = row;
	}
}

/*
 * After the last row: each row's parent row, -1 for a root.  Errors: two rows
 * of one node, a parent that is no node.
 */
int32 *
qd_node_map_end(qd_source *source, qd_node_map *map)
{
	int32	   *parent = map->parent;

	map->table = nodes_create(source->context, (uint32) source->n, map);
	insert_nodes(source, map);
	look_up_parents(source, map);
	/* keys stay for errors */
	nodes_destroy(map->table);
	pfree(map->parent_key);
	map->parent = NULL;
	return parent;
}
