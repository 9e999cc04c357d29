/* pool.c: the pool strategy.

   Each block has a bit beside the payload that says whether it is free. An allocation takes the
   lowest free bit of the current group of 32 blocks; when a group has none left, it goes on with
   the one in which a block was freed last, and begins a new one when there is none.

   From an address to the number of its block without a division: see oh_pool_t.

   Costs: about 3 ns to allocate, and 3 to 5 to free. Memory: 12 bytes for 32 blocks. */

#include "pool.h"

#include "bits.h"
#include "door.h"

_Static_assert(sizeof(oh_pool_t) == 17 * sizeof(uint32_t), "the state is seventeen words");
_Static_assert(offsetof(oh_pool_t, blocks) == 12, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_pool_t, base_lo) == 32, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_pool_t, last) == 64, "words in the order that TypeScript knows");
_Static_assert(sizeof(oh_pool_group_t) == 3 * sizeof(uint32_t), "a group is three words");

#define LEAST_BLOCK 8
#define NO_BLOCK 0xffffffffu /* no index of a block                                             */

/* ---- Bits ------------------------------------------------------------------------------------ */

/* The lowest count bits, up to 32. */
static uint32_t low_bits(uint32_t count) {
  return count >= 32 ? UINT32_MAX : (1u << count) - 1;
}

static uint32_t rotate_right(uint32_t x, uint32_t by) {
  return x >> (by & 31) | x << ((32 - by) & 31);
}

static uint32_t bit_of(uint32_t index) {
  return 1u << (index & 31);
}

/* The inverse of an odd number modulo 2^32, by Newton's iteration: each step doubles the bits. */
static uint32_t inverse_of(uint32_t odd) {
  uint32_t inverse = odd;
  for (unsigned bits = 3; bits < 32; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}

/* ---- Making one ------------------------------------------------------------------------------ */

/* Bytes from one block to the next. 0: there are no such blocks. */
static uint64_t stride_of(size_t block_size, size_t align) {
  if (!oh_is_pow2(align) || align > OH_MAX_CAPACITY) return 0;
  if (block_size == 0 || block_size > OH_MAX_CAPACITY) return 0;
  uint64_t const size = block_size < LEAST_BLOCK ? LEAST_BLOCK : block_size;
  uint64_t const stride = (size + align - 1) & ~(uint64_t)(align - 1);
  return stride > OH_MAX_CAPACITY ? 0 : stride;
}

size_t oh_pool_fit(void const *base, size_t capacity, size_t block_size, size_t align) {
  uint64_t const stride = stride_of(block_size, align);
  if (stride == 0) return 0;
  if (capacity > OH_MAX_CAPACITY) capacity = OH_MAX_CAPACITY;
  uint64_t const padding = (0 - (uint64_t)(uintptr_t)base) & (uint64_t)(align - 1);
  return padding > capacity ? 0 : (size_t)((capacity - padding) / stride);
}

size_t oh_pool_state_size(size_t most_blocks) {
  size_t const groups = most_blocks / 32 + (most_blocks % 32 != 0);
  return sizeof(oh_pool_t) + groups * sizeof(oh_pool_group_t);
}

bool oh_pool_init(oh_pool_t *pool, void *base, size_t capacity, size_t block_size, size_t align,
                  size_t blocks, size_t most_blocks) {
  if (blocks == 0 || blocks > most_blocks) return false;
  if (most_blocks > oh_pool_fit(base, capacity, block_size, align)) return false;
  uint64_t const address = (uint64_t)(uintptr_t)base;
  uint64_t const first = (address + align - 1) & ~(uint64_t)(align - 1);
  uint32_t const stride = (uint32_t)stride_of(block_size, align);
  pool->head = OH_NO_GROUP;
  pool->begun = 0;
  pool->peak_begun = 0;
  pool->blocks = (uint32_t)blocks;
  pool->most_blocks = (uint32_t)most_blocks;
  pool->live = 0;
  pool->used = 0;
  pool->peak_used = 0;
  pool->base_lo = (uint32_t)first;
  pool->base_hi = (uint32_t)(first >> 32);
  pool->stride = stride;
  pool->shift = lowest_bit(stride);
  pool->inverse = inverse_of(stride >> pool->shift);
  pool->block_size = block_size < LEAST_BLOCK ? LEAST_BLOCK : (uint32_t)block_size;
  pool->align = (uint32_t)align;
  pool->sizes = 0;
  pool->last = 0;
  return true;
}

/* ---- Finding a block ------------------------------------------------------------------------- */

static uint64_t base_of(oh_pool_t const *pool) {
  return (uint64_t)pool->base_hi << 32 | pool->base_lo;
}

static oh_pool_group_t *group_at(oh_pool_t *pool, uint32_t group) {
  return (oh_pool_group_t *)(void *)(pool + 1) + group;
}

static oh_pool_group_t const *group_of(oh_pool_t const *pool, uint32_t index) {
  return (oh_pool_group_t const *)(void const *)(pool + 1) + (index >> 5);
}

/* The index of the block that starts there; where none does it is larger than any. */
static uint32_t index_at(oh_pool_t const *pool, void const *ptr) {
  uint64_t const offset = (uint64_t)(uintptr_t)ptr - base_of(pool);
  if (offset > UINT32_MAX) return NO_BLOCK;
  /* Exact: see oh_pool_t. What is no multiple of the stride comes out larger than any index. */
  return rotate_right((uint32_t)offset * pool->inverse, pool->shift);
}

/* The index of the live block that starts there, or NO_BLOCK. (TypeScript guesses at the block that
   was allocated last; measured here, that gains nothing.) */
static uint32_t find(oh_pool_t const *pool, void const *ptr) {
  uint32_t const index = index_at(pool, ptr);
  if (index >= pool->begun) return NO_BLOCK;
  return (group_of(pool, index)->free & bit_of(index)) == 0 ? index : NO_BLOCK;
}

/* Is this live block one whose size is in the table? */
static bool is_part(oh_pool_t const *pool, uint32_t index) {
  return (group_of(pool, index)->parts & bit_of(index)) != 0;
}

/* The index of the live block that starts there and was asked for whole, with that size and an
   address of that alignment, or NO_BLOCK. */
static uint32_t find_whole(oh_pool_t const *pool, void const *ptr, size_t size, size_t align) {
  if (size != pool->block_size || !oh_is_pow2(align)) return NO_BLOCK;
  if (((uint64_t)(uintptr_t)ptr & (uint64_t)(align - 1)) != 0) return NO_BLOCK;
  uint32_t const index = find(pool, ptr);
  return index == NO_BLOCK || is_part(pool, index) ? NO_BLOCK : index;
}

/* ---- Changing the state ---------------------------------------------------------------------- */

/* Before used may fall: it may be the most that it has been. */
static void note_peak(oh_pool_t *pool) {
  if (pool->peak_used < pool->used) pool->peak_used = pool->used;
}

/* Begins the next group, when no other has a free block. The last one of a pool that has grown may
   be begun already, its first blocks all live. false: there is none. */
static bool begin_group(oh_pool_t *pool) {
  uint32_t const begun = pool->begun;
  if (begun >= pool->blocks) return false;
  uint32_t const group = begun >> 5;
  uint32_t const taken = begun & 31;
  uint32_t const left = pool->blocks - (group << 5);
  uint32_t const there = left < 32 ? left : 32;
  oh_pool_group_t *const at = group_at(pool, group);
  at->free = low_bits(there) & ~low_bits(taken);
  at->next = OH_NO_GROUP;
  if (taken == 0) at->parts = 0;
  pool->head = group;
  pool->begun = (group << 5) + there;
  return true;
}

/* A live block, which is a whole one, becomes free. */
static void put(oh_pool_t *pool, uint32_t index) {
  oh_pool_group_t *const at = group_at(pool, index >> 5);
  uint32_t const free = at->free;
  note_peak(pool);
  if (free == 0) {
    at->next = pool->head;
    pool->head = index >> 5;
  }
  at->free = free | bit_of(index);
  pool->live -= 1;
  pool->used -= pool->block_size;
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_pool_alloc(oh_pool_t *pool, size_t size, size_t align) {
  if (size != pool->block_size || align > pool->align || !oh_is_pow2(align)) return NULL;
  if (pool->head == OH_NO_GROUP && !begin_group(pool)) return NULL;
  uint32_t const group = pool->head;
  oh_pool_group_t *const at = group_at(pool, group);
  uint32_t const free = at->free;
  uint32_t const rest = free & (free - 1);
  uint32_t const index = (group << 5) + lowest_bit(free);
  at->free = rest;
  if (rest == 0) pool->head = at->next;
  pool->live += 1;
  pool->used += pool->block_size;
  pool->last = index;
  return (void *)(uintptr_t)(base_of(pool) + index * pool->stride);
}

bool oh_pool_resize(oh_pool_t *pool, void *ptr, size_t size, size_t align, size_t new_size) {
  if (new_size != pool->block_size) return false;
  if (find_whole(pool, ptr, size, align) == NO_BLOCK) return false;
  note_peak(pool);
  return true;
}

bool oh_pool_free(oh_pool_t *pool, void *ptr, size_t size, size_t align) {
  uint32_t const index = find_whole(pool, ptr, size, align);
  if (index == NO_BLOCK) return false;
  put(pool, index);
  return true;
}

bool oh_pool_free_block(oh_pool_t *pool, void *ptr) {
  return oh_pool_free(pool, ptr, pool->block_size, 1);
}

size_t oh_pool_usable_size(oh_pool_t const *pool, void const *ptr) {
  return find(pool, ptr) == NO_BLOCK ? 0 : pool->block_size;
}

bool oh_pool_is_free(oh_pool_t const *pool, void const *ptr) {
  uint32_t const index = index_at(pool, ptr);
  return index < pool->begun && find(pool, ptr) == NO_BLOCK;
}

/* Bytes that so many blocks take, with their share of the state and of the table of sizes. */
static uint64_t occupied(oh_pool_t const *pool, uint32_t blocks) {
  return (uint64_t)blocks * ((uint64_t)pool->stride + pool->sizes) + oh_pool_state_size(blocks);
}

void oh_pool_read(oh_pool_t const *pool, oh_figures_t *figures) {
  uint32_t const most = pool->begun > pool->peak_begun ? pool->begun : pool->peak_begun;
  figures->capacity = (uint64_t)pool->most_blocks * pool->block_size;
  figures->used = pool->used;
  figures->peak = pool->used > pool->peak_used ? pool->used : pool->peak_used;
  figures->footprint = occupied(pool, pool->begun);
  figures->peak_footprint = occupied(pool, most);
}

bool oh_pool_grow(oh_pool_t *pool, size_t step) {
  uint32_t const left = pool->most_blocks - pool->blocks;
  /* No blocks are those of a region that is gone. */
  if (pool->blocks == 0 || pool->live != pool->blocks || left == 0 || step == 0) return false;
  pool->blocks += step < left ? (uint32_t)step : left;
  return true;
}

void oh_pool_reset(oh_pool_t *pool) {
  note_peak(pool);
  if (pool->peak_begun < pool->begun) pool->peak_begun = pool->begun;
  pool->head = OH_NO_GROUP;
  pool->begun = 0;
  pool->live = 0;
  pool->used = 0;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

/* C gets whole blocks: how small one was asked for is kept by TypeScript alone. */
static size_t whole(oh_pool_t const *pool, size_t size) {
  return size < pool->block_size ? pool->block_size : size;
}

static void *door_alloc(void *self, size_t size, size_t align) {
  oh_pool_t *const pool = (oh_pool_t *)self;
  return pool == NULL ? NULL : oh_pool_alloc(pool, whole(pool, size), align);
}

/* A size that is not known, and with it the alignment: C libraries keep neither. */
static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_pool_t *const pool = (oh_pool_t *)self;
  if (pool == NULL) return false;
  return oh_pool_resize(pool, ptr, whole(pool, size), size == 0 ? 1 : align, whole(pool, new_size));
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  oh_pool_t *const pool = (oh_pool_t *)self;
  if (size == 0) align = 1;
  (void)oh_accepted(pool != NULL && oh_pool_free(pool, ptr, whole(pool, size), align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  return self == NULL ? 0 : oh_pool_usable_size((oh_pool_t *)self, ptr);
}

oh_vtable_t const oh_pool_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
