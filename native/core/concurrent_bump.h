/* concurrent_bump.h: a bump that many threads allocate from without a lock, on the words that
   TypeScript works on too: lib/allocators/concurrent-bump.ts, address for address.

   The cursor moves by compare-and-swap: who loses tries again. Room comes back when the block that
   is freed is the last one, and with a reset, which is TypeScript's and needs all threads at rest.

   The words are shared memory of JavaScript's, which anybody may write to by mistake. So where the
   payload is and how long it is are not taken from them: whatever they hold, no block lies outside.
   */

#ifndef OH_CONCURRENT_BUMP_H
#define OH_CONCURRENT_BUMP_H

#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Words of the state, as in lib/allocators/concurrent-token.ts. */
enum {
  OH_CONCURRENT_CURSOR = 1,      /* where the next block may start, from the payload's start     */
  OH_CONCURRENT_GAPS = 2,        /* bytes below it that are no live block                        */
  OH_CONCURRENT_PEAK_USED = 3,   /* the most that was live, and the most that the cursor was, ... */
  OH_CONCURRENT_PEAK_CURSOR = 4, /* ... before they last fell                                    */
  OH_CONCURRENT_WORDS = 10
};

/* One door to it; there may be many. */
typedef struct oh_concurrent_bump {
  uint32_t *words; /* only ever touched atomically */
  void *base;
  size_t capacity; /* at most OH_MAX_CAPACITY */
} oh_concurrent_bump_t;

/* max(size, 1) bytes at an address that is a multiple of align. NULL: they do not fit, or align is
   no power of two. Lock-free; some ns, more while others allocate too. */
void *oh_concurrent_bump_alloc(oh_concurrent_bump_t const *bump, size_t size, size_t align);
/* The last block grows and shrinks; any other only shrinks, which gives no room back. */
bool oh_concurrent_bump_resize(oh_concurrent_bump_t const *bump, void *ptr, size_t size,
                               size_t new_size);
/* Room comes back when the block is the last one; any other only counts as no longer used, and one
   whose size is not known (0) does nothing. false: not inside of what was handed out. */
bool oh_concurrent_bump_free(oh_concurrent_bump_t const *bump, void *ptr, size_t size);

/* self is an oh_concurrent_bump_t. remap resizes in place or returns NULL. */
extern oh_vtable_t const oh_concurrent_bump_vtable;

#ifdef __cplusplus
}
#endif

#endif
