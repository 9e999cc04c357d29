/* bump.h: the bump strategy for C callers, on the state block that TypeScript works on too.

   A pointer moves up through the payload; freeing gives room back only at its end. The semantics
   are those of lib/allocators/bump.ts, address for address. Not safe from several threads at once.

   The state holds no table of blocks, so the caller's word counts: a pointer outside the used part
   of the payload is ignored, a wrong size or a second free inside it is not noticed. A size of 0
   means that it is not known, and then free does nothing and resize refuses: whether the block is
   the last one cannot be told. */

#ifndef OH_BUMP_H
#define OH_BUMP_H

#include "figures.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An empty heap over capacity bytes at base, of which OH_MAX_CAPACITY at most are used. */
void oh_bump_init(oh_bump_t *bump, void *base, size_t capacity);

/* max(size, 1) bytes at an address that is a multiple of align. NULL: they do not fit, align is no
   power of two, or the region is gone. O(1), no division, no call. */
void *oh_bump_alloc(oh_bump_t *bump, size_t size, size_t align);
/* The last block grows and shrinks in place within the capacity; any other only shrinks, which
   gives no room back until a reset. A block from before an open checkpoint does not grow. new_size
   0 means 1 byte. false: nothing changed. */
bool oh_bump_resize(oh_bump_t *bump, void *ptr, size_t size, size_t new_size);
/* Room comes back when the block is the last one; any other only counts as no longer used. false:
   refused, nothing changed. */
bool oh_bump_free(oh_bump_t *bump, void *ptr, size_t size);
void oh_bump_read(oh_bump_t const *bump, oh_figures_t *figures);

/* self is an oh_bump_t. remap resizes in place or returns NULL. */
extern oh_vtable_t const oh_bump_vtable;

#ifdef __cplusplus
}
#endif

#endif
