/* gc_internal.h: what gc.c, the blocks, and gc_collector.c, the collections, share: one heap and
   its lock. */

#ifndef OH_GC_INTERNAL_H
#define OH_GC_INTERNAL_H

#include "gc.h"
#include "gc_blocks.h"
#include "os.h"

typedef struct oh_gc_span {
  void *from;
  void *to;
  void const *thread; /* that registered it                                                   */
  uint64_t id;
} oh_gc_span_t;

typedef struct oh_gc_heap {
  os_mutex_t lock; /* for all of this, for gc_owners.h, and for every call into libgc         */
  bool opened;
  bool weighing; /* this collection looks for leaks: nothing is reclaimed                     */
  void *handle; /* of the library                                                             */
  oh_gc_library_t library;
  int uncleared; /* the kind of blocks that are read and not zeroed                           */
  void *spare;   /* a page that is always there: see oh_gc_out_of_memory                      */
  oh_gc_blocks_t blocks;
  uint64_t serial;     /* of the youngest block                                               */
  oh_gc_span_t *spans; /* registered roots: span_count of them, room for span_capacity        */
  size_t span_count;
  size_t span_capacity;
  uint64_t span_id; /* of the youngest                                                        */
} oh_gc_heap_t;

extern oh_gc_heap_t oh_gc_heap;

/* An allocation from libgc has failed. After that libgc would look for the thread that collects,
   which it does not know, and crash, until some allocation of whole pages succeeds: this one always
   does. */
void oh_gc_out_of_memory(void);

#endif
