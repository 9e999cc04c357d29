/* libc.h: the C heap as an allocator: malloc for every alignment, with wrong frees refused.

   Safe from any thread. Each operation costs one malloc/realloc/free and one or two accesses to the
   live map. size 0 allocates one byte, new_size 0 means one byte. */

#ifndef OH_LIBC_H
#define OH_LIBC_H

#include "offheap.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL: out of memory, or align no power of two. */
void *oh_libc_alloc(size_t size, size_t align);
/* Exactly malloc: aligned for max_align_t. Such a block is freed by the functions below as any
   other; its alignment is not checked as long as malloc would have kept it. */
void *oh_libc_alloc_raw(size_t size);
/* In place: true when the block already has new_size bytes. size 0: not known. A shown block is
   OH_SHOWN. */
oh_status_t oh_libc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized);
/* May move; keeps the alignment the block was allocated with. *moved NULL: out of memory, ptr is
   untouched and still live. A shown block is OH_SHOWN. */
oh_status_t oh_libc_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved);
/* Refuses what is not a live block (OH_DOUBLE_FREE where one has started before, else
   OH_INVALID_POINTER), a size larger than the block, another alignment than it was allocated with
   (align 0: not known). */
oh_status_t oh_libc_free(void *ptr, size_t size, size_t align);
/* Is this the start of a live block, shown or not? */
bool oh_libc_owns(void const *ptr);
/* Bytes the block really has; 0 when it is not a live block. The caller must own the block: it must
   not be freed by another thread meanwhile. */
size_t oh_libc_usable_size(void const *ptr);
/* Marks a live block as shown to JavaScript: it can then be freed by oh_libc_free_shown only.
   false: not live, or shown already. */
bool oh_libc_show(void const *ptr);
/* Frees a shown block. OH_INVALID_POINTER: it is live, but not shown. */
oh_status_t oh_libc_free_shown(void *ptr);
/* The mark is taken off; the block lives on. false: it was not shown. */
bool oh_libc_unshow(void const *ptr);
/* A caller that does not know the size (0) is taken not to know the alignment either: oh_free names
   neither. */
extern oh_vtable_t const oh_libc_vtable;
extern oh_vtable_t const oh_libc_raw_vtable; /* alignment up to that of max_align_t */
extern oh_vtable_t const oh_null_vtable;     /* never has memory; null.c            */

#ifdef __cplusplus
}
#endif

#endif
