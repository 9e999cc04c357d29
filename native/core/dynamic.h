/* dynamic.h: any malloc in a shared library as an allocator, with wrong frees refused as libc.h
   refuses them.

   A heap is a library and a prefix: whoever opens the two again gets the same heap, in any thread.
   Heaps and libraries stay to the end of the process, because a malloc has threads, keys of threads
   and blocks that outlive whoever asked for it.

   Safe from any thread; a block may be freed in another than it was allocated in. Each operation
   costs the library's own and one or two accesses to the heap's live map. size 0 allocates one
   byte, new_size 0 means one byte. */

#ifndef OH_DYNAMIC_H
#define OH_DYNAMIC_H

#include "offheap.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_dynamic oh_dynamic_t;

/* The heap of a library (what the system's loader takes, UTF-8) and a prefix of at most 64 bytes.
   NULL: why tells what is missing, cut to why_size. Runs the library's own code: that the functions
   there are what their names say cannot be checked. Some 100 microseconds at first, 10 later. */
oh_dynamic_t *oh_dynamic_open(char const *library, char const *prefix, char *why, size_t why_size);
/* Heaps are numbered from 0 as they are opened. NULL: there is none of that number. O(heaps). */
oh_dynamic_t *oh_dynamic_at(uint32_t number);
uint32_t oh_dynamic_number(oh_dynamic_t const *heap);

/* As the functions of libc.h with these names. The block of another heap, or of the C heap, is
   OH_INVALID_POINTER. */
void *oh_dynamic_alloc(oh_dynamic_t *heap, size_t size, size_t align);
oh_status_t oh_dynamic_resize(oh_dynamic_t *heap, void *ptr, size_t size, size_t align,
                              size_t new_size, bool *resized);
/* Moves by allocating, copying and freeing: never by the library's realloc (see family.c). */
oh_status_t oh_dynamic_remap(oh_dynamic_t *heap, void *ptr, size_t size, size_t align,
                             size_t new_size, void **moved);
oh_status_t oh_dynamic_free(oh_dynamic_t *heap, void *ptr, size_t size, size_t align);
bool oh_dynamic_owns(oh_dynamic_t *heap, void const *ptr);
size_t oh_dynamic_usable_size(oh_dynamic_t *heap, void const *ptr);
bool oh_dynamic_show(oh_dynamic_t *heap, void const *ptr);
oh_status_t oh_dynamic_free_shown(oh_dynamic_t *heap, void *ptr);
bool oh_dynamic_unshow(oh_dynamic_t *heap, void const *ptr);

/* Asks the library to give free memory back to the system. false: it has no function for that that
   is known here, or says that it had none to give. Up to some milliseconds. */
bool oh_dynamic_trim(oh_dynamic_t *heap);

/* self is the oh_dynamic_t. As with libc.h, size 0 leaves the alignment unchecked too. */
extern oh_vtable_t const oh_dynamic_vtable;

#ifdef __cplusplus
}
#endif

#endif
