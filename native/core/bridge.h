/* bridge.h: an oh_valloc_t as C libraries want it: malloc, realloc and free without a size.

   A bridge counts what one user of an allocator holds, and finds the sizes that its user does not
   keep: the allocator knows them, or, where it keeps none (a bump), a header of 16 bytes before each
   block does. The functions that a particular library is given are in hooks.h.

   Blocks are aligned to OH_DEFAULT_ALIGN. Out of memory and sizes that no object can have are NULL and
   counted. What is no block of the allocator is refused, counted (see door.h) and never followed; so is
   everything once the bridge is closed. A NULL bridge has no memory. From which threads a bridge may be used is
   what its allocator says; its counters are exact on as many. */

#ifndef OH_BRIDGE_H
#define OH_BRIDGE_H

#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_bridge oh_bridge_t;

/* Since the bridge was opened or told to forget; the last three since it was opened. */
typedef struct oh_bridge_stats {
  uint64_t blocks;      /* live now                                                               */
  uint64_t bytes;       /* and their bytes, as the allocator or the header says                   */
  uint64_t peak_bytes;  /* the most that bytes has been                                           */
  uint64_t allocations; /* that were served; a realloc of a block is none                         */
  uint64_t failures;    /* allocations and reallocs that were not                                 */
  uint64_t refused;     /* frees and reallocs of what is no live block                            */
} oh_bridge_stats_t;

/* NULL: malloc has no memory. */
oh_bridge_t *oh_bridge_open(oh_valloc_t v);
/* Forgets the allocator, so that nothing is served any more. Once or twice; NULL is ignored. */
void oh_bridge_close(oh_bridge_t *bridge);
/* Nobody has its address any more. NULL is ignored. */
void oh_bridge_delete(oh_bridge_t *bridge);

/* All zeros for NULL. */
void oh_bridge_read(oh_bridge_t const *bridge, oh_bridge_stats_t *stats);
/* Every block is gone, as the allocator was reset: blocks, bytes and peak_bytes are 0. */
void oh_bridge_forget(oh_bridge_t *bridge);
/* Bytes before each block that belong to the bridge: 0 or 16. */
size_t oh_bridge_header(oh_bridge_t const *bridge);

void *oh_bridge_alloc(oh_bridge_t *bridge, size_t size);
/* n times size bytes; NULL also where the product is beyond SIZE_MAX. calloc's are 0. */
void *oh_bridge_alloc_array(oh_bridge_t *bridge, size_t n, size_t size);
void *oh_bridge_calloc(oh_bridge_t *bridge, size_t n, size_t size);
/* NULL is ignored. */
void oh_bridge_free(oh_bridge_t *bridge, void *ptr);
/* ptr NULL: as oh_bridge_alloc. A size of 0 frees nothing. NULL: the block is as it was. */
void *oh_bridge_realloc(oh_bridge_t *bridge, void *ptr, size_t size);
/* Bytes of the live block at ptr, or 0. */
size_t oh_bridge_size(oh_bridge_t *bridge, void const *ptr);

/* For who passes sizes always: no block has a header then, and the bytes counted are those that were
   asked for. One bridge is used by these or by those above. Making a block smaller never fails: where it
   can neither shrink nor move it stays as it is. */
void *oh_bridge_sized_alloc(oh_bridge_t *bridge, size_t size);
void oh_bridge_sized_free(oh_bridge_t *bridge, void *ptr, size_t size);
void *oh_bridge_sized_realloc(oh_bridge_t *bridge, void *ptr, size_t size, size_t new_size);

#ifdef __cplusplus
}
#endif

#endif
