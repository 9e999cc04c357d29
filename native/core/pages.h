/* pages.h: whole pages from the operating system, as an allocator and as regions.

   Every run of pages is entered in a table (a lock and a hash map of address to extent), so that a
   wrong free is refused instead of unmapping somebody else's memory. Costs a system call, some
   microseconds. Safe from any thread. size 0 allocates a page, new_size 0 means a page. */

#ifndef OH_PAGES_H
#define OH_PAGES_H

#include "offheap.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_pages_options {
  bool guard;       /* an inaccessible page before and one behind the payload             */
  bool huge;        /* ask for huge pages (a hint; the address is then 2 MiB aligned)     */
  char const *name; /* shown in /proc/self/maps where the kernel has it; NULL for none    */
} oh_pages_options_t;

/* A run of whole pages with at least size bytes, lazily committed, zero-filled, at a multiple of
   max(align, page size). NULL: out of address space, align no power of two. options may be NULL. */
void *oh_pages_alloc(size_t size, size_t align, oh_pages_options_t const *options);
/* In place: shrinking gives whole pages back. *resized false: no room. size 0: not known. A guarded
   run is resized only within its pages. A shown run is OH_SHOWN. */
oh_status_t oh_pages_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized);
/* May move without copying (mremap); keeps an alignment up to the page size, refuses to move larger
   ones. *moved NULL: not possible, ptr untouched. */
oh_status_t oh_pages_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved);
/* Refuses what is not a live run, a size larger than the run, another alignment than it was
   allocated with (align 0: not known). OH_DOUBLE_FREE is OH_INVALID_POINTER for a run that was
   freed long ago. */
oh_status_t oh_pages_free(void *ptr, size_t size, size_t align);
/* Bytes in the run, a multiple of the page size; 0 when ptr is no live run. */
size_t oh_pages_usable_size(void const *ptr);
/* As oh_libc_show, oh_libc_free_shown and oh_libc_unshow. */
bool oh_pages_show(void const *ptr);
oh_status_t oh_pages_free_shown(void *ptr);
bool oh_pages_unshow(void const *ptr);
/* Gives back the memory of [ptr + offset, + size) inside a live run and keeps the addresses: it
   reads as zeros when touched again, and is readable and writable whatever it was before. Only
   whole pages within the span are given back; *given is their number of bytes. OH_INVALID_SIZE: the
   span ends behind the run. OH_NO_MEMORY: the system refused. */
oh_status_t oh_pages_decommit(void *ptr, size_t offset, size_t size, size_t *given);
/* Sets what may be done with the whole pages of [ptr + offset, + size), both multiples of the page
   size (else OH_INVALID_SIZE). access: an os_access_t. OH_NO_MEMORY: the system refused. */
oh_status_t oh_pages_protect(void *ptr, size_t offset, size_t size, int access);
/* As with oh_libc_vtable, a size of 0 says that the alignment is not known either. */
extern oh_vtable_t const oh_pages_vtable;

#ifdef __cplusplus
}
#endif

#endif
