/* libc.c: the C heap as an allocator.

   A block is tagged in the live map after malloc and taken out before free; live_block.h tells how
   that is safe from several threads.

   Costs over bare malloc and free: about 1 ns to tag, 6 ns to take. */

#include "libc.h"

#include <string.h>

#include "door.h"
#include "live_block.h"
#include "os.h"

/* ---- Taking ---------------------------------------------------------------------------------- */

static oh_live_map_t *const blocks = &oh_live_libc;

static bool tag_raw(oh_tag_t tag) {
  return (tag & OH_TAG_RAW) != 0;
}

static size_t usable_of(void *ptr, oh_tag_t tag) {
  return os_heap_usable(ptr, oh_live_align(tag), tag_raw(tag));
}

/* On OH_OK the block is the caller's alone and counts as freed. */
static inline oh_status_t take(void *ptr, size_t size, size_t align, oh_live_taken_t *out) {
  oh_status_t const status = oh_live_take_as(blocks, OH_OK, ptr, align, out);
  if (status != OH_OK) return status;
  if (size > 0 && size > usable_of(ptr, out->tag)) {
    oh_live_put_back(out);
    return OH_INVALID_SIZE;
  }
  oh_live_strike_out(out);
  return OH_OK;
}

/* ---- Allocating and freeing ------------------------------------------------------------------ */

/* The other half of every allocation. A block that cannot be tagged could never be freed. */
static inline void *adopt(void *ptr, oh_tag_t tag) {
  if (ptr == NULL || oh_live_insert(blocks, ptr, tag)) return ptr;
  os_heap_free(ptr, tag_raw(tag));
  return NULL;
}

void *oh_libc_alloc(size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  return adopt(os_heap_alloc(size + (size == 0), align), oh_live_tag(align));
}

void *oh_libc_alloc_raw(size_t size) {
  oh_tag_t const tag = (oh_tag_t)(OH_TAG_RAW | oh_live_tag(OS_HEAP_ALIGN));
  return adopt(os_heap_alloc_raw(size + (size == 0)), tag);
}

oh_status_t oh_libc_free(void *ptr, size_t size, size_t align) {
  oh_live_taken_t block;
  oh_status_t const status = take(ptr, size, align, &block);
  if (status == OH_OK) os_heap_free(ptr, tag_raw(block.tag));
  return status;
}

size_t oh_libc_usable_size(void const *ptr) {
  oh_live_taken_t block;
  if (!oh_live_take_any(blocks, ptr, &block)) return 0;
  size_t const usable = usable_of((void *)(uintptr_t)ptr, block.tag);
  oh_live_put_back(&block);
  return usable;
}

bool oh_libc_owns(void const *ptr) {
  return oh_live_owns(blocks, ptr);
}

/* ---- Resizing -------------------------------------------------------------------------------- */

oh_status_t oh_libc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) {
  *resized = false;
  oh_live_taken_t block;
  oh_status_t const status = oh_live_take_as(blocks, OH_OK, ptr, align, &block);
  if (status != OH_OK) return status;
  size_t const usable = usable_of(ptr, block.tag);
  oh_live_put_back(&block);
  if (size > usable) return OH_INVALID_SIZE;
  *resized = new_size <= usable;
  return OH_OK;
}

/* realloc promises no more than malloc's alignment. A block that shrinks by less than half stays:
   copying it would gain little. */
static void *realloc_aligned(void *ptr, size_t size, size_t new_size, size_t align) {
  size_t const usable = os_heap_usable(ptr, align, false);
  if (new_size <= usable && new_size > usable / 2) return ptr;
  void *const moved = os_heap_alloc(new_size, align);
  if (moved == NULL) return new_size <= usable ? ptr : NULL;
  size_t const known = size > 0 ? size : usable;
  memcpy(moved, ptr, known < new_size ? known : new_size);
  os_heap_free(ptr, false);
  return moved;
}

/* The old address counts as freed before the heap can give it to another thread, which may be
   before realloc returns; from then on its tag is that thread's. It is touched again only if the
   block has not moved. */
oh_status_t oh_libc_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved) {
  *moved = NULL;
  oh_live_taken_t block;
  oh_status_t const status = take(ptr, size, align, &block);
  if (status != OH_OK) return status;
  bool const raw = tag_raw(block.tag);
  size_t const kept = oh_live_align(block.tag);
  new_size += new_size == 0;
  void *const at = kept > OS_HEAP_ALIGN ? realloc_aligned(ptr, size, new_size, kept)
                                        : os_heap_realloc(ptr, new_size, kept, raw);
  if (at == NULL || at == ptr) {
    oh_live_slot_set(block.slot, block.tag);
  } else {
    /* Without address space for a new leaf the block cannot be tagged any more, nor moved back. It
       is handed out all the same: its bytes are safe, a later free is refused, and it leaks. */
    (void)oh_live_insert(blocks, at, block.tag);
  }
  *moved = at;
  return OH_OK;
}

/* ---- Shown blocks ---------------------------------------------------------------------------- */

bool oh_libc_show(void const *ptr) {
  return oh_live_show(blocks, ptr);
}

bool oh_libc_unshow(void const *ptr) {
  return oh_live_unshow(blocks, ptr);
}

oh_status_t oh_libc_free_shown(void *ptr) {
  oh_live_taken_t block;
  oh_status_t const status = oh_live_take_shown(blocks, ptr, &block);
  if (status != OH_OK) return status;
  oh_live_strike_out(&block);
  os_heap_free(ptr, tag_raw(block.tag));
  return OH_OK;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static bool accepted(oh_status_t status) {
  return oh_accepted(status == OH_OK);
}

static void *door_alloc(void *self, size_t size, size_t align) {
  (void)self;
  return oh_libc_alloc(size, align);
}

static void *door_alloc_raw(void *self, size_t size, size_t align) {
  (void)self;
  return oh_is_pow2(align) && align <= OS_HEAP_ALIGN ? oh_libc_alloc_raw(size) : NULL;
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  bool resized;
  return accepted(oh_libc_resize(ptr, size, size == 0 ? 0 : align, new_size, &resized)) && resized;
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  void *moved;
  (void)accepted(oh_libc_remap(ptr, size, size == 0 ? 0 : align, new_size, &moved));
  return moved;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  (void)self;
  (void)accepted(oh_libc_free(ptr, size, size == 0 ? 0 : align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  (void)self;
  return oh_libc_usable_size(ptr);
}

oh_vtable_t const oh_libc_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};

oh_vtable_t const oh_libc_raw_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc_raw,   door_resize,
    door_remap,     door_free,           door_usable_size,
};
