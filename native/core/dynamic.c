/* dynamic.c: any malloc in a shared library as an allocator.

   The functions are those of a family (family.h); which of its blocks live is in a live map of the
   heap's own, and live_block.h decides who may free one. So nothing reaches the library that it did
   not hand out through this heap, and a block of one heap is none of another's, even where both are
   over one library.

   Costs over the library's own: about 8 ns for an allocation and its free, as in libc.c. 8 MiB of
   addresses for each heap, of which a page or two are touched, and what live_map.h says for its
   blocks. */

#include "dynamic.h"

#include <stdio.h>
#include <string.h>

#include "door.h"
#include "family.h"
#include "live_block.h"
#include "os.h"

struct oh_dynamic {
  oh_family_t family;
  oh_live_map_t *blocks;
  void *library;
  char *prefix;
  uint32_t number;
  oh_dynamic_t *next; /* opened before this one */
};

/* ---- Opening --------------------------------------------------------------------------------- */

/* Only ever added to, at the front. Whoever adds holds the lock; readers need none. */
static _Atomic(oh_dynamic_t *) heaps;
static os_mutex_t opening = OS_MUTEX_INIT;

static oh_dynamic_t *newest(void) {
  return atomic_load_explicit(&heaps, memory_order_acquire);
}

static oh_dynamic_t *known(void *library, char const *prefix) {
  oh_dynamic_t *heap = newest();
  while (heap != NULL && (heap->library != library || strcmp(heap->prefix, prefix) != 0)) {
    heap = heap->next;
  }
  return heap;
}

static oh_dynamic_t *discard(oh_dynamic_t *heap) {
  os_heap_free(heap, true);
  return NULL;
}

/* NULL: why says so. */
static oh_dynamic_t *make(void *library, char const *prefix, char *why, size_t why_size) {
  size_t const length = strlen(prefix) + 1;
  oh_dynamic_t *const heap = os_heap_alloc_raw(sizeof *heap + length);
  if (heap == NULL) {
    (void)snprintf(why, why_size, "there is no memory to open it");
    return NULL;
  }
  memset(heap, 0, sizeof *heap);
  heap->library = library;
  heap->prefix = memcpy(heap + 1, prefix, length);
  char const *const missing = oh_family_find(&heap->family, library, prefix);
  if (missing != NULL) {
    (void)snprintf(why, why_size, "it defines no function %s%s", prefix, missing);
    return discard(heap);
  }
  heap->blocks = oh_live_map_make();
  if (heap->blocks == NULL) {
    (void)snprintf(why, why_size, "there is no memory to open it");
    return discard(heap);
  }
  heap->next = newest();
  heap->number = heap->next == NULL ? 0 : heap->next->number + 1;
  return heap;
}

oh_dynamic_t *oh_dynamic_open(char const *library, char const *prefix, char *why, size_t why_size) {
  /* Outside of the lock: the library's own code may do anything, and take long. */
  void *const opened = os_library_open(library, why, why_size);
  if (opened == NULL) return NULL;
  os_mutex_lock(&opening);
  oh_dynamic_t *heap = known(opened, prefix);
  if (heap == NULL) {
    heap = make(opened, prefix, why, why_size);
    if (heap != NULL) atomic_store_explicit(&heaps, heap, memory_order_release);
  }
  os_mutex_unlock(&opening);
  return heap;
}

oh_dynamic_t *oh_dynamic_at(uint32_t number) {
  oh_dynamic_t *heap = newest();
  while (heap != NULL && heap->number != number) heap = heap->next;
  return heap;
}

uint32_t oh_dynamic_number(oh_dynamic_t const *heap) {
  return heap->number;
}

/* ---- Allocating and freeing ------------------------------------------------------------------ */

/* On OH_OK the block is the caller's alone and counts as freed. */
static inline oh_status_t take(oh_dynamic_t *heap, void *ptr, size_t size, size_t align,
                               oh_live_taken_t *out) {
  oh_status_t const status = oh_live_take_as(heap->blocks, OH_OK, ptr, align, out);
  if (status != OH_OK) return status;
  if (size > 0 && size > oh_family_usable_size(&heap->family, ptr)) {
    oh_live_put_back(out);
    return OH_INVALID_SIZE;
  }
  oh_live_strike_out(out);
  return OH_OK;
}

void *oh_dynamic_alloc(oh_dynamic_t *heap, size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  void *const ptr = oh_family_alloc(&heap->family, size, align);
  if (ptr == NULL || oh_live_insert(heap->blocks, ptr, oh_live_tag(align))) return ptr;
  /* A block that cannot be tagged could never be freed. */
  oh_family_free(&heap->family, ptr);
  return NULL;
}

oh_status_t oh_dynamic_free(oh_dynamic_t *heap, void *ptr, size_t size, size_t align) {
  oh_live_taken_t block;
  oh_status_t const status = take(heap, ptr, size, align, &block);
  if (status == OH_OK) oh_family_free(&heap->family, ptr);
  return status;
}

bool oh_dynamic_owns(oh_dynamic_t *heap, void const *ptr) {
  return oh_live_owns(heap->blocks, ptr);
}

size_t oh_dynamic_usable_size(oh_dynamic_t *heap, void const *ptr) {
  oh_live_taken_t block;
  if (!oh_live_take_any(heap->blocks, ptr, &block)) return 0;
  size_t const usable = oh_family_usable_size(&heap->family, (void *)(uintptr_t)ptr);
  oh_live_put_back(&block);
  return usable;
}

bool oh_dynamic_trim(oh_dynamic_t *heap) {
  return oh_family_trim(&heap->family);
}

/* ---- Resizing -------------------------------------------------------------------------------- */

oh_status_t oh_dynamic_resize(oh_dynamic_t *heap, void *ptr, size_t size, size_t align,
                              size_t new_size, bool *resized) {
  *resized = false;
  oh_live_taken_t block;
  oh_status_t const status = oh_live_take_as(heap->blocks, OH_OK, ptr, align, &block);
  if (status != OH_OK) return status;
  size_t const usable = oh_family_usable_size(&heap->family, ptr);
  oh_live_put_back(&block);
  if (size > usable) return OH_INVALID_SIZE;
  *resized = new_size <= usable;
  return OH_OK;
}

/* A block that shrinks by less than half stays: copying it would gain little. While this runs the
   old address counts as freed, and nobody else can have it: it goes back to the library last. */
oh_status_t oh_dynamic_remap(oh_dynamic_t *heap, void *ptr, size_t size, size_t align,
                             size_t new_size, void **moved) {
  *moved = NULL;
  oh_live_taken_t block;
  oh_status_t const status = take(heap, ptr, size, align, &block);
  if (status != OH_OK) return status;
  size_t const usable = oh_family_usable_size(&heap->family, ptr);
  void *at = NULL;
  if (new_size > usable || new_size <= usable / 2) {
    at = oh_dynamic_alloc(heap, new_size, oh_live_align(block.tag));
  }
  if (at == NULL) {
    oh_live_put_back(&block);
    *moved = new_size <= usable ? ptr : NULL;
    return OH_OK;
  }
  size_t const kept = size > 0 ? size : usable;
  memcpy(at, ptr, kept < new_size ? kept : new_size);
  oh_family_free(&heap->family, ptr);
  *moved = at;
  return OH_OK;
}

/* ---- Shown blocks ---------------------------------------------------------------------------- */

bool oh_dynamic_show(oh_dynamic_t *heap, void const *ptr) {
  return oh_live_show(heap->blocks, ptr);
}

bool oh_dynamic_unshow(oh_dynamic_t *heap, void const *ptr) {
  return oh_live_unshow(heap->blocks, ptr);
}

oh_status_t oh_dynamic_free_shown(oh_dynamic_t *heap, void *ptr) {
  oh_live_taken_t block;
  oh_status_t const status = oh_live_take_shown(heap->blocks, ptr, &block);
  if (status != OH_OK) return status;
  oh_live_strike_out(&block);
  oh_family_free(&heap->family, ptr);
  return OH_OK;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  return self == NULL ? NULL : oh_dynamic_alloc(self, size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  bool resized = false;
  align = size == 0 ? 0 : align;
  return oh_accepted(self != NULL &&
                     oh_dynamic_resize(self, ptr, size, align, new_size, &resized) == OH_OK) &&
         resized;
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  void *moved = NULL;
  align = size == 0 ? 0 : align;
  (void)oh_accepted(self != NULL &&
                    oh_dynamic_remap(self, ptr, size, align, new_size, &moved) == OH_OK);
  return moved;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  align = size == 0 ? 0 : align;
  (void)oh_accepted(self != NULL && oh_dynamic_free(self, ptr, size, align) == OH_OK);
}

static size_t door_usable_size(void *self, void const *ptr) {
  return self == NULL ? 0 : oh_dynamic_usable_size(self, ptr);
}

oh_vtable_t const oh_dynamic_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
