/* slab.h: the slab strategy for C callers, on the state block that TypeScript works on too.

   The general-purpose heap: blocks of all sizes, freed in any order. The semantics are those of
   lib/allocators/slab.ts, address for address and word for word. Not safe from several threads at
   once.

   Every block and its size are known out of band, so what is no live block is refused always: a
   pointer that is none, a second free, a wrong size, an alignment that the address does not have.
   Nothing changes then. Through the table a size of 0 means that it is not known, and is looked up;
   the functions take it as it is, the size of a block that was asked for with 0 bytes.

   C never gives memory back to the system. TypeScript does (trim, and before a heap over
   Region.pages becomes larger than it ever was), and what it purged is kept account of here. Nor
   does the payload grow: one over a WebAssembly memory that is full is out of memory from C. */

#ifndef OH_SLAB_H
#define OH_SLAB_H

#include "figures.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the state of a heap over capacity bytes: 24 KiB and 9 % of them. */
size_t oh_slab_state_size(size_t capacity);

/* An empty heap over the whole pages of 512 bytes among capacity bytes at base, of which
   OH_MAX_CAPACITY at most are used. state: oh_slab_state_size(capacity) bytes at a multiple of 4,
   all of them 0; what is not used of them is never touched. */
oh_slab_t *oh_slab_init(void *state, void *base, size_t capacity);

/* Frees every block at once. Handles that JavaScript has of them do not get to know. O(pages). */
void oh_slab_reset(oh_slab_t *slab);

/* max(size, 1) bytes at an address that is a multiple of align. NULL: out of memory, align is no
   power of two, or the region is gone. Some ns; tens where a magazine has to be filled. */
void *oh_slab_alloc(oh_slab_t *slab, size_t size, size_t align);
/* Within its size class a block is resized in place; one above 2,032 bytes shrinks by whole pages
   and grows into free pages behind it. */
bool oh_slab_resize(oh_slab_t *slab, void *ptr, size_t size, size_t align, size_t new_size);
/* false: refused. */
bool oh_slab_free(oh_slab_t *slab, void *ptr, size_t size, size_t align);

/* The bytes that the block at ptr has, at least what was asked for; 0: no block lives there. */
size_t oh_slab_usable_size(oh_slab_t const *slab, void const *ptr);
/* Could a block start there, and none lives? For telling why a pointer was refused. */
bool oh_slab_is_free(oh_slab_t const *slab, void const *ptr);
void oh_slab_read(oh_slab_t const *slab, oh_figures_t *figures);

/* self is an oh_slab_t. remap resizes in place or returns NULL. */
extern oh_vtable_t const oh_slab_vtable;

#ifdef __cplusplus
}
#endif

#endif
