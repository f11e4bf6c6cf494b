/*
 * node_map.h
 *		Node keys of any hashable type, to rows.
 */
#ifndef QD_NODE_MAP_H
#define QD_NODE_MAP_H

#include "compat.h"

#include "source.h"

typedef struct qd_node_map qd_node_map;

extern qd_node_map *qd_node_map_begin(qd_source *source, int node_arg, int parent_arg);
extern void qd_node_map_read_node(qd_source *source, qd_node_map *map, int32 row);
extern bool qd_node_map_read_parent(qd_source *source, qd_node_map *map, int32 row);
extern int32 *qd_node_map_end(qd_source *source, qd_node_map *map);

#endif							/* QD_NODE_MAP_H */
