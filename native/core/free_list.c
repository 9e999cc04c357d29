/* free_list.c: the free list: addresses, sizes and alignments. The granules that they stand for are
   in free_list_granules.c, the tree that finds holes is in free_list_tree.c.

   Costs: tens of ns, O(log n) in the capacity. Memory: up to 15 bytes more than was asked for, and
   for the state a twentieth of what was in use. */

#include "free_list.h"

#include "door.h"
#include "free_list_granules.h"
#include "free_list_tree.h"

_Static_assert(sizeof(oh_free_list_t) == 82 * sizeof(uint32_t), "the lines start at word 82");
_Static_assert(offsetof(oh_free_list_t, used) == 20, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_free_list_t, base_lo) == 36, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_free_list_t, hints) == 44, "words in the order that TypeScript knows");
_Static_assert(sizeof(oh_free_list_line_t) == 6 * sizeof(uint32_t), "a line is six words");
_Static_assert(sizeof(oh_free_list_node_t) == 2 * sizeof(uint32_t), "a node is two words");

/* ---- The state ------------------------------------------------------------------------------- */

/* Words of a state, and of it those before the tree and the one over all of that. */
typedef struct plan {
  size_t words;
  uint32_t tree;
  uint32_t root;
} plan_t;

/* For so many bytes from the first granule on. */
static plan_t plan_for(uint32_t bytes) {
  uint32_t const top = bytes / GRANULE + (bytes % GRANULE != 0);
  uint32_t const groups = (top >> GROUP_SHIFT) + 1;
  /* One line more, because lengths are read a line ahead. */
  uint32_t const lines = groups * GROUP_LINES + 1;
  uint32_t const line_words = sizeof(oh_free_list_line_t) / sizeof(uint32_t);
  uint32_t const node_words = sizeof(oh_free_list_node_t) / sizeof(uint32_t);
  uint32_t root;
  size_t const nodes = oh_holes_plan(groups, &root);
  plan_t plan;
  plan.tree = (uint32_t)(sizeof(oh_free_list_t) / sizeof(uint32_t)) + lines * line_words;
  plan.root = plan.tree + root * node_words + 1;
  plan.words = plan.tree + nodes * node_words;
  return plan;
}

static uint32_t bytes_of(size_t capacity) {
  return (uint32_t)(capacity < OH_MAX_CAPACITY ? capacity : OH_MAX_CAPACITY);
}

size_t oh_free_list_state_size(size_t capacity) {
  return plan_for(bytes_of(capacity)).words * sizeof(uint32_t);
}

void oh_free_list_init(oh_free_list_t *list, void *base, size_t capacity) {
  uint64_t const address = (uint64_t)(uintptr_t)base;
  uint32_t const skip = (uint32_t)(0 - address) % GRANULE;
  uint32_t const bytes = bytes_of(capacity);
  list->bytes = bytes > skip ? bytes - skip : 0;
  list->limit = list->bytes / GRANULE;
  list->base_lo = (uint32_t)(address + skip);
  list->base_hi = (uint32_t)((address + skip) >> 32);
  plan_t const plan = plan_for(list->bytes);
  list->tree = plan.tree;
  list->root = plan.root;
  oh_granules_clear(list);
}

static uint64_t base_of(oh_free_list_t const *list) {
  return (uint64_t)list->base_hi << 32 | list->base_lo;
}

/* ---- What callers mean ----------------------------------------------------------------------- */

/* The granules of a block. false: no payload has so many. */
static bool want(size_t size, wanted_t *wanted) {
  size += size == 0;
  if (size > OH_MAX_CAPACITY) return false;
  wanted->length = ((uint32_t)size + GRANULE - 1) >> GRANULE_SHIFT;
  wanted->slack = (0 - (uint32_t)size) % GRANULE;
  return true;
}

/* The live block at ptr. false: there is none, or it is not aligned so. */
static bool locate(oh_free_list_t *list, void const *ptr, size_t align, block_t *block) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(list);
  if (distance > UINT32_MAX || distance % GRANULE != 0) return false;
  if (!oh_is_pow2(align) || ((uintptr_t)ptr & (align - 1)) != 0) return false;
  return oh_granules_find(list, (uint32_t)distance >> GRANULE_SHIFT, block);
}

/* The same for a block whose size must be right. */
static bool locate_sized(oh_free_list_t *list, void const *ptr, size_t size, size_t align,
                         block_t *block) {
  return locate(list, ptr, align, block) && block->size == size + (size == 0);
}

/* The same where a size of 0 is not known. */
static bool locate_by_door(oh_free_list_t *list, void const *ptr, size_t size, size_t align,
                           block_t *block) {
  if (list == NULL || !locate(list, ptr, align, block)) return false;
  return size == 0 || block->size == size;
}

static bool resize(oh_free_list_t *list, block_t block, size_t new_size) {
  wanted_t wanted;
  return want(new_size, &wanted) && oh_granules_resize(list, block, wanted);
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_free_list_alloc(oh_free_list_t *list, size_t size, size_t align) {
  wanted_t wanted;
  if (!oh_is_pow2(align) || !want(size, &wanted)) return NULL;
  uint64_t const base = base_of(list);
  uint32_t g;
  if (align <= GRANULE) {
    g = oh_granules_take(list, wanted);
  } else {
    uint64_t const phase = ((0 - base) & (uint64_t)(align - 1)) / GRANULE;
    g = oh_granules_take_aligned(list, wanted, align / GRANULE, phase);
  }
  return g == NONE ? NULL : (void *)(uintptr_t)(base + (uint64_t)g * GRANULE);
}

bool oh_free_list_resize(oh_free_list_t *list, void *ptr, size_t size, size_t align,
                         size_t new_size) {
  block_t block;
  return locate_sized(list, ptr, size, align, &block) && resize(list, block, new_size);
}

bool oh_free_list_free(oh_free_list_t *list, void *ptr, size_t size, size_t align) {
  block_t block;
  if (!locate_sized(list, ptr, size, align, &block)) return false;
  oh_granules_give(list, block);
  return true;
}

bool oh_free_list_is_free(oh_free_list_t *list, void const *ptr) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(list);
  if (distance % GRANULE != 0 || distance / GRANULE >= list->peak_top) return false;
  return oh_granules_is_vacant(list, (uint32_t)(distance / GRANULE));
}

/* What so many granules take, with their share of the state; the last may be a short one. */
static uint64_t footprint(oh_free_list_t const *list, uint32_t top) {
  uint64_t const bytes = (uint64_t)top * GRANULE;
  uint64_t const lines = ((uint64_t)top + LINE_GRANULES - 1) / LINE_GRANULES;
  uint64_t const nodes = ((uint64_t)top + (1u << GROUP_SHIFT) - 1) >> GROUP_SHIFT;
  uint64_t const tables = lines * sizeof(oh_free_list_line_t) + nodes * sizeof(oh_free_list_node_t);
  return (bytes < list->bytes ? bytes : list->bytes) + sizeof *list + tables;
}

void oh_free_list_read(oh_free_list_t const *list, oh_figures_t *figures) {
  figures->capacity = list->bytes;
  figures->used = list->used;
  figures->peak = list->used > list->peak_used ? list->used : list->peak_used;
  figures->footprint = footprint(list, list->top);
  figures->peak_footprint = footprint(list, list->peak_top);
}

void oh_free_list_reset(oh_free_list_t *list) {
  if (list->used > list->peak_used) list->peak_used = list->used;
  oh_granules_clear(list);
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  return self == NULL ? NULL : oh_free_list_alloc((oh_free_list_t *)self, size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_free_list_t *const list = (oh_free_list_t *)self;
  block_t block;
  return locate_by_door(list, ptr, size, align, &block) && resize(list, block, new_size);
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  oh_free_list_t *const list = (oh_free_list_t *)self;
  block_t block;
  if (!oh_accepted(locate_by_door(list, ptr, size, align, &block))) return;
  oh_granules_give(list, block);
}

static size_t door_usable_size(void *self, void const *ptr) {
  block_t block;
  return locate_by_door((oh_free_list_t *)self, ptr, 0, 1, &block) ? block.size : 0;
}

oh_vtable_t const oh_free_list_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
