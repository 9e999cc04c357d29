/* libc.c: the C heap as an allocator.

   A block is tagged in the live map after malloc and taken out before free. Taking is what decides:
   of several threads that free, move, resize or ask about the same block, one makes its tag
   OH_TAG_BUSY and goes on; the others wait for the new tag, which comes some nanoseconds later, and
   are refused if the block is freed then. What has to be asked of the heap itself (how large is the
   block?) is asked while the block is taken, because the answer is read from memory that another
   thread could otherwise free meanwhile.

   Costs over bare malloc and free: about 1 ns to tag, 6 ns to take. */

#include "libc.h"

#include <string.h>

#include "door.h"
#include "live_map.h"
#include "os.h"

#ifdef _MSC_VER
#include <intrin.h>
#endif

/* ---- Tags ------------------------------------------------------------------------------------ */

static unsigned log2_of(size_t pow2) {
#if defined(_MSC_VER) && defined(_WIN64)
  unsigned long bit;
  _BitScanForward64(&bit, pow2);
  return bit;
#elif defined(_MSC_VER)
  unsigned long bit;
  _BitScanForward(&bit, pow2);
  return bit;
#else
  return (unsigned)__builtin_ctzll(pow2);
#endif
}

/* Never OH_TAG_FREED for a block that there is: see OS_HEAP_MAX_ALIGN. */
static oh_tag_t tag_of(size_t align) {
  return (oh_tag_t)(1 + log2_of(align));
}

static size_t tag_align(oh_tag_t tag) {
  return (size_t)1 << ((tag & OH_TAG_ALIGN) - 1);
}

static bool tag_raw(oh_tag_t tag) {
  return (tag & OH_TAG_RAW) != 0;
}

static size_t usable_of(void *ptr, oh_tag_t tag) {
  return os_heap_usable(ptr, tag_align(tag), tag_raw(tag));
}

/* Why a block with this tag may not be freed or moved by a caller who names align. */
static inline oh_status_t judge(oh_tag_t tag, size_t align) {
  if (tag == 0) return OH_INVALID_POINTER;
  if (tag == OH_TAG_FREED) return OH_DOUBLE_FREE;
  /* malloc is not told an alignment, so there is none to compare with. */
  bool const any = align == 0 || (tag_raw(tag) && oh_is_pow2(align) && align <= OS_HEAP_ALIGN);
  if (!any && align != tag_align(tag)) return OH_INVALID_ALIGN;
  return (tag & OH_TAG_SHOWN) != 0 ? OH_SHOWN : OH_OK;
}

/* ---- Taking ---------------------------------------------------------------------------------- */

typedef struct taken {
  oh_live_slot_t *slot;
  oh_tag_t tag; /* what it was before it became OH_TAG_BUSY */
} taken_t;

/* The tag once nobody is busy with the block. Whoever is holds it for one call into the heap. */
static inline oh_tag_t settled(oh_live_slot_t *slot) {
  oh_tag_t tag;
  while ((tag = oh_live_slot_get(slot)) == OH_TAG_BUSY) os_yield();
  return tag;
}

/* Makes a block busy that judge() finds to be as wanted. Then put_back() or strike_out(). */
static inline oh_status_t take_as(oh_status_t wanted, void const *ptr, size_t align, taken_t *out) {
  out->slot = oh_live_slot(ptr);
  do {
    out->tag = settled(out->slot);
    oh_status_t const status = judge(out->tag, align);
    if (status != wanted) return status;
  } while (!oh_live_slot_replace(out->slot, out->tag, OH_TAG_BUSY));
  return wanted;
}

static inline void put_back(taken_t const *block) {
  oh_live_slot_set(block->slot, block->tag);
}

/* The block counts as freed. Before the heap can give its address to another thread. */
static inline void strike_out(taken_t const *block) {
  oh_live_slot_set(block->slot, OH_TAG_FREED);
}

/* On OH_OK the block is the caller's alone and counts as freed. */
static inline oh_status_t take(void *ptr, size_t size, size_t align, taken_t *out) {
  oh_status_t const status = take_as(OH_OK, ptr, align, out);
  if (status != OH_OK) return status;
  if (size > 0 && size > usable_of(ptr, out->tag)) {
    put_back(out);
    return OH_INVALID_SIZE;
  }
  strike_out(out);
  return OH_OK;
}

/* ---- Allocating and freeing ------------------------------------------------------------------ */

/* The other half of every allocation. A block that cannot be tagged could never be freed. */
static inline void *adopt(void *ptr, oh_tag_t tag) {
  if (ptr == NULL || oh_live_insert(ptr, tag)) return ptr;
  os_heap_free(ptr, tag_raw(tag));
  return NULL;
}

void *oh_libc_alloc(size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  return adopt(os_heap_alloc(size + (size == 0), align), tag_of(align));
}

void *oh_libc_alloc_raw(size_t size) {
  oh_tag_t const tag = (oh_tag_t)(OH_TAG_RAW | tag_of(OS_HEAP_ALIGN));
  return adopt(os_heap_alloc_raw(size + (size == 0)), tag);
}

oh_status_t oh_libc_free(void *ptr, size_t size, size_t align) {
  taken_t block;
  oh_status_t const status = take(ptr, size, align, &block);
  if (status == OH_OK) os_heap_free(ptr, tag_raw(block.tag));
  return status;
}

size_t oh_libc_usable_size(void const *ptr) {
  taken_t block;
  oh_status_t wanted = OH_OK;
  oh_status_t status;
  /* Shown or not, and either may change meanwhile. */
  while ((status = take_as(wanted, ptr, 0, &block)) != wanted) {
    if (status != OH_OK && status != OH_SHOWN) return 0;
    wanted = status;
  }
  size_t const usable = usable_of((void *)(uintptr_t)ptr, block.tag);
  put_back(&block);
  return usable;
}

bool oh_libc_owns(void const *ptr) {
  oh_status_t const status = judge(settled(oh_live_slot(ptr)), 0);
  return status == OH_OK || status == OH_SHOWN;
}

/* ---- Resizing -------------------------------------------------------------------------------- */

oh_status_t oh_libc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) {
  *resized = false;
  taken_t block;
  oh_status_t const status = take_as(OH_OK, ptr, align, &block);
  if (status != OH_OK) return status;
  size_t const usable = usable_of(ptr, block.tag);
  put_back(&block);
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
  taken_t block;
  oh_status_t const status = take(ptr, size, align, &block);
  if (status != OH_OK) return status;
  bool const raw = tag_raw(block.tag);
  size_t const kept = tag_align(block.tag);
  new_size += new_size == 0;
  void *const at = kept > OS_HEAP_ALIGN ? realloc_aligned(ptr, size, new_size, kept)
                                        : os_heap_realloc(ptr, new_size, kept, raw);
  if (at == NULL || at == ptr) {
    oh_live_slot_set(block.slot, block.tag);
  } else {
    /* Without address space for a new leaf the block cannot be tagged any more, nor moved back. It
       is handed out all the same: its bytes are safe, a later free is refused, and it leaks. */
    (void)oh_live_insert(at, block.tag);
  }
  *moved = at;
  return OH_OK;
}

/* ---- Shown blocks ---------------------------------------------------------------------------- */

/* Gives a block that judge() finds to be as wanted another tag. */
static bool retag(void const *ptr, oh_status_t wanted, oh_tag_t without, oh_tag_t with) {
  taken_t block;
  if (take_as(wanted, ptr, 0, &block) != wanted) return false;
  block.tag = (oh_tag_t)((block.tag & ~without) | with);
  put_back(&block);
  return true;
}

bool oh_libc_show(void const *ptr) {
  return retag(ptr, OH_OK, 0, OH_TAG_SHOWN);
}

bool oh_libc_unshow(void const *ptr) {
  return retag(ptr, OH_SHOWN, OH_TAG_SHOWN, 0);
}

oh_status_t oh_libc_free_shown(void *ptr) {
  taken_t block;
  oh_status_t const status = take_as(OH_SHOWN, ptr, 0, &block);
  if (status != OH_SHOWN) return status == OH_OK ? OH_INVALID_POINTER : status;
  strike_out(&block);
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
