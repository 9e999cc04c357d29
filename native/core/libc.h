/* libc.h: the C heap as an allocator: malloc for every alignment, with wrong frees refused.

   Safe from any thread. Each operation costs one malloc/realloc/free and one or two accesses to the
   live map. size 0 allocates one byte. */

#ifndef OH_LIBC_H
#define OH_LIBC_H

#include "offheap.h"
#include "status.h"

/* NULL: out of memory, or align no power of two. */
void *oh_libc_alloc(size_t size, size_t align);
/* Exactly malloc: aligned for max_align_t. */
void *oh_libc_alloc_raw(size_t size);
/* In place: true when the block already has new_size bytes. size 0: not known. */
oh_status_t oh_libc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized);
/* May move; keeps the alignment the block was allocated with. *moved NULL: out of memory, ptr is
   untouched and still live. A shown block is OH_SHOWN. */
oh_status_t oh_libc_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved);
/* Refuses what is not a live block, a size larger than the block, another alignment than it was
   allocated with (align 0: not known). */
oh_status_t oh_libc_free(void *ptr, size_t size, size_t align);
/* Bytes the block really has; 0 when it is not a live block. */
size_t oh_libc_usable_size(void const *ptr);
/* Marks a live block as shown to JavaScript: it can then be freed by oh_libc_free_shown only.
   false: not live, or shown already. */
bool oh_libc_show(void const *ptr);
/* Frees a shown block. */
oh_status_t oh_libc_free_shown(void *ptr);
/* The mark is taken off; the block lives on. */
bool oh_libc_unshow(void const *ptr);
/* Calls through a vtable that were refused since the process started. */
uint64_t oh_libc_refused(void);

extern oh_vtable_t const oh_libc_vtable;
extern oh_vtable_t const oh_libc_raw_vtable; /* alignment up to that of max_align_t */
extern oh_vtable_t const oh_null_vtable;

#endif
