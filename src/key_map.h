/*
 * key_map.h
 *		Keys of any hashable type to numbers from 0, in the order they are met.
 */
#ifndef QD_KEY_MAP_H
#define QD_KEY_MAP_H

#include "compat.h"

#include "source.h"

typedef struct qd_key_map qd_key_map;

#define QD_NULL_KEY (-1)

extern qd_key_map *qd_key_map_begin(qd_source *source, int arg, const char *name);
extern void qd_key_map_end(qd_key_map *map);
extern int32 qd_key_map_read(qd_source *source, qd_key_map *map, int32 row);
extern int32 qd_key_map_count(const qd_key_map *map);
extern char *qd_key_map_text(const qd_key_map *map, int32 number);
extern int32 *qd_key_map_sorted(qd_source *source, const qd_key_map *map);

#endif							/* QD_KEY_MAP_H */
