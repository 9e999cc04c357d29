/* gc.c: the blocks of the collected heap. gc_collector.c says how it is collected.

   Everything is done under one lock, so that a block is its caller's before anybody else can
   collect, and a wrong address is refused by the table (gc_blocks.h) before libgc sees it: GC_free
   of what is no block would end the process.

   libgc aligns to 16. For more, a block is that much longer and starts at the first multiple
   inside; it is still found by its address, because libgc is told that addresses inside a block
   count.

   Costs: 0.1 microseconds for alloc and free together, a third of it libgc's; the rest is the lock
   and the table. */

#include "gc.h"

#include <string.h>

#include "door.h"
#include "gc_internal.h"

/* Bytes that no system has, and that can be added to without care. */
#define MOST ((size_t)PTRDIFF_MAX / 4)
/* libgc zeroes blocks by writing to them, which takes memory that the caller may never touch.
   Larger blocks than this come from the system as a rule, and are left as they are. */
#define ZEROED ((size_t)64 << 20)
/* Bytes with handles that have come or gone before it is worth telling. */
#define TELLING ((int64_t)4 << 20)
/* What libgc aligns every block to. */
#define BLOCK_ALIGN ((size_t)16)

static oh_gc_heap_t *const heap = &oh_gc_heap;

/* ---- Under the lock -------------------------------------------------------------------------- */

static oh_gc_block_t *live_at(void const *ptr) {
  oh_gc_block_t *const block = oh_gc_blocks_find(&heap->blocks, ptr);
  return block != NULL && block->live ? block : NULL;
}

/* Is this address in a live block? That starts where libgc's does, or at one of the first multiples
   of powers of two in there. */
static bool is_inside(char const *ptr) {
  char *const base = heap->library.base((void *)(uintptr_t)ptr);
  if (base == NULL) return false;
  for (size_t align = BLOCK_ALIGN; align <= MOST; align *= 2) {
    size_t const start = (size_t)(0 - (uintptr_t)base) & (align - 1);
    if (start > (size_t)(ptr - base)) return false;
    oh_gc_block_t const *const block = live_at(base + start);
    if (block != NULL) return ptr < block->ptr + block->usable;
  }
  return false;
}

/* Another block may lie by now where this one was. */
static oh_status_t judge_dead(oh_gc_block_t const *block) {
  return block->shown == 0 && is_inside(block->ptr) ? OH_INVALID_POINTER : OH_DOUBLE_FREE;
}

/* For what changes or ends a block. */
static oh_status_t find(void const *ptr, size_t size, size_t align, oh_gc_block_t **block) {
  *block = oh_gc_blocks_find(&heap->blocks, ptr);
  if (*block == NULL) return OH_INVALID_POINTER;
  if (!(*block)->live) return judge_dead(*block);
  if (align != 0 && align != (*block)->align) return OH_INVALID_ALIGN;
  return size > (*block)->usable ? OH_INVALID_SIZE : OH_OK;
}

static char *allocate(oh_gc_owner_t const *owner, size_t bytes) {
  if (owner->options.pointer_free) return heap->library.malloc_atomic(bytes);
  if (bytes > ZEROED) return heap->library.generic_malloc(bytes, heap->uncleared);
  return heap->library.malloc(bytes);
}

/* A block is the caller's until the lock is let go of: only then can another thread collect. */
static oh_gc_block_t *make(uint32_t number, size_t size, size_t align) {
  oh_gc_owner_t const *const owner = oh_gc_owner_at(number);
  if (!heap->opened || owner == NULL || owner->ended || !oh_is_pow2(align)) return NULL;
  if (size > MOST || align > MOST || !oh_gc_blocks_reserve(&heap->blocks)) return NULL;
  size_t const slack = align > BLOCK_ALIGN ? align - BLOCK_ALIGN : 0;
  size_t const bytes = size + (size == 0) + slack;
  oh_gc_block_t block = {0};
  block.base = allocate(owner, bytes);
  if (block.base == NULL) {
    oh_gc_out_of_memory();
    return NULL;
  }
  block.ptr = block.base + ((size_t)(0 - (uintptr_t)block.base) & (align - 1));
  block.size = size;
  /* The last byte is there so that the address behind the end is still one inside. */
  block.usable = heap->library.size(block.base) - 1 - (size_t)(block.ptr - block.base);
  block.align = align;
  block.serial = ++heap->serial;
  block.owner = number;
  block.raw = true;
  block.live = true;
  oh_gc_blocks_put(&heap->blocks, &block);
  oh_gc_owner_gain(oh_gc_owner_at(number), size, block.usable);
  return oh_gc_blocks_find(&heap->blocks, block.ptr);
}

static void set_handle(oh_gc_block_t *block, bool handle) {
  oh_gc_owner_t *const owner = oh_gc_owner_at(block->owner);
  if (handle && !block->handle) owner->handled += block->usable;
  if (!handle && block->handle) owner->handled -= block->usable;
  block->handle = handle;
}

/* Gives the memory back, or leaves that to the last buffer that shows it. */
static void end(oh_gc_block_t *block) {
  set_handle(block, false);
  if (block->live) oh_gc_owner_lose(oh_gc_owner_at(block->owner), block->size, block->usable);
  block->live = false;
  if (block->shown > 0) {
    oh_gc_blocks_update(&heap->blocks, block);
    return;
  }
  oh_gc_blocks_kill(&heap->blocks, block);
  heap->library.free(block->base);
}

/* ---- Allocating and freeing ------------------------------------------------------------------ */

void *oh_gc_alloc(uint32_t owner, size_t size, size_t align) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t const *const block = make(owner, size, align);
  void *const ptr = block == NULL ? NULL : block->ptr;
  os_mutex_unlock(&heap->lock);
  return ptr;
}

oh_status_t oh_gc_free(void *ptr, size_t size, size_t align) {
  oh_gc_block_t *block;
  os_mutex_lock(&heap->lock);
  oh_status_t status = find(ptr, size, align, &block);
  if (status == OH_OK && block->shown > 0) status = OH_SHOWN;
  if (status == OH_OK) end(block);
  os_mutex_unlock(&heap->lock);
  return status;
}

static void set_size(oh_gc_block_t *block, size_t size) {
  oh_gc_owner_resize(oh_gc_owner_at(block->owner), block->size, size);
  block->size = size;
}

oh_status_t oh_gc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) {
  oh_gc_block_t *block;
  os_mutex_lock(&heap->lock);
  oh_status_t const status = find(ptr, size, align, &block);
  *resized = status == OH_OK && new_size <= block->usable;
  if (*resized) set_size(block, new_size);
  os_mutex_unlock(&heap->lock);
  return status;
}

/* To the holders of the old block, but for its handle, it is as if it were freed. While the new one
   is allocated a collection may come, and the table may be rebuilt. */
static oh_gc_block_t *move(oh_gc_block_t *from, size_t new_size) {
  void const *const ptr = from->ptr;
  from->holds++;
  oh_gc_blocks_update(&heap->blocks, from);
  oh_gc_block_t *const to = make(from->owner, new_size, from->align);
  oh_gc_block_t *const old = live_at(ptr);
  old->holds--;
  oh_gc_blocks_update(&heap->blocks, old);
  if (to == NULL) return NULL;
  memcpy(to->ptr, old->ptr, old->size < new_size ? old->size : new_size);
  end(old);
  return to;
}

oh_status_t oh_gc_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved) {
  *moved = NULL;
  oh_gc_block_t *block;
  os_mutex_lock(&heap->lock);
  oh_status_t status = find(ptr, size, align, &block);
  if (status == OH_OK && block->shown > 0) status = OH_SHOWN;
  if (status == OH_OK) {
    bool const fits = new_size <= block->usable;
    oh_gc_block_t *to = fits && new_size > block->usable / 2 ? NULL : move(block, new_size);
    if (to == NULL && fits) set_size(to = live_at(ptr), new_size);
    if (to != NULL) {
      to->raw = true;
      oh_gc_blocks_update(&heap->blocks, to);
      *moved = to->ptr;
    }
  }
  os_mutex_unlock(&heap->lock);
  return status;
}

size_t oh_gc_usable_size(void const *ptr) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t const *const block = live_at(ptr);
  size_t const usable = block == NULL ? 0 : block->usable;
  os_mutex_unlock(&heap->lock);
  return usable;
}

bool oh_gc_owns(void const *ptr) {
  return oh_gc_usable_size(ptr) > 0;
}

/* ---- Who holds a block ----------------------------------------------------------------------- */

static bool finds_leaks(oh_gc_block_t const *block) {
  return oh_gc_owner_at(block->owner)->options.find_leaks;
}

static int64_t change_of(oh_gc_owner_t *owner) {
  int64_t const change = (int64_t)(owner->handled - owner->reported);
  if (change < TELLING && change > -TELLING) return 0;
  owner->reported = owner->handled;
  return change;
}

uint64_t oh_gc_adopt(void const *ptr, int64_t *change) {
  *change = 0;
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  uint64_t const serial = block == NULL ? 0 : block->serial;
  if (block != NULL) {
    block->raw = finds_leaks(block);
    set_handle(block, true);
    *change = change_of(oh_gc_owner_at(block->owner));
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
  return serial;
}

void oh_gc_drop(void const *ptr, uint64_t serial) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  if (block != NULL && block->serial == serial) {
    set_handle(block, false);
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
}

bool oh_gc_let_go(void const *ptr) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  if (block != NULL) {
    block->raw = finds_leaks(block);
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
  return block != NULL;
}

uint64_t oh_gc_hold(void const *ptr) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  uint64_t const serial = block == NULL || block->holds == UINT32_MAX ? 0 : block->serial;
  if (serial != 0) {
    block->holds++;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
  return serial;
}

void oh_gc_unhold(void const *ptr, uint64_t serial) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  if (block != NULL && block->serial == serial && block->holds > 0) {
    block->holds--;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
}

bool oh_gc_show(void const *ptr) {
  os_mutex_lock(&heap->lock);
  oh_gc_block_t *const block = live_at(ptr);
  bool const shown = block != NULL && block->shown < UINT32_MAX;
  if (shown) {
    block->shown++;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
  return shown;
}

/* Of a block that was freed meanwhile the last buffer frees the memory. */
static bool unshow(oh_gc_block_t *block, bool also_free) {
  if (block == NULL || block->shown == 0) return false;
  block->shown--;
  if (also_free || !block->live) {
    end(block);
  } else {
    oh_gc_blocks_update(&heap->blocks, block);
  }
  return true;
}

bool oh_gc_unshow(void const *ptr) {
  os_mutex_lock(&heap->lock);
  bool const was = unshow(oh_gc_blocks_find(&heap->blocks, ptr), false);
  os_mutex_unlock(&heap->lock);
  return was;
}

oh_status_t oh_gc_free_shown(void *ptr) {
  os_mutex_lock(&heap->lock);
  bool const was = unshow(oh_gc_blocks_find(&heap->blocks, ptr), true);
  os_mutex_unlock(&heap->lock);
  return was ? OH_OK : OH_INVALID_POINTER;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static uint32_t owner_of(void const *self) {
  return (uintptr_t)self < OH_GC_NO_OWNER ? (uint32_t)(uintptr_t)self : OH_GC_NO_OWNER;
}

static bool accepted(oh_status_t status) {
  return oh_accepted(status == OH_OK);
}

static void *door_alloc(void *self, size_t size, size_t align) {
  return oh_gc_alloc(owner_of(self), size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  bool resized;
  return accepted(oh_gc_resize(ptr, size, size == 0 ? 0 : align, new_size, &resized)) && resized;
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  void *moved;
  (void)accepted(oh_gc_remap(ptr, size, size == 0 ? 0 : align, new_size, &moved));
  return moved;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  (void)self;
  (void)accepted(oh_gc_free(ptr, size, size == 0 ? 0 : align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  (void)self;
  return oh_gc_usable_size(ptr);
}

oh_vtable_t const oh_gc_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
