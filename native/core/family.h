/* family.h: the functions of a malloc in some shared library: malloc, free and their kin, with a
   prefix to their names (mi_, je_, tc_) or none.

   All blocks are at multiples of OS_HEAP_ALIGN, whatever the library itself aligns to, so that the
   live map can hold them. No call here looks whether a pointer is a block: dynamic.c has done so.

   Safe from any thread, as the libraries are. Costs: the library's own. */

#ifndef OH_FAMILY_H
#define OH_FAMILY_H

#include "extent_map.h"
#include "os.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_family {
  /* The two that must be there, and of the three below at least one. */
  void *(*malloc)(size_t size);
  void (*free)(void *ptr);
  int (*posix_memalign)(void **ptr, size_t align, size_t size);
  void *(*memalign)(size_t align, size_t size);
  void *(*aligned_alloc)(size_t align, size_t size);
  size_t (*usable_size)(void const *ptr); /* NULL: sizes are kept in the table below         */
  /* Ways to hand back what is free; NULL where there is none. */
  int (*malloc_trim)(size_t pad);                                              /* glibc      */
  int (*mallctl)(char const *name, void *old, size_t *old_size, void *, size_t); /* jemalloc */
  void (*collect)(bool force);                                                 /* mimalloc   */
  void (*release)(void);                                                       /* tcmalloc   */
  os_mutex_t lock;       /* of the table                                                     */
  oh_extent_map_t sizes; /* of live blocks, where the library does not tell them             */
} oh_family_t;

/* Looks the functions up by their names. The library must define each itself: the malloc of a C
   library that it depends on is none of its own. NULL: found; otherwise the name of one that is
   missing, without the prefix. The prefix may be 64 bytes long. */
char const *oh_family_find(oh_family_t *family, void *library, char const *prefix);

/* At least size bytes at a multiple of align, a power of two. NULL: out of memory. */
void *oh_family_alloc(oh_family_t *family, size_t size, size_t align);
void oh_family_free(oh_family_t *family, void *ptr);
/* Of a live block: at least what it was asked for with. */
size_t oh_family_usable_size(oh_family_t *family, void *ptr);
/* false: the library has no way to, or says that it had nothing to give. */
bool oh_family_trim(oh_family_t *family);

#ifdef __cplusplus
}
#endif

#endif
