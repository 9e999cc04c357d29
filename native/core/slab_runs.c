/* slab_runs.c: pages of 512 bytes in runs, for slabs and large blocks. As
   lib/allocators/slab/page-runs.ts, but that nothing is given back to the system here.

   Free runs hang in bins by their length (exact up to 31 pages, then eight to a doubling), and a
   bit for each bin says whether it has any, so a run is found with a few instructions: the first
   that fits of its own bin, else the first of the next larger. A run is joined at once with free
   neighbours, which its first and its last page name; a free run at the top goes back to what was
   never handed out. Source: Doug Lea's malloc (bins, coalescing) with TLSF's two levels. */

#include "slab_internal.h"

enum {
  EXACT = 32, /* shorter runs have a bin for each length                                         */
  TRIES = 16  /* how many runs of its own bin a request looks at                                 */
};

static uint32_t bin_of(uint32_t pages) {
  if (pages < EXACT) return pages;
  uint32_t const exponent = highest_bit(pages);
  return EXACT + (exponent - 5) * 8 + (pages >> (exponent - 3) & 7);
}

/* ---- Records and lists ----------------------------------------------------------------------- */

uint32_t oh_slab_new_record(oh_slab_t *slab) {
  uint32_t const spare = slab->spare;
  if (spare == OH_SLAB_NONE) return slab->fresh++;
  slab->spare = record_of(slab, spare)->next;
  return spare;
}

void oh_slab_drop_record(oh_slab_t *slab, uint32_t record) {
  oh_slab_record_t *const r = record_of(slab, record);
  r->all = OH_SLAB_NONE;
  r->next = slab->spare;
  slab->spare = record;
}

void oh_slab_link(oh_slab_t *slab, uint32_t *head, uint32_t record) {
  oh_slab_record_t *const r = record_of(slab, record);
  uint32_t const next = *head;
  r->next = next;
  r->previous = 0;
  if (next != 0) record_of(slab, next)->previous = record;
  *head = record;
}

void oh_slab_unlink(oh_slab_t *slab, uint32_t *head, uint32_t record) {
  oh_slab_record_t const *const r = record_of(slab, record);
  if (r->next != 0) record_of(slab, r->next)->previous = r->previous;
  if (r->previous != 0) record_of(slab, r->previous)->next = r->next;
  else *head = r->next;
}

/* ---- Free runs in bins ----------------------------------------------------------------------- */

static uint32_t end_of(oh_slab_record_t const *run) {
  return run->start + run->pages;
}

static void link_run(oh_slab_t *slab, uint32_t record, uint32_t start, uint32_t pages,
                     uint32_t purged) {
  oh_slab_record_t *const run = record_of(slab, record);
  uint32_t const bin = bin_of(pages);
  run->all = OH_SLAB_FREE;
  run->free = purged;
  run->start = start;
  run->pages = pages;
  oh_slab_link(slab, &slab->bins[bin], record);
  slab->bin_map[bin >> 5] |= (uint32_t)1 << (bin & 31);
  mark(slab, start, record, 0);
  mark(slab, start + pages - 1, record, 0);
}

static void unlink_run(oh_slab_t *slab, uint32_t record) {
  oh_slab_record_t const *const run = record_of(slab, record);
  uint32_t const bin = bin_of(run->pages);
  oh_slab_unlink(slab, &slab->bins[bin], record);
  if (slab->bins[bin] == 0) slab->bin_map[bin >> 5] &= ~((uint32_t)1 << (bin & 31));
  mark(slab, run->start, 0, 0);
  mark(slab, end_of(run) - 1, 0, 0);
}

/* The first bin from this one on that has runs, or 0. */
static uint32_t bin_from(oh_slab_t const *slab, uint32_t bin) {
  uint32_t at = bin >> 5;
  if (bin >= OH_SLAB_BINS) return 0;
  uint32_t bits = slab->bin_map[at] & UINT32_MAX << (bin & 31);
  while (bits == 0) {
    if (++at * 32 >= OH_SLAB_BINS) return 0;
    bits = slab->bin_map[at];
  }
  return at * 32 + lowest_bit(bits);
}

/* A free run of so many pages or more, or 0. */
static uint32_t find(oh_slab_t const *slab, uint32_t pages) {
  /* With what an alignment takes it may be more than any bin is for. */
  if (pages > slab->most_pages) return 0;
  uint32_t const bin = bin_of(pages);
  uint32_t record = slab->bins[bin];
  for (uint32_t tries = 0; record != 0 && tries < TRIES; tries++) {
    oh_slab_record_t const *const run = record_of(slab, record);
    if (run->pages >= pages) return record;
    record = run->next;
  }
  uint32_t const larger = bin_from(slab, bin + 1);
  return larger == 0 ? 0 : slab->bins[larger];
}

/* ---- The top --------------------------------------------------------------------------------- */

static void note_peak(oh_slab_t *slab) {
  uint32_t const pages = slab->top - slab->purged;
  if (pages > slab->peak_pages) slab->peak_pages = pages;
}

static bool raise_top(oh_slab_t *slab, uint64_t top) {
  uint32_t const limit = slab->limit == UINT32_MAX ? 0 : slab->limit;
  if (top > limit) return false;
  slab->top = (uint32_t)top;
  if (slab->top > slab->dirty_top) slab->dirty_top = slab->top;
  if (slab->top > slab->peak_top) slab->peak_top = slab->top;
  note_peak(slab);
  return true;
}

/* The record of a run, whose first pages were taken, becomes that of the rest, if there is any.
   Which of its pages were purged is not known: those that were taken, as far as they go. */
static void keep_rest(oh_slab_t *slab, uint32_t record, uint32_t taken) {
  oh_slab_record_t const *const run = record_of(slab, record);
  uint32_t const pages = run->pages;
  uint32_t const purged = run->free;
  uint32_t const gone = purged < taken ? purged : taken;
  if (taken < pages) link_run(slab, record, run->start + taken, pages - taken, purged - gone);
  else oh_slab_drop_record(slab, record);
  slab->purged -= gone;
  if (gone > 0) note_peak(slab);
}

/* ---- Taking and giving ----------------------------------------------------------------------- */

uint32_t oh_slab_take_free(oh_slab_t *slab, uint32_t pages) {
  uint32_t const record = find(slab, pages);
  if (record == 0) return NO_PAGE;
  uint32_t const start = record_of(slab, record)->start;
  unlink_run(slab, record);
  keep_rest(slab, record, pages);
  return start;
}

uint32_t oh_slab_take_top(oh_slab_t *slab, uint32_t pages) {
  uint32_t const start = slab->top;
  return raise_top(slab, (uint64_t)start + pages) ? start : NO_PAGE;
}

static uint32_t take_anywhere(oh_slab_t *slab, uint32_t pages) {
  uint32_t const start = oh_slab_take_free(slab, pages);
  return start == NO_PAGE ? oh_slab_take_top(slab, pages) : start;
}

uint32_t oh_slab_take_at(oh_slab_t *slab, uint32_t pages, uint64_t align) {
  uint32_t const unit = (uint32_t)(align >> PAGE_SHIFT);
  uint32_t const origin = (uint32_t)(base_of(slab) >> PAGE_SHIFT) & (unit - 1);
  uint32_t start = take_anywhere(slab, pages);
  if (start != NO_PAGE) {
    if (((origin + start) & (unit - 1)) == 0) return start;
    oh_slab_give_run(slab, start, pages);
  }
  /* Any run that is so much longer has an aligned part; what is around it goes back. */
  start = take_anywhere(slab, pages + unit - 1);
  if (start == NO_PAGE) return NO_PAGE;
  uint32_t const first = start + ((0 - (origin + start)) & (unit - 1));
  uint32_t const end = start + pages + unit - 1;
  if (first + pages < end) oh_slab_give_run(slab, first + pages, end - first - pages);
  if (start < first) oh_slab_give_run(slab, start, first - start);
  return first;
}

bool oh_slab_grow_run(oh_slab_t *slab, uint32_t end, uint64_t more) {
  if (end == slab->top) return raise_top(slab, end + more);
  uint32_t const record = named_by(slab, end);
  if (!is_kind(slab, record, OH_SLAB_FREE)) return false;
  oh_slab_record_t const *const run = record_of(slab, record);
  if (run->start != end || run->pages < more) return false;
  unlink_run(slab, record);
  keep_rest(slab, record, (uint32_t)more);
  return true;
}

void oh_slab_give_run(oh_slab_t *slab, uint32_t start, uint32_t pages) {
  uint32_t first = start;
  uint32_t end = start + pages;
  uint32_t purged = 0;
  uint32_t const below = start == 0 ? 0 : named_by(slab, start - 1);
  if (is_kind(slab, below, OH_SLAB_FREE) && end_of(record_of(slab, below)) == start) {
    first = record_of(slab, below)->start;
    purged = record_of(slab, below)->free;
    unlink_run(slab, below);
    oh_slab_drop_record(slab, below);
  }
  uint32_t const above = end == slab->top ? 0 : named_by(slab, end);
  if (is_kind(slab, above, OH_SLAB_FREE) && record_of(slab, above)->start == end) {
    end = end_of(record_of(slab, above));
    purged += record_of(slab, above)->free;
    unlink_run(slab, above);
    oh_slab_drop_record(slab, above);
  }
  if (end != slab->top) {
    link_run(slab, oh_slab_new_record(slab), first, end - first, purged);
    return;
  }
  slab->purged -= purged;
  slab->top = first;
}
