/*
 * node_map.h
 *		Node keys of any hashable type, to rows.
 */
#ifndef QD_NODE_MAP_H
#define QD_NODE_MAP_H

#include "compat.h"

#include "source.h"

typedef struct qd_node_map qd_node_map;

extern qd_node_map *qd_node_map_build(qd_source *source, int node_arg);
extern int32 *qd_read_parents(qd_source *source, qd_node_map *map, int parent_arg);
extern char *qd_node_describe(qd_source *source, int32 row);
extern void qd_node_map_free(qd_node_map *map);

#endif							/* QD_NODE_MAP_H */
