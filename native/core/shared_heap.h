/* shared_heap.h: one heap for many threads: a strategy behind a lock.

   The state of the strategy and the lock are memory of this library, which no JavaScript sees: what
   travels between threads is a number, by which the heap is found in a list of this process. So
   there is nothing in a token that could be forged. The payload is the caller's, and whoever holds
   the heap keeps that alive too.

   A heap lives as long as somebody holds it. Its operations are safe from any thread, also from
   those that C started. A thread that ends in the midst of one (a worker of Node's cannot) leaves a
   heap that is poisoned: nobody knows what its state is, so every operation is refused from then
   on, and nobody waits.

   Costs: the strategy's, and about 10 ns for the lock when nobody else wants it. */

#ifndef OH_SHARED_HEAP_H
#define OH_SHARED_HEAP_H

#include "figures.h"
#include "offheap.h"
#include "os.h"
#include "status.h"
#include "strategy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_shared {
  os_lock_t lock; /* around whatever touches the state                                          */
  oh_strategy_t const *strategy;
  void *state;
  void *base; /* the payload ...                                                                */
  size_t capacity;
  double number;          /* never given to another heap of this process                         */
  uint32_t holders;       /* this and the next are for those who have the list's lock           */
  struct oh_shared *next; /* in the list                                                        */
} oh_shared_t;

/* A heap that goes on where the state left off, of which it takes a copy: state_size bytes, as the
   strategy with that table lays them out. The caller holds it. NULL: no memory, or no such
   strategy. */
oh_shared_t *oh_shared_create(oh_vtable_t const *table, void const *state, size_t state_size,
                              void *base, size_t capacity);
/* Holds the heap with a number, whose payload must be in the size bytes at memory. NULL, and
   *ended: it was one, and nobody holds it any more; or not: there never was one in that memory. */
oh_shared_t *oh_shared_attach(double number, void const *memory, size_t size, bool *ended);
/* Once for each that created or attached. The last one frees it. */
void oh_shared_let_go(oh_shared_t *heap);
/* Heaps that somebody holds, and how often. */
void oh_shared_count(uint32_t *heaps, uint32_t *holders);

/* max(size, 1) bytes at a multiple of align; NULL: out of memory, or align is no power of two. This
   and the following: OH_POISONED, and nothing else happened. A NULL heap has no memory and no
   blocks. */
oh_status_t oh_shared_alloc(oh_shared_t *heap, size_t size, size_t align, void **block);
/* size is exact, 0 too. OH_DOUBLE_FREE: no block lives there, but one could. OH_INVALID_SIZE: one
   does, of another size or alignment. OH_INVALID_POINTER. Nothing changed then. */
oh_status_t oh_shared_free(oh_shared_t *heap, void *ptr, size_t size, size_t align);
/* As free; in place or not at all. */
oh_status_t oh_shared_resize(oh_shared_t *heap, void *ptr, size_t size, size_t align,
                             size_t new_size, bool *resized);
/* Bytes that the live block has, at least what was asked for. 0, and why as free says: there is
   none, or the strategy keeps no sizes (a bump). */
oh_status_t oh_shared_usable_size(oh_shared_t *heap, void const *ptr, size_t *size);
/* OH_POISONED: the figures are there, and may be half of an operation old. */
oh_status_t oh_shared_read(oh_shared_t *heap, oh_figures_t *figures);

/* The table of a heap, which is its self. A size of 0 at free, resize and remap is not known. */
oh_vtable_t const *oh_shared_table(oh_shared_t const *heap);

#ifdef __cplusplus
}
#endif

#endif
