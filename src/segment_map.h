/*
 * segment_map.h
 *		Segments, keys of any hashable type, to numbers from 0.
 */
#ifndef QD_SEGMENT_MAP_H
#define QD_SEGMENT_MAP_H

#include "compat.h"

#include "source.h"

typedef struct qd_segment_map qd_segment_map;

extern qd_segment_map *qd_segment_map_begin(qd_source *source, int arg, const char *name);
extern int32 qd_segment_map_read(qd_source *source, qd_segment_map *map, int32 row);
extern void qd_segment_map_end(qd_segment_map *map);

#endif							/* QD_SEGMENT_MAP_H */
