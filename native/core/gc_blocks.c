/* gc_blocks.c: see gc_blocks.h. The table is at most three quarters full of entries, live or dead.
   When it would be fuller it is rebuilt with what is kept only, at least twice as large as that
   needs: an insertion costs O(1) on average. */

#include "gc_blocks.h"

#include <string.h>

#include "os.h"

#define MIN_CAPACITY 64

/* Fibonacci hashing; blocks start at multiples of 16, so the low 4 bits say nothing. */
static size_t home_of(oh_gc_blocks_t const *blocks, void const *ptr) {
  uint64_t const hash = ((uint64_t)(uintptr_t)ptr >> 4) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 32) & (blocks->capacity - 1);
}

/* The slot of ptr, or the empty one where it belongs. There is always an empty one. */
static oh_gc_block_t *slot_of(oh_gc_blocks_t const *blocks, void const *ptr) {
  size_t at = home_of(blocks, ptr);
  while (blocks->slots[at].ptr != NULL && blocks->slots[at].ptr != ptr) {
    at = (at + 1) & (blocks->capacity - 1);
  }
  return &blocks->slots[at];
}

oh_gc_block_t *oh_gc_blocks_find(oh_gc_blocks_t const *blocks, void const *ptr) {
  if (blocks->capacity == 0 || ptr == NULL) return NULL;
  oh_gc_block_t *const slot = slot_of(blocks, ptr);
  return slot->ptr == NULL ? NULL : slot;
}

static bool is_held(oh_gc_block_t const *block) {
  if (block->shown > 0) return true;
  bool const raw = block->raw && !block->weighed;
  return block->live && (raw || block->handle || block->holds > 0);
}

void oh_gc_blocks_update(oh_gc_blocks_t *blocks, oh_gc_block_t *block) {
  blocks->roots[block - blocks->slots] = is_held(block) ? block->base : NULL;
}

void oh_gc_blocks_put(oh_gc_blocks_t *blocks, oh_gc_block_t const *block) {
  oh_gc_block_t *const slot = slot_of(blocks, block->ptr);
  if (slot->ptr == NULL) blocks->taken++;
  *slot = *block;
  blocks->kept++;
  oh_gc_blocks_update(blocks, slot);
}

void oh_gc_blocks_kill(oh_gc_blocks_t *blocks, oh_gc_block_t *block) {
  block->live = false;
  block->shown = 0;
  blocks->kept--;
  oh_gc_blocks_update(blocks, block);
}

static bool rebuild(oh_gc_blocks_t *blocks, size_t capacity) {
  if (capacity > SIZE_MAX / sizeof(oh_gc_block_t)) return false;
  size_t const bytes = capacity * sizeof(oh_gc_block_t);
  size_t const root_bytes = capacity * sizeof(void *);
  oh_gc_blocks_t next = {NULL, NULL, 0, 0, 0};
  next.slots = os_heap_alloc_raw(bytes);
  next.roots = os_heap_alloc_raw(root_bytes);
  next.capacity = capacity;
  if (next.slots == NULL || next.roots == NULL) {
    os_heap_free(next.slots, true);
    os_heap_free(next.roots, true);
    return false;
  }
  memset(next.slots, 0, bytes);
  memset(next.roots, 0, root_bytes);
  for (size_t i = 0; i < blocks->capacity; i++) {
    oh_gc_block_t const *const block = &blocks->slots[i];
    if (block->ptr != NULL && (block->live || block->shown > 0)) oh_gc_blocks_put(&next, block);
  }
  os_heap_free(blocks->slots, true);
  os_heap_free(blocks->roots, true);
  *blocks = next;
  return true;
}

bool oh_gc_blocks_reserve(oh_gc_blocks_t *blocks) {
  if (blocks->taken + 1 <= blocks->capacity / 4 * 3) return true;
  size_t capacity = MIN_CAPACITY;
  while (capacity / 2 < blocks->kept + 1) capacity *= 2;
  return rebuild(blocks, capacity);
}
