/* extent_map.h: the runs of pages that are ours, by address; and the sizes of blocks from a malloc
   that does not tell them.

   A hash table with linear probing. An entry whose run has been freed stays, marked dead, so that a
   second free of the address can be told from a pointer that never was ours; the kernel likes to
   hand out the same addresses again, and then the entry is used again. Dead entries are dropped
   when the table is next rebuilt, so they never take more room than the live ones need.

   Not safe from several threads: its users hold a lock. Costs: about one probe, 48 bytes each. */

#ifndef OH_EXTENT_MAP_H
#define OH_EXTENT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct oh_extent {
  char *ptr;        /* the payload, which is the key                                        */
  char *base;       /* the reservation around it ...                                        */
  size_t total;     /* ... and its bytes                                                    */
  size_t size;      /* committed payload bytes, whole pages                                 */
  size_t align;     /* as asked for                                                         */
  bool live;        /* false: freed, remembered                                             */
  bool shown;       /* JavaScript looks at it                                               */
  bool guarded;     /* has guard pages, so its ends cannot move                             */
  bool pinned;      /* aligned to more than a page, so the system cannot move it            */
} oh_extent_t;

typedef struct oh_extent_map {
  oh_extent_t *slots; /* capacity of them; ptr NULL: never used                             */
  size_t capacity;    /* a power of two, or 0                                               */
  size_t taken;       /* entries, live or dead                                              */
  size_t live;
} oh_extent_map_t;

/* The entry, live or dead, or NULL. It moves at the next oh_extent_reserve. */
oh_extent_t *oh_extent_find(oh_extent_map_t const *map, void const *ptr);
/* Makes sure that the next oh_extent_put has room. false: no memory. */
bool oh_extent_reserve(oh_extent_map_t *map);
/* Enters a live run, after oh_extent_reserve. */
void oh_extent_put(oh_extent_map_t *map, oh_extent_t const *extent);
/* Marks an entry dead. */
void oh_extent_kill(oh_extent_map_t *map, oh_extent_t *extent);

#endif
