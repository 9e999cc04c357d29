/* family.c: the functions of a malloc in some shared library; family.h says which.

   realloc is not among them. It would keep neither an alignment nor, in some libraries, the 16
   bytes that all blocks here are aligned to, and could then not be undone; and what it saves is a
   copy that mimalloc and tcmalloc make themselves.

   A library that does not tell the size of a block has it kept here, outside the block, in a table
   behind a lock: about 12 ns more for each allocation and each free, if no other thread waits. */

#include "family.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_PREFIX 64
#define LONGEST_NAME (LONGEST_PREFIX + 40)

/* jemalloc: MALLCTL_ARENAS_ALL, since version 5. */
#define PURGE_ALL_ARENAS "arena.4096.purge"

/* ---- Finding the functions ------------------------------------------------------------------- */

static os_function_t *find(void *library, char const *prefix, char const *name) {
  char full[LONGEST_NAME];
  int const length = snprintf(full, sizeof full, "%s%s", prefix, name);
  if (length < 0 || (size_t)length >= sizeof full) return NULL;
  return os_library_symbol(library, full);
}

/* Into a member of whatever function type: all have one size, which POSIX and Windows promise. */
static bool look_up(void *member, void *library, char const *prefix, char const *name) {
  os_function_t *const found = find(library, prefix, name);
  memcpy(member, &found, sizeof found);
  return found != NULL;
}

char const *oh_family_find(oh_family_t *family, void *library, char const *prefix) {
  static os_mutex_t const unlocked = OS_MUTEX_INIT;
  memset(family, 0, sizeof *family);
  family->lock = unlocked;
  if (strlen(prefix) > LONGEST_PREFIX) return "malloc";
  if (!look_up(&family->malloc, library, prefix, "malloc")) return "malloc";
  if (!look_up(&family->free, library, prefix, "free")) return "free";
  bool const aligned = look_up(&family->posix_memalign, library, prefix, "posix_memalign") ||
                       look_up(&family->memalign, library, prefix, "memalign") ||
                       look_up(&family->aligned_alloc, library, prefix, "aligned_alloc");
  if (!aligned) return "posix_memalign";
  (void)(look_up(&family->usable_size, library, prefix, "malloc_usable_size") ||
         look_up(&family->usable_size, library, prefix, "usable_size") ||
         look_up(&family->usable_size, library, prefix, "malloc_size"));
  (void)look_up(&family->malloc_trim, library, prefix, "malloc_trim");
  (void)look_up(&family->mallctl, library, prefix, "mallctl");
  /* Of one name whatever the prefix: these libraries export their malloc under two. */
  (void)look_up(&family->collect, library, "", "mi_collect");
  (void)look_up(&family->release, library, "", "MallocExtension_ReleaseFreeMemory");
  return NULL;
}

/* ---- Sizes that the library does not tell ---------------------------------------------------- */

static bool remember(oh_family_t *family, void *ptr, size_t size) {
  if (family->usable_size != NULL) return true;
  oh_extent_t block = {0};
  block.ptr = ptr;
  block.size = size;
  os_mutex_lock(&family->lock);
  bool const room = oh_extent_reserve(&family->sizes);
  if (room) oh_extent_put(&family->sizes, &block);
  os_mutex_unlock(&family->lock);
  return room;
}

static void forget(oh_family_t *family, void *ptr) {
  if (family->usable_size != NULL) return;
  os_mutex_lock(&family->lock);
  oh_extent_t *const block = oh_extent_find(&family->sizes, ptr);
  if (block != NULL && block->live) oh_extent_kill(&family->sizes, block);
  os_mutex_unlock(&family->lock);
}

size_t oh_family_usable_size(oh_family_t *family, void *ptr) {
  if (family->usable_size != NULL) return family->usable_size(ptr);
  os_mutex_lock(&family->lock);
  oh_extent_t const *const block = oh_extent_find(&family->sizes, ptr);
  size_t const size = block != NULL && block->live ? block->size : 0;
  os_mutex_unlock(&family->lock);
  return size;
}

/* ---- Allocating and freeing ------------------------------------------------------------------ */

static bool is_aligned(void const *ptr, size_t align) {
  return ((uintptr_t)ptr & (align - 1)) == 0;
}

static void *alloc_aligned(oh_family_t *family, size_t size, size_t align) {
  if (family->posix_memalign != NULL) {
    void *ptr = NULL;
    return family->posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
  }
  if (family->memalign != NULL) return family->memalign(align, size);
  /* C11 wanted a multiple of the alignment here. */
  return family->aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

/* NULL for what is not where it has to be; the library has it back. */
static void *checked(oh_family_t *family, void *ptr, size_t align) {
  if (ptr == NULL || is_aligned(ptr, align)) return ptr;
  family->free(ptr);
  return NULL;
}

void *oh_family_alloc(oh_family_t *family, size_t size, size_t align) {
  if (align > OS_HEAP_MAX_ALIGN || size > PTRDIFF_MAX - align - OS_HEAP_ALIGN) return NULL;
  if (size < OS_HEAP_ALIGN) size = OS_HEAP_ALIGN;
  if (align < OS_HEAP_ALIGN) align = OS_HEAP_ALIGN;
  void *ptr = NULL;
  if (align == OS_HEAP_ALIGN) ptr = checked(family, family->malloc(size), align);
  if (ptr == NULL) ptr = checked(family, alloc_aligned(family, size, align), align);
  if (ptr == NULL || remember(family, ptr, size)) return ptr;
  family->free(ptr);
  return NULL;
}

void oh_family_free(oh_family_t *family, void *ptr) {
  forget(family, ptr);
  family->free(ptr);
}

bool oh_family_trim(oh_family_t *family) {
  if (family->malloc_trim != NULL) return family->malloc_trim(0) == 1;
  if (family->mallctl != NULL) {
    (void)family->mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    return family->mallctl(PURGE_ALL_ARENAS, NULL, NULL, NULL, 0) == 0;
  }
  if (family->collect != NULL) {
    family->collect(true);
  } else if (family->release != NULL) {
    family->release();
  }
  return family->collect != NULL || family->release != NULL;
}
