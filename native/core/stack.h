/* stack.h: the stack strategy for C callers, on the state block that TypeScript works on too.

   Blocks lie one behind the other; only the newest can be freed, and grows and shrinks. The
   semantics are those of lib/allocators/stack.ts, address for address. Not safe from several
   threads at once.

   What TypeScript throws for is refused here, and changes nothing: a pointer that is not the newest
   block, a wrong size, an address without the alignment, and headers that were overwritten. The
   payload does not grow. Handles in JavaScript do not learn of what is freed from here, so a block
   with a handle is for its handle to free. */

#ifndef OH_STACK_H
#define OH_STACK_H

#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An empty heap over capacity bytes at base, of which OH_MAX_CAPACITY at most are used. */
void oh_stack_init(oh_stack_t *stack, void *base, size_t capacity);

/* size bytes, one for a block of 0, at an address that is a multiple of align; 8 bytes and padding
   before them. NULL: they do not fit, align is no power of two, or the region is gone. O(1), no
   division, no call. */
void *oh_stack_alloc(oh_stack_t *stack, size_t size, size_t align);
/* The newest block grows and shrinks in place within the capacity; any other only keeps its size,
   and finding it takes a walk over the newer ones. size is exact, 0 too. false: nothing changed. */
bool oh_stack_resize(oh_stack_t *stack, void *ptr, size_t size, size_t align, size_t new_size);
/* Gives the newest block back. size is exact, 0 too. false: refused, nothing changed. O(1). */
bool oh_stack_free(oh_stack_t *stack, void *ptr, size_t size, size_t align);
/* The same for the newest block, whichever that is. false: there is none, or it was refused. */
bool oh_stack_pop(oh_stack_t *stack);
/* Frees every block at once, whatever their headers hold. O(1). */
void oh_stack_reset(oh_stack_t *stack);

/* self is an oh_stack_t. remap resizes in place or returns NULL. A size of 0 at free, resize and
   remap is that of the block, and its alignment then does not count. */
extern oh_vtable_t const oh_stack_vtable;

#ifdef __cplusplus
}
#endif

#endif
