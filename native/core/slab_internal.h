/* slab_internal.h: what the parts of the slab strategy know of its state, and what they do for each
   other. As lib/allocators/slab/heap.ts.

   An offset counts from page 0. A place, which is what magazines hold, is the offset less 2^31: the
   same bits but for the highest. C only. */

#ifndef OH_SLAB_INTERNAL_H
#define OH_SLAB_INTERNAL_H

#include "bits.h"
#include "offheap.h"

enum {
  PAGE_SHIFT = 9,
  PAGE_BYTES = 512,
  GRANULE_SHIFT = 4,
  CELL_SHIFT = 5,
  CELLS_PER_PAGE = 16,
  CLASS_SHIFT = 7, /* in a page's word, below its record's number                                */
  CLASS_MASK = 127 /* the largest class too                                                      */
};

/* Blocks of up to SMALL_MOST bytes come from slabs. One of 1 byte takes one of 32, as there would
   be no tag for it in half a cell, and is left to the slow paths; one of 0 bytes is one of 1. */
enum { SMALL_LEAST = 2, SMALL_MOST = 2032 };

/* An odd word in a magazine is no place: it is before the first, or where the places end. */
enum { ODD = 1 };

/* What a cell holds of a live block: see oh_slab_t. */
enum {
  TAG_HALF = 15,
  TAG_ONE = 8, /* of a block that was asked for as 1                                             */
  TAG_LIVE = 16,
  TAG_BITS = 31,
  TAG_HIGH = 32 /* the block starts in the upper half of its cell                                */
};

#define MIDDLE ((uint32_t)1 << 31)

/* ---- The tables behind the struct ------------------------------------------------------------ */

static inline uint32_t *words_of(oh_slab_t *slab) {
  return (uint32_t *)(void *)slab;
}

/* By page: its record << CLASS_SHIFT | its class. Pages inside a run that is no slab, and those
   from the top on, may say anything. */
static inline uint32_t *pages_of(oh_slab_t const *slab) {
  return (uint32_t *)(uintptr_t)(slab + 1);
}

/* number: 1 to most_pages. */
static inline oh_slab_record_t *record_of(oh_slab_t const *slab, uint32_t number) {
  oh_slab_record_t *const first =
      (oh_slab_record_t *)(void *)(pages_of(slab) + slab->most_pages);
  return &first[number - 1];
}

static inline uint8_t *cells_of(oh_slab_t const *slab) {
  size_t const words = 1 + sizeof(oh_slab_record_t) / sizeof(uint32_t);
  return (uint8_t *)(pages_of(slab) + words * slab->most_pages);
}

/* The record that a page names, or 0. */
static inline uint32_t named_by(oh_slab_t const *slab, uint32_t page) {
  return pages_of(slab)[page] >> CLASS_SHIFT;
}

static inline void mark(oh_slab_t *slab, uint32_t page, uint32_t record, uint32_t c) {
  pages_of(slab)[page] = record << CLASS_SHIFT | c;
}

/* Is this the number of a record of that kind? Of a page's word that may say anything it need not
   be the number of any record. */
static inline bool is_kind(oh_slab_t const *slab, uint32_t record, uint32_t kind) {
  return record != 0 && record <= slab->most_pages && record_of(slab, record)->all == kind;
}

/* ---- Arithmetic ------------------------------------------------------------------------------ */

static inline uint64_t base_of(oh_slab_t const *slab) {
  return (uint64_t)slab->base_hi << 32 | slab->base_lo;
}

/* The offset of a record's first page. */
static inline uint32_t offset_of(oh_slab_record_t const *record) {
  return record->start << PAGE_SHIFT;
}

/* The size class of the blocks for size bytes, 1 to SMALL_MOST. */
static inline uint32_t class_for(size_t size) {
  return size == 1 ? 2 : (uint32_t)(size + 15) >> GRANULE_SHIFT;
}

static inline uint32_t half_shift(uint32_t offset) {
  return offset >> 2 & 4;
}

static inline uint32_t high_bit(uint32_t offset) {
  return (offset & 16) << 1;
}

/* ---- Runs and large blocks: what is often needed -------------------------------------------- */

enum { MOST_CACHED = 64 };

/* The record of a run of so many pages that was cached, or 0. */
static inline uint32_t take_cached(oh_slab_t *slab, uint64_t pages) {
  if (pages > MOST_CACHED) return 0;
  uint32_t const record = slab->cache[pages];
  if (record == 0) return 0;
  slab->cache[pages] = record_of(slab, record)->next;
  slab->cached -= (uint32_t)pages;
  return record;
}

/* A run becomes a block of its own. */
static inline void enter_large(oh_slab_t *slab, uint32_t record, uint32_t size) {
  oh_slab_record_t *const block = record_of(slab, record);
  block->free = size;
  block->all = OH_SLAB_LARGE;
  mark(slab, block->start, record, 0);
  mark(slab, block->start + block->pages - 1, record, 0);
}

/* The record of the large block that starts at an offset below the top, or 0. */
static inline uint32_t large_at(oh_slab_t const *slab, uint32_t offset) {
  if (offset % PAGE_BYTES != 0) return 0;
  uint32_t const page = offset >> PAGE_SHIFT;
  uint32_t const record = named_by(slab, page);
  if (!is_kind(slab, record, OH_SLAB_LARGE)) return 0;
  return record_of(slab, record)->start == page ? record : 0;
}

/* ---- Magazines ------------------------------------------------------------------------------- */

/* The index of the word of a magazine's first place. */
static inline uint32_t first_in(uint32_t c) {
  return (uint32_t)(offsetof(oh_slab_t, magazine) / sizeof(uint32_t)) + 1 + c * OH_SLAB_MAGAZINE;
}

/* How many places are in it. */
static inline uint32_t count_in(oh_slab_t const *slab, uint32_t c) {
  return slab->next[c] - first_in(c);
}

/* ---- slab_magazines.c: slabs and the magazines that blocks are taken from ------------------- */

/* Fills the empty magazine of a class. false: out of memory. */
bool oh_slab_refill(oh_slab_t *slab, uint32_t c);
/* Makes the next block of a class one at a multiple of align, if there is one within reach. */
bool oh_slab_raise_aligned(oh_slab_t *slab, uint32_t c, uint32_t align);
/* A block was freed whose magazine is full: makes room for it and puts it there. true. */
bool oh_slab_spill(oh_slab_t *slab, uint32_t c, uint32_t place);
/* Empties all magazines. Was a slab given back by that? */
bool oh_slab_drop_empty(oh_slab_t *slab);

/* ---- slab_runs.c: pages in runs, free or cached ---------------------------------------------- */

#define NO_PAGE UINT32_MAX

/* A record of its own for the caller; there is one for every page, so there is always one. */
uint32_t oh_slab_new_record(oh_slab_t *slab);
/* Gives it back. */
void oh_slab_drop_record(oh_slab_t *slab, uint32_t record);
/* Puts a record at the head of a list, and takes it out of one. */
void oh_slab_link(oh_slab_t *slab, uint32_t *head, uint32_t record);
void oh_slab_unlink(oh_slab_t *slab, uint32_t *head, uint32_t record);

/* The first page of a run of pages that were given back, of one that was never used (or not since
   the top fell), and of one at a multiple of align, which is more than a page; or NO_PAGE. */
uint32_t oh_slab_take_free(oh_slab_t *slab, uint32_t pages);
uint32_t oh_slab_take_top(oh_slab_t *slab, uint32_t pages);
uint32_t oh_slab_take_at(oh_slab_t *slab, uint32_t pages, uint64_t align);
/* Makes a run that ends at a page longer by those behind it, if they are free. */
bool oh_slab_grow_run(oh_slab_t *slab, uint32_t end, uint64_t more);
/* Gives a run back that no record is of any more. */
void oh_slab_give_run(oh_slab_t *slab, uint32_t start, uint32_t pages);

/* ---- slab_cache.c: runs that wait for a request of their length, and large blocks ------------ */

/* The record of a run, whose kind is for the caller to enter, or 0: out of memory. align 1: pages
   are aligned enough. */
uint32_t oh_slab_take_run(oh_slab_t *slab, uint32_t pages, uint64_t align);
/* Gives a run back, whose first and last page name its record. */
void oh_slab_cache_run(oh_slab_t *slab, uint32_t record);

/* A block that is a run of its own: its record, or 0. */
uint32_t oh_slab_take_large(oh_slab_t *slab, size_t size, size_t align);
/* false: there is something behind it. */
bool oh_slab_resize_large(oh_slab_t *slab, uint32_t record, size_t size);

#endif
