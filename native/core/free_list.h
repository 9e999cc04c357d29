/* free_list.h: the free list for C callers, on the state block that TypeScript works on too.

   Address-ordered first fit: a block lies in the lowest hole that is large enough, and what is
   freed joins the holes around it at once. The semantics are those of lib/allocators/free-list.ts,
   address for address and word for word. Not safe from several threads at once.

   All bookkeeping is in the state, nothing of it in the payload, which is never read or written. So
   whatever is no live block is refused: a pointer into the middle of a block or to free memory, a
   second free, a wrong size, an alignment that the address does not have. Then nothing changes. A
   block of 0 bytes counts as one of 1.

   The payload does not grow: what does not fit is out of memory, also over a WebAssembly memory
   that TypeScript would grow. */

#ifndef OH_FREE_LIST_H
#define OH_FREE_LIST_H

#include "figures.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of state for a payload of capacity bytes: about a twentieth, of which is touched what the
   memory that is in use needs. */
size_t oh_free_list_state_size(size_t capacity);

/* An empty heap over capacity bytes at base, of which OH_MAX_CAPACITY at most are used, from the
   first multiple of 16 on. The state is oh_free_list_state_size(capacity) bytes, all 0. */
void oh_free_list_init(oh_free_list_t *list, void *base, size_t capacity);

/* max(size, 1) bytes at an address that is a multiple of align, and of 16. NULL: no hole is large
   enough, align is no power of two, or the region is gone. Tens of ns, O(log n) in the capacity; an
   align above 16 may pass over holes that are large enough but lie wrong. */
void *oh_free_list_alloc(oh_free_list_t *list, size_t size, size_t align);
/* In place: a block that shrinks gives back the granules behind it, one that grows takes what it
   needs of the hole behind it. new_size 0 means 1 byte. false: nothing changed. O(log n). */
bool oh_free_list_resize(oh_free_list_t *list, void *ptr, size_t size, size_t align,
                         size_t new_size);
/* false: refused, nothing changed. Tens of ns, O(log n). */
bool oh_free_list_free(oh_free_list_t *list, void *ptr, size_t size, size_t align);

/* Is the granule that starts there free, but was not always? For telling why a pointer was refused.
   */
bool oh_free_list_is_free(oh_free_list_t *list, void const *ptr);
void oh_free_list_read(oh_free_list_t const *list, oh_figures_t *figures);
/* Frees all blocks at once: O(the most memory that was in use), a twentieth of which is cleared.
   Handles that JavaScript has on them do not learn of it: while there are any, reset there. */
void oh_free_list_reset(oh_free_list_t *list);

/* self is an oh_free_list_t. A size of 0 is not known, and looked up. remap resizes in place or
   returns NULL. */
extern oh_vtable_t const oh_free_list_vtable;

#ifdef __cplusplus
}
#endif

#endif
