/* slab.c: the slab strategy's operations.

   Blocks of up to 2,032 bytes come from slabs: runs of pages cut into blocks of one size class
   (steps of 16 bytes). Each class has a magazine, a small stack of free blocks, so that most
   operations touch nothing else (slab_magazines.c). Larger blocks are runs of pages (slab_cache.c,
   slab_runs.c).

   All bookkeeping is out of band. A block of a slab has a tag in the cell of the 32 bytes that it
   starts in while it lives, else the cell is 0: whatever a page's word says of times before, a cell
   that is not 0 is that of a live block, whose class the page's word then has.

   Costs: some nanoseconds; tens where a magazine is filled or emptied, once in up to 16 operations.
   Memory: up to 15 bytes behind a block (511 above 2,032 bytes), and slabs' 4 % of metadata. */

#include "slab.h"

#include <string.h>

#include "door.h"
#include "slab_internal.h"

_Static_assert(sizeof(oh_slab_t) == 6152 * sizeof(uint32_t), "the words that TypeScript knows");
_Static_assert(offsetof(oh_slab_t, most_pages) == 16, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_slab_t, next) == 1056, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_slab_t, magazine) == 3104, "words in the order that TypeScript knows");
_Static_assert(sizeof(oh_slab_record_t) == 24, "a record is six words");
_Static_assert(OH_SLAB_CLASSES == CLASS_MASK + 1, "a class for each value of a page's bits");

/* ---- Making it ------------------------------------------------------------------------------- */

static uint32_t pages_in(size_t bytes) {
  return (uint32_t)((bytes < OH_MAX_CAPACITY ? bytes : OH_MAX_CAPACITY) >> PAGE_SHIFT);
}

size_t oh_slab_state_size(size_t capacity) {
  size_t const page = sizeof(uint32_t) + sizeof(oh_slab_record_t) + CELLS_PER_PAGE;
  return sizeof(oh_slab_t) + pages_in(capacity) * page;
}

static void note_peaks(oh_slab_t *slab) {
  if (slab->used > slab->peak_used) slab->peak_used = slab->used;
  if (slab->fresh > slab->peak_fresh) slab->peak_fresh = slab->fresh;
}

/* Makes it an empty heap. Only what was used is written to. */
static void clear(oh_slab_t *slab) {
  size_t const from = offsetof(oh_slab_t, empty_at), to = offsetof(oh_slab_t, inverse);
  memset(pages_of(slab), 0, (size_t)slab->peak_top * sizeof(uint32_t));
  memset(cells_of(slab), 0, (size_t)slab->peak_top * CELLS_PER_PAGE);
  memset((char *)slab + from, 0, to - from);
  for (uint32_t c = 0; c < OH_SLAB_CLASSES; c++) {
    uint32_t const first = first_in(c);
    words_of(slab)[first - 1] = ODD;
    words_of(slab)[first] = ODD;
    slab->next[c] = first;
  }
  slab->top = 0;
  slab->purged = 0;
  slab->used = 0;
  slab->spare = OH_SLAB_NONE;
  slab->fresh = 1;
}

oh_slab_t *oh_slab_init(void *state, void *base, size_t capacity) {
  oh_slab_t *const slab = (oh_slab_t *)state;
  uint64_t const address = (uint64_t)(uintptr_t)base;
  uint64_t const origin = (address + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
  size_t const skip = (size_t)(origin - address);
  if (capacity > OH_MAX_CAPACITY) capacity = OH_MAX_CAPACITY;
  slab->most_pages = capacity < skip ? 0 : pages_in(capacity - skip);
  slab->limit = slab->most_pages;
  slab->base_lo = (uint32_t)origin;
  slab->base_hi = (uint32_t)(origin >> 32);
  /* 2^20 / c, rounded up. */
  for (uint32_t c = 1; c < OH_SLAB_CLASSES; c++) {
    slab->inverse[c] = (((uint32_t)1 << 20) - 1) / c + 1;
  }
  clear(slab);
  return slab;
}

void oh_slab_reset(oh_slab_t *slab) {
  note_peaks(slab);
  clear(slab);
}

/* ---- Reading the state ----------------------------------------------------------------------- */

static void *address_of(oh_slab_t const *slab, uint32_t offset) {
  return (void *)(uintptr_t)(base_of(slab) + offset);
}

/* Alignments that every block has. */
static bool is_common(size_t align) {
  return align <= 16 && oh_is_pow2(align);
}

static bool is_aligned(void const *ptr, size_t align) {
  return oh_is_pow2(align) && (align <= 16 || ((uintptr_t)ptr & (align - 1)) == 0);
}

/* The offset of an address in the pages in use that is a multiple of 16. false: it is none. */
static bool locate(oh_slab_t const *slab, void const *ptr, uint32_t *offset) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(slab);
  *offset = (uint32_t)distance;
  return distance < (uint64_t)slab->top << PAGE_SHIFT && (distance & 15) == 0;
}

/* The tag of the live block of class c that starts at an offset, or 0. */
static uint32_t tag_at(oh_slab_t const *slab, uint32_t offset, uint32_t c) {
  uint32_t const cell = cells_of(slab)[offset >> CELL_SHIFT];
  if (c == 1) return cell >> half_shift(offset) & TAG_HALF;
  return (cell & TAG_HIGH) == high_bit(offset) ? cell & TAG_BITS : 0;
}

/* Enters the tag of a block of class c that begins to live, is resized, or ends (0). */
static void set_tag(oh_slab_t *slab, uint32_t offset, uint32_t c, uint32_t tag) {
  uint8_t *const cell = &cells_of(slab)[offset >> CELL_SHIFT];
  if (c == 1) {
    uint32_t const others = *cell & ~((uint32_t)TAG_HALF << half_shift(offset));
    *cell = (uint8_t)(others | tag << half_shift(offset));
  } else {
    *cell = (uint8_t)(tag == 0 ? 0 : tag | high_bit(offset));
  }
}

/* The tag of a block that was asked for with size bytes, 1 to SMALL_MOST, and the reverse. */
static uint32_t tag_for(uint32_t size) {
  if (size == 1) return TAG_ONE;
  return size <= 16 ? size - 1 : (size & 15) | TAG_LIVE;
}

static uint32_t size_for(uint32_t c, uint32_t tag) {
  if (c == 1) return tag + 1;
  return tag == TAG_ONE ? 1 : (c - 1) * 16 + ((tag - 1) & 15) + 1;
}

/* A live block, for the slow paths. */
typedef struct block {
  uint32_t offset;
  uint32_t asked; /* the size that it was asked for with; 1 for 0                                */
  uint32_t c;     /* its class; 0: it is a large one                                             */
  uint32_t large; /* its record, if it is                                                        */
} block_t;

/* false: no block lives there. */
static inline bool find(oh_slab_t const *slab, void const *ptr, block_t *block) {
  if (!locate(slab, ptr, &block->offset)) return false;
  block->large = large_at(slab, block->offset);
  if (block->large != 0) {
    block->c = 0;
    block->asked = record_of(slab, block->large)->free;
    return true;
  }
  block->c = pages_of(slab)[block->offset >> PAGE_SHIFT] & CLASS_MASK;
  uint32_t const tag = tag_at(slab, block->offset, block->c);
  block->asked = size_for(block->c, tag);
  return tag != 0;
}

/* As find, and the block is as the caller says. known: so is its size, where 0 counts as 1. */
static inline bool find_as(oh_slab_t const *slab, void const *ptr, size_t size, bool known,
                           size_t align, block_t *block) {
  if (!find(slab, ptr, block) || !is_aligned(ptr, align)) return false;
  return !known || block->asked == size + (size == 0);
}

/* ---- Allocation ------------------------------------------------------------------------------ */

/* The offset of the next block of a magazine that is not empty, which lives from now on. */
static uint32_t take(oh_slab_t *slab, uint32_t c, uint32_t size) {
  uint32_t const last = slab->next[c] - 1;
  uint32_t const offset = words_of(slab)[last] ^ MIDDLE;
  slab->next[c] = last;
  set_tag(slab, offset, c, tag_for(size));
  slab->used += size;
  return offset;
}

/* A magazine that is empty, what is large, tiny or aligned to more than 16, and wrong input. */
static void *alloc_slowly(oh_slab_t *slab, size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  size += size == 0;
  uint32_t record = 0;
  if (size > SMALL_MOST) {
    if (align <= PAGE_BYTES) record = take_cached(slab, (size + PAGE_BYTES - 1) >> PAGE_SHIFT);
    if (record != 0) enter_large(slab, record, (uint32_t)size);
  } else if (align <= PAGE_BYTES) {
    uint32_t const c = class_for(size);
    bool const any = align > 16 ? oh_slab_raise_aligned(slab, c, (uint32_t)align)
                                : count_in(slab, c) > 0 || oh_slab_refill(slab, c);
    if (any) return address_of(slab, take(slab, c, (uint32_t)size));
    if (align <= 16) return NULL;
  }
  if (record == 0) record = oh_slab_take_large(slab, size, align);
  if (record == 0) return NULL;
  slab->used += (uint32_t)size;
  return address_of(slab, offset_of(record_of(slab, record)));
}

static inline void *alloc(oh_slab_t *slab, size_t size, size_t align) {
  if (size - SMALL_LEAST <= SMALL_MOST - SMALL_LEAST && is_common(align)) {
    uint32_t const c = (uint32_t)(size + 15) >> GRANULE_SHIFT;
    uint32_t const last = slab->next[c] - 1;
    uint32_t const place = words_of(slab)[last];
    if ((place & ODD) == 0) {
      uint32_t const offset = place ^ MIDDLE;
      uint8_t *const cell = &cells_of(slab)[offset >> CELL_SHIFT];
      slab->next[c] = last;
      slab->used += (uint32_t)size;
      if (size <= 16) *cell |= (uint8_t)((size - 1) << half_shift(offset));
      else *cell = (uint8_t)((size & 15) | TAG_LIVE | high_bit(offset));
      return address_of(slab, offset);
    }
  }
  return alloc_slowly(slab, size, align);
}

void *oh_slab_alloc(oh_slab_t *slab, size_t size, size_t align) {
  return alloc(slab, size, align);
}

/* ---- Resizing -------------------------------------------------------------------------------- */

static bool resize(oh_slab_t *slab, void *ptr, size_t size, bool known, size_t align,
                   size_t new_size) {
  block_t block;
  if (!find_as(slab, ptr, size, known, align, &block)) return false;
  size_t const asked = new_size + (new_size == 0);
  if (block.large != 0) {
    if (asked != block.asked) {
      if (asked <= SMALL_MOST || !oh_slab_resize_large(slab, block.large, asked)) return false;
    }
  } else {
    if (asked > SMALL_MOST || class_for(asked) != block.c) return false;
    set_tag(slab, block.offset, block.c, tag_for((uint32_t)asked));
  }
  if (slab->used > slab->peak_used) slab->peak_used = slab->used;
  slab->used += (uint32_t)asked - block.asked;
  return true;
}

bool oh_slab_resize(oh_slab_t *slab, void *ptr, size_t size, size_t align, size_t new_size) {
  return resize(slab, ptr, size, true, align, new_size);
}

size_t oh_slab_usable_size(oh_slab_t const *slab, void const *ptr) {
  block_t block;
  if (!find(slab, ptr, &block)) return 0;
  if (block.large == 0) return (size_t)block.c << GRANULE_SHIFT;
  return ((size_t)block.asked + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

/* ---- Freeing --------------------------------------------------------------------------------- */

/* A block of a slab has ended, and its cell says so. */
static inline bool end_block(oh_slab_t *slab, uint32_t c, uint32_t offset, uint32_t asked) {
  uint32_t const used = slab->used;
  uint32_t const next = slab->next[c];
  uint32_t const place = offset ^ MIDDLE;
  if (used > slab->peak_used) slab->peak_used = used;
  slab->used = used - asked;
  if ((words_of(slab)[next] & ODD) != 0) return oh_slab_spill(slab, c, place);
  words_of(slab)[next] = place;
  slab->next[c] = next + 1;
  return true;
}

/* A large or a tiny block, an alignment above 16, or what is refused. */
static bool free_slowly(oh_slab_t *slab, void *ptr, size_t size, bool known, size_t align) {
  block_t block;
  if (!find_as(slab, ptr, size, known, align, &block)) return false;
  if (block.large == 0) {
    set_tag(slab, block.offset, block.c, 0);
    return end_block(slab, block.c, block.offset, block.asked);
  }
  if (slab->used > slab->peak_used) slab->peak_used = slab->used;
  slab->used -= block.asked;
  oh_slab_cache_run(slab, block.large);
  return true;
}

/* The number of the granule that starts at an address; where none does it is larger than all. */
static inline uint64_t granule_at(oh_slab_t const *slab, void const *ptr) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(slab);
  return distance >> GRANULE_SHIFT | distance << (64 - GRANULE_SHIFT);
}

static inline bool is_in_use(oh_slab_t const *slab, uint64_t granule) {
  return granule < (uint64_t)slab->top << (PAGE_SHIFT - GRANULE_SHIFT);
}

static inline uint32_t class_at(oh_slab_t const *slab, uint64_t granule) {
  return pages_of(slab)[granule >> (PAGE_SHIFT - GRANULE_SHIFT)] & CLASS_MASK;
}

/* The two kinds of blocks, those of 16 bytes and larger ones, part as early as can be. */
static inline bool free_sized(oh_slab_t *slab, void *ptr, size_t size, size_t align) {
  uint64_t const granule = granule_at(slab, ptr);
  if (!is_common(align) || !is_in_use(slab, granule)) goto slowly;
  uint8_t *const cell = &cells_of(slab)[granule >> 1];
  if (size - 17 <= SMALL_MOST - 17) {
    uint32_t const c = (uint32_t)(size + 15) >> GRANULE_SHIFT;
    uint32_t const tag = ((uint32_t)size & 15) | TAG_LIVE | ((uint32_t)granule & 1) << 5;
    if (*cell != tag || class_at(slab, granule) != c) goto slowly;
    *cell = 0;
    return end_block(slab, c, (uint32_t)granule << GRANULE_SHIFT, (uint32_t)size);
  }
  if (size - SMALL_LEAST <= 16 - SMALL_LEAST) {
    uint32_t const shift = ((uint32_t)granule & 1) * 4;
    uint32_t const others = *cell ^ (uint32_t)(size - 1) << shift;
    if ((others >> shift & TAG_HALF) != 0 || class_at(slab, granule) != 1) goto slowly;
    *cell = (uint8_t)others;
    return end_block(slab, 1, (uint32_t)granule << GRANULE_SHIFT, (uint32_t)size);
  }
slowly:
  return free_slowly(slab, ptr, size, true, align);
}

static inline bool free_unsized(oh_slab_t *slab, void *ptr, size_t align) {
  uint64_t const granule = granule_at(slab, ptr);
  if (!is_common(align) || !is_in_use(slab, granule)) goto slowly;
  uint32_t const c = class_at(slab, granule);
  uint8_t *const cell = &cells_of(slab)[granule >> 1];
  if (c != 1) {
    uint32_t const rest = *cell - (TAG_LIVE | ((uint32_t)granule & 1) << 5);
    if (rest > 15) goto slowly;
    *cell = 0;
    uint32_t const asked = (c - 1) * 16 + ((rest - 1) & 15) + 1;
    return end_block(slab, c, (uint32_t)granule << GRANULE_SHIFT, asked);
  }
  uint32_t const shift = ((uint32_t)granule & 1) * 4;
  uint32_t const tag = *cell >> shift & TAG_HALF;
  if (tag == 0) goto slowly;
  *cell = (uint8_t)(*cell ^ tag << shift);
  return end_block(slab, 1, (uint32_t)granule << GRANULE_SHIFT, tag + 1);
slowly:
  return free_slowly(slab, ptr, 0, false, align);
}

bool oh_slab_free(oh_slab_t *slab, void *ptr, size_t size, size_t align) {
  return free_sized(slab, ptr, size, align);
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  return self == NULL ? NULL : alloc((oh_slab_t *)self, size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return self != NULL && resize((oh_slab_t *)self, ptr, size, size != 0, align, new_size);
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  oh_slab_t *const slab = (oh_slab_t *)self;
  if (slab == NULL) oh_refuse();
  else if (size == 0) (void)oh_accepted(free_unsized(slab, ptr, align));
  else (void)oh_accepted(free_sized(slab, ptr, size, align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  return self == NULL ? 0 : oh_slab_usable_size((oh_slab_t *)self, ptr);
}

oh_vtable_t const oh_slab_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
