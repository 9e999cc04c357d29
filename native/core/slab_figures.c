/* slab_figures.c: what a slab heap tells of itself and of addresses in it. As heap.ts. Not on the
   way of any operation that succeeds. */

#include "slab.h"
#include "slab_internal.h"

/* One of 16 bytes has half a cell, whose other half is of another block. */
static bool is_live(oh_slab_t const *slab, uint32_t offset, uint32_t c) {
  uint32_t const cell = cells_of(slab)[offset >> CELL_SHIFT];
  if (c == 1) return (cell >> half_shift(offset) & TAG_HALF) != 0;
  return cell != 0 && (cell & TAG_HIGH) == high_bit(offset);
}

bool oh_slab_is_free(oh_slab_t const *slab, void const *ptr) {
  uint64_t const distance = (uint64_t)(uintptr_t)ptr - base_of(slab);
  if (distance >= (uint64_t)slab->top << PAGE_SHIFT) return false;
  uint32_t const offset = (uint32_t)distance;
  uint32_t const page = offset >> PAGE_SHIFT;
  uint32_t const record = named_by(slab, page);
  if (record == 0 || record > slab->most_pages) return false;
  oh_slab_record_t const *const run = record_of(slab, record);
  /* A page inside a run may name the record of another one. */
  if (page < run->start || page - run->start >= run->pages) return false;
  if (run->all == OH_SLAB_CACHED) return page == run->start && offset % PAGE_BYTES == 0;
  if ((run->all & 1) == 0) return false;
  uint32_t const c = pages_of(slab)[page] & CLASS_MASK;
  uint32_t const inside = offset - offset_of(run);
  uint32_t const block = c << GRANULE_SHIFT;
  if (block == 0 || inside % block != 0 || inside / block > 31) return false;
  return (run->all >> (inside / block) & 1) != 0 && !is_live(slab, offset, c);
}

/* Bytes of a heap of so many pages and records, metadata included. */
static uint64_t footprint(oh_slab_t const *slab, uint32_t pages, uint32_t records) {
  uint64_t const words = offsetof(oh_slab_t, stretch_map) / sizeof(uint32_t) + pages +
                         (uint64_t)records * (sizeof(oh_slab_record_t) / sizeof(uint32_t));
  return (uint64_t)pages * PAGE_BYTES + words * sizeof(uint32_t) + (uint64_t)slab->stretches * 4096;
}

void oh_slab_read(oh_slab_t const *slab, oh_figures_t *figures) {
  uint32_t const records = slab->fresh > slab->peak_fresh ? slab->fresh : slab->peak_fresh;
  figures->capacity = (uint64_t)slab->limit << PAGE_SHIFT;
  figures->used = slab->used;
  figures->peak = slab->used > slab->peak_used ? slab->used : slab->peak_used;
  figures->footprint = footprint(slab, slab->top - slab->purged, slab->fresh);
  figures->peak_footprint = footprint(slab, slab->peak_pages, records);
}
