/* concurrent_bump.c: see concurrent_bump.h.

   Costs: one compare-and-swap to allocate, a second atomic addition where there is padding. */

#include "concurrent_bump.h"

#include <stdatomic.h>

#include "door.h"

_Static_assert(sizeof(_Atomic(uint32_t)) == sizeof(uint32_t), "words are what they are");

static _Atomic(uint32_t) *word(oh_concurrent_bump_t const *bump, unsigned at) {
  return (_Atomic(uint32_t) *)(void *)&bump->words[at];
}

/* ---- The figures ----------------------------------------------------------------------------- */

static void raise(_Atomic(uint32_t) *most, uint32_t to) {
  uint32_t now = atomic_load(most);
  while (now < to && !atomic_compare_exchange_weak(most, &now, to)) {
  }
}

/* Before a figure may fall. */
static void note_peaks(oh_concurrent_bump_t const *bump) {
  uint32_t const cursor = atomic_load(word(bump, OH_CONCURRENT_CURSOR));
  uint32_t const gaps = atomic_load(word(bump, OH_CONCURRENT_GAPS));
  raise(word(bump, OH_CONCURRENT_PEAK_CURSOR), cursor);
  raise(word(bump, OH_CONCURRENT_PEAK_USED), gaps < cursor ? cursor - gaps : 0);
}

static void add_gap(oh_concurrent_bump_t const *bump, size_t bytes) {
  if (bytes > 0) atomic_fetch_add(word(bump, OH_CONCURRENT_GAPS), (uint32_t)bytes);
}

/* ---- The cursor ------------------------------------------------------------------------------ */

/* false: it was not where the caller thought. */
static bool move_cursor(oh_concurrent_bump_t const *bump, size_t from, size_t to) {
  uint32_t expected = (uint32_t)from;
  return atomic_compare_exchange_strong(word(bump, OH_CONCURRENT_CURSOR), &expected, (uint32_t)to);
}

/* Where the block starts. false: it is not inside of what was handed out. */
static bool locate(oh_concurrent_bump_t const *bump, void const *ptr, size_t size, size_t *start) {
  size_t const cursor = atomic_load(word(bump, OH_CONCURRENT_CURSOR));
  *start = (size_t)((uintptr_t)ptr - (uintptr_t)bump->base);
  return cursor <= bump->capacity && *start < cursor && size <= cursor - *start;
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_concurrent_bump_alloc(oh_concurrent_bump_t const *bump, size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  size += size == 0;
  uint32_t before = atomic_load(word(bump, OH_CONCURRENT_CURSOR));
  for (;;) {
    if (before > bump->capacity) return NULL;
    size_t const room = bump->capacity - before;
    size_t const padding = (0 - ((uintptr_t)bump->base + before)) & (align - 1);
    if (padding > room || size > room - padding) return NULL;
    size_t const start = before + padding;
    uint32_t const after = (uint32_t)(start + size);
    if (atomic_compare_exchange_weak(word(bump, OH_CONCURRENT_CURSOR), &before, after)) {
      add_gap(bump, padding);
      return (char *)bump->base + start;
    }
  }
}

bool oh_concurrent_bump_resize(oh_concurrent_bump_t const *bump, void *ptr, size_t size,
                               size_t new_size) {
  size_t start;
  if (size == 0 || !locate(bump, ptr, size, &start)) return false;
  size_t const end = start + size;
  new_size += new_size == 0;
  if (new_size > bump->capacity - start) return false;
  if (new_size > size) return move_cursor(bump, end, start + new_size);
  note_peaks(bump);
  if (!move_cursor(bump, end, start + new_size)) add_gap(bump, size - new_size);
  return true;
}

bool oh_concurrent_bump_free(oh_concurrent_bump_t const *bump, void *ptr, size_t size) {
  size_t start;
  if (!locate(bump, ptr, size, &start)) return false;
  if (size == 0) return true;
  note_peaks(bump);
  if (!move_cursor(bump, start + size, start)) add_gap(bump, size);
  return true;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  oh_concurrent_bump_t const *const bump = (oh_concurrent_bump_t const *)self;
  return bump == NULL ? NULL : oh_concurrent_bump_alloc(bump, size, align);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_concurrent_bump_t const *const bump = (oh_concurrent_bump_t const *)self;
  (void)align;
  return bump != NULL && oh_concurrent_bump_resize(bump, ptr, size, new_size);
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  oh_concurrent_bump_t const *const bump = (oh_concurrent_bump_t const *)self;
  (void)align;
  (void)oh_accepted(bump != NULL && oh_concurrent_bump_free(bump, ptr, size));
}

oh_vtable_t const oh_concurrent_bump_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc, door_resize,
    door_remap,     door_free,           NULL, /* a bump keeps no sizes */
};
