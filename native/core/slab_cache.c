/* slab_cache.c: runs of pages that wait, and blocks that are runs. As
   lib/allocators/slab/cached-runs.ts and large-blocks.ts.

   Runs of up to 64 pages that were given back wait for a request of just that length, which takes a
   list's head and nothing more. They are joined with their neighbours only when no other run is
   long enough. Source: Doug Lea's malloc (fast bins, consolidation). */

#include "slab_internal.h"

/* ---- Cached runs ----------------------------------------------------------------------------- */

/* Joins all with their neighbours. Was there any? */
static bool flush(oh_slab_t *slab) {
  if (slab->cached == 0) return false;
  for (uint32_t pages = 1; pages <= MOST_CACHED; pages++) {
    for (uint32_t record = slab->cache[pages]; record != 0;) {
      oh_slab_record_t const *const run = record_of(slab, record);
      uint32_t const start = run->start;
      uint32_t const next = run->next;
      oh_slab_drop_record(slab, record);
      oh_slab_give_run(slab, start, pages);
      record = next;
    }
    slab->cache[pages] = 0;
  }
  slab->cached = 0;
  return true;
}

static uint32_t take_pages(oh_slab_t *slab, uint32_t pages) {
  uint32_t start = oh_slab_take_free(slab, pages);
  if (start == NO_PAGE && flush(slab)) start = oh_slab_take_free(slab, pages);
  return start == NO_PAGE ? oh_slab_take_top(slab, pages) : start;
}

static uint32_t take_pages_at(oh_slab_t *slab, uint32_t pages, uint64_t align) {
  uint32_t const start = oh_slab_take_at(slab, pages, align);
  return start == NO_PAGE && flush(slab) ? oh_slab_take_at(slab, pages, align) : start;
}

uint32_t oh_slab_take_run(oh_slab_t *slab, uint32_t pages, uint64_t align) {
  bool const anywhere = align <= PAGE_BYTES;
  uint32_t const cached = anywhere ? take_cached(slab, pages) : 0;
  if (cached != 0) return cached;
  uint32_t const start = anywhere ? take_pages(slab, pages) : take_pages_at(slab, pages, align);
  if (start == NO_PAGE) return 0;
  uint32_t const record = oh_slab_new_record(slab);
  oh_slab_record_t *const run = record_of(slab, record);
  run->start = start;
  run->pages = pages;
  return record;
}

void oh_slab_cache_run(oh_slab_t *slab, uint32_t record) {
  oh_slab_record_t *const run = record_of(slab, record);
  uint32_t const pages = run->pages;
  if (pages > MOST_CACHED) {
    uint32_t const start = run->start;
    oh_slab_drop_record(slab, record);
    oh_slab_give_run(slab, start, pages);
    return;
  }
  run->all = OH_SLAB_CACHED;
  run->next = slab->cache[pages];
  slab->cache[pages] = record;
  slab->cached += pages;
}

/* ---- Large blocks ---------------------------------------------------------------------------- */

static uint64_t pages_for(uint64_t size) {
  return (size + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

static uint64_t most_bytes(oh_slab_t const *slab) {
  return (uint64_t)slab->most_pages << PAGE_SHIFT;
}

uint32_t oh_slab_take_large(oh_slab_t *slab, size_t size, size_t align) {
  if (size > most_bytes(slab) || align > most_bytes(slab)) return 0;
  uint32_t const pages = (uint32_t)pages_for(size);
  uint32_t record = oh_slab_take_run(slab, pages, align);
  if (record == 0 && oh_slab_drop_empty(slab)) record = oh_slab_take_run(slab, pages, align);
  if (record != 0) enter_large(slab, record, (uint32_t)size);
  return record;
}

/* Takes the pages behind a block, if they are free. */
static bool grow(oh_slab_t *slab, uint32_t end, uint64_t more) {
  if (oh_slab_grow_run(slab, end, more)) return true;
  /* At the top lies no run, and the word of the page there may be an old one. */
  if (end == slab->top) return false;
  bool const cached = is_kind(slab, named_by(slab, end), OH_SLAB_CACHED);
  return cached && flush(slab) && oh_slab_grow_run(slab, end, more);
}

bool oh_slab_resize_large(oh_slab_t *slab, uint32_t record, size_t size) {
  oh_slab_record_t *const block = record_of(slab, record);
  uint32_t const start = block->start;
  uint32_t const before = block->pages;
  uint64_t const pages = pages_for(size);
  if (size > most_bytes(slab)) return false;
  if (pages > before && !grow(slab, start + before, pages - before)) return false;
  block->free = (uint32_t)size;
  if (pages == before) return true;
  block->pages = (uint32_t)pages;
  mark(slab, start, record, 0);
  mark(slab, start + block->pages - 1, record, 0);
  if (pages < before) oh_slab_give_run(slab, start + block->pages, before - block->pages);
  return true;
}
