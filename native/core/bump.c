/* bump.c: the bump strategy.

   The next block starts at the cursor, padded up to its alignment. To free or resize the block that
   ends at the cursor is to move the cursor; the padding before the block stays. All other blocks
   stay where they are until the owner resets the heap, and what is freed of them counts as gaps.

   The peaks are written only when a figure may be about to fall, so allocation does not pay for
   them.

   Costs: 1 to 2 ns to allocate. Memory: whatever is freed in another order than the reverse is lost
   until a reset. */

#include "bump.h"

#include "door.h"

_Static_assert(sizeof(oh_bump_t) == 8 * sizeof(uint32_t), "the state is eight words");
_Static_assert(offsetof(oh_bump_t, cursor) == 4, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_bump_t, gaps) == 16, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_bump_t, floor) == 28, "words in the order that TypeScript knows");

void oh_bump_init(oh_bump_t *bump, void *base, size_t capacity) {
  uint64_t const address = (uint64_t)(uintptr_t)base;
  uint32_t const low = (uint32_t)address;
  if (capacity > OH_MAX_CAPACITY) capacity = OH_MAX_CAPACITY;
  bump->limit = low + (uint32_t)capacity;
  bump->cursor = low;
  bump->base_lo = low;
  bump->base_hi = (uint32_t)(address >> 32);
  bump->gaps = 0;
  bump->peak_used = 0;
  bump->peak_offset = 0;
  bump->floor = 0;
}

/* ---- Reading the state ----------------------------------------------------------------------- */

static uint64_t base_of(oh_bump_t const *bump) {
  return (uint64_t)bump->base_hi << 32 | bump->base_lo;
}

static uint32_t offset_of(oh_bump_t const *bump) {
  return bump->cursor - bump->base_lo;
}

/* Bytes behind the cursor; 0 once the region is gone. */
static uint32_t room_of(oh_bump_t const *bump) {
  return bump->limit - bump->cursor;
}

/* Where the block starts in the payload. false: ptr is not below the cursor, or size bytes from
   there are not, so it is no block of this heap. */
static bool locate(oh_bump_t const *bump, void const *ptr, size_t size, uint32_t *start) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(bump);
  if (distance >= offset_of(bump)) return false;
  *start = (uint32_t)distance;
  return size <= offset_of(bump) - *start;
}

static bool is_last(oh_bump_t const *bump, uint32_t start, size_t size) {
  return start + size == offset_of(bump);
}

/* ---- Changing it ----------------------------------------------------------------------------- */

/* Before used or the cursor may fall: what they are may be the most that they have been. */
static void note_peaks(oh_bump_t *bump) {
  uint32_t const offset = offset_of(bump);
  uint32_t const used = offset - bump->gaps;
  if (bump->peak_used < used) bump->peak_used = used;
  if (bump->peak_offset < offset) bump->peak_offset = offset;
}

/* Moves the cursor down by some bytes, or counts them as a gap where they are not the last. A block
   freed twice would make gaps of more than there is; then nothing counts as live. */
static void give_back(oh_bump_t *bump, uint32_t bytes, bool last) {
  uint32_t const used = offset_of(bump) - bump->gaps;
  if (last) {
    bump->cursor -= bytes;
  } else {
    bump->gaps += bytes < used ? bytes : used;
  }
  if (bump->gaps > offset_of(bump)) bump->gaps = offset_of(bump);
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_bump_alloc(oh_bump_t *bump, size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  uint64_t const next = base_of(bump) + offset_of(bump);
  uint64_t const padding = (0 - next) & (uint64_t)(align - 1);
  uint32_t const room = room_of(bump);
  size += size == 0;
  /* Two comparisons, because padding + size could wrap. */
  if (padding > room || size > room - padding) return NULL;
  bump->cursor += (uint32_t)padding + (uint32_t)size;
  bump->gaps += (uint32_t)padding;
  return (void *)(uintptr_t)(next + padding);
}

bool oh_bump_resize(oh_bump_t *bump, void *ptr, size_t size, size_t new_size) {
  uint32_t start;
  if (size == 0 || !locate(bump, ptr, size, &start)) return false;
  bool const last = is_last(bump, start, size);
  note_peaks(bump);
  new_size += new_size == 0;
  if (new_size > size) {
    if (!last || start < bump->floor || new_size - size > room_of(bump)) return false;
    bump->cursor += (uint32_t)(new_size - size);
  } else if (new_size < size) {
    give_back(bump, (uint32_t)(size - new_size), last);
  }
  return true;
}

bool oh_bump_free(oh_bump_t *bump, void *ptr, size_t size) {
  uint32_t start;
  if (!locate(bump, ptr, size, &start)) return false;
  if (size == 0) return true;
  note_peaks(bump);
  give_back(bump, (uint32_t)size, is_last(bump, start, size));
  return true;
}

void oh_bump_read(oh_bump_t const *bump, oh_figures_t *figures) {
  uint32_t const offset = offset_of(bump);
  uint32_t const used = offset - bump->gaps;
  figures->capacity = bump->limit - bump->base_lo;
  figures->used = used;
  figures->peak = used > bump->peak_used ? used : bump->peak_used;
  figures->footprint = offset;
  figures->peak_footprint = offset > bump->peak_offset ? offset : bump->peak_offset;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  return self == NULL ? NULL : oh_bump_alloc((oh_bump_t *)self, size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)align;
  return self != NULL && oh_bump_resize((oh_bump_t *)self, ptr, size, new_size);
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  (void)align;
  (void)oh_accepted(self != NULL && oh_bump_free((oh_bump_t *)self, ptr, size));
}

oh_vtable_t const oh_bump_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc, door_resize,
    door_remap,     door_free,           NULL, /* a bump keeps no sizes */
};
