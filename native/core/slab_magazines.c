/* slab_magazines.c: slabs, and the magazines that blocks are taken from and given to. As
   lib/allocators/slab/slabs.ts.

   A slab is a run of pages cut into at most 32 blocks of one size class. A magazine is a small
   stack of free blocks of one class. When it is empty it is filled from slabs that have free
   blocks, or from a new one; when it is full its older half goes back to their slabs, and a slab
   that has all of its blocks again gives its pages back. So the lists of slabs are touched once in
   many operations. Source: Bonwick and Adams, "Magazines and Vmem". */

#include "slab_internal.h"

/* A slab aims at a share of the pages in use, as a power of two, and at 2 KiB, and leaves at most a
   share of its own unused. */
enum { CUT_HEAP_SHARE = 12, CUT_LEAST_PAGES = 4, CUT_WASTE_SHARE = 3, MOST_BLOCKS = 32 };

/* A magazine holds blocks for about a share of the heap, and at least for so many units of 16 bytes,
   of classes above one at least a few. All are emptied whenever the heap has grown by a share. */
enum { KEEP_HEAP_SHARE = 13, LEAST_UNITS = 256, FEW_ABOVE = 16, FEW = 2, GROWTH_SHARE = 5 };

enum { ROOM = 32, UNITS_PER_PAGE = 32, STRETCH_PAGES = 256, INVERSE_SHIFT = 20 };

_Static_assert(OH_SLAB_MAGAZINE == ROOM + 2, "places between two odd words");

static uint32_t min_of(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

static uint32_t max_of(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

/* ---- How many -------------------------------------------------------------------------------- */

/* Pages of a slab; 32 units of 16 bytes are one. */
static uint32_t pages_in(uint32_t blocks, uint32_t c) {
  return (blocks * c + UNITS_PER_PAGE - 1) / UNITS_PER_PAGE;
}

/* How many blocks a new slab should have in a heap of so many pages. */
static uint32_t blocks_for(uint32_t c, uint32_t heap_pages) {
  uint32_t const pages = max_of(CUT_LEAST_PAGES, heap_pages >> CUT_HEAP_SHARE);
  uint32_t blocks = min_of(MOST_BLOCKS, max_of(1, pages * UNITS_PER_PAGE / c));
  for (; blocks < MOST_BLOCKS; blocks++) {
    uint32_t const units = pages_in(blocks, c) * UNITS_PER_PAGE;
    if ((units - blocks * c) << CUT_WASTE_SHARE <= units) break;
  }
  return blocks;
}

static uint32_t most_in_magazine(uint32_t c, uint32_t heap_pages) {
  uint32_t const units = (heap_pages >> KEEP_HEAP_SHARE) * UNITS_PER_PAGE;
  uint32_t const least = c > FEW_ABOVE ? FEW : LEAST_UNITS / c;
  return min_of(ROOM, max_of(least, units / c));
}

/* A magazine gets its limit. */
static void set_most(oh_slab_t *slab, uint32_t c, uint32_t most) {
  uint32_t *const magazine = &words_of(slab)[first_in(c)];
  magazine[slab->most[c]] = 0;
  magazine[most] = ODD;
  slab->most[c] = most;
}

/* ---- Giving back ----------------------------------------------------------------------------- */

/* Gives blocks back to their slab. Were they the last ones, so that the slab was given back? */
static bool give_blocks(oh_slab_t *slab, uint32_t record, uint32_t c, uint32_t bits) {
  oh_slab_record_t *const owner = record_of(slab, record);
  uint32_t const free = owner->free;
  owner->free = free | bits;
  if (owner->free == owner->all) {
    if (free != 0) oh_slab_unlink(slab, &slab->partial[c], record);
    oh_slab_cache_run(slab, record);
    return true;
  }
  if (free == 0) oh_slab_link(slab, &slab->partial[c], record);
  return false;
}

/* Gives the oldest blocks of a magazine back to their slabs. Was a slab given back by that? */
static bool give_back(oh_slab_t *slab, uint32_t c, uint32_t count) {
  uint32_t *const magazine = &words_of(slab)[first_in(c)];
  uint32_t const inverse = slab->inverse[c];
  bool any = false;
  uint32_t record = 0;
  uint32_t first = 0;
  uint32_t bits = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t const offset = magazine[i] ^ MIDDLE;
    uint32_t const owner = named_by(slab, offset >> PAGE_SHIFT);
    /* Blocks that were freed one after the other are often of one slab. */
    if (owner != record) {
      if (bits != 0 && give_blocks(slab, record, c, bits)) any = true;
      record = owner;
      bits = 0;
      first = offset_of(record_of(slab, record));
    }
    bits |= (uint32_t)1 << (((offset - first) >> GRANULE_SHIFT) * inverse >> INVERSE_SHIFT);
  }
  if (bits != 0 && give_blocks(slab, record, c, bits)) any = true;
  uint32_t const rest = count_in(slab, c) - count;
  for (uint32_t i = 0; i < rest; i++) magazine[i] = magazine[i + count];
  slab->next[c] -= count;
  return any;
}

bool oh_slab_spill(oh_slab_t *slab, uint32_t c, uint32_t place) {
  uint32_t const count = count_in(slab, c);
  uint32_t const most = most_in_magazine(c, slab->top);
  /* The heap may have grown since, and the magazine with it. */
  give_back(slab, c, count < most ? 0 : count - most / 2);
  set_most(slab, c, most_in_magazine(c, slab->top));
  words_of(slab)[slab->next[c]++] = place;
  return true;
}

bool oh_slab_drop_empty(oh_slab_t *slab) {
  bool any = false;
  for (uint32_t c = 1; c <= CLASS_MASK; c++) {
    uint32_t const count = count_in(slab, c);
    if (count > 0 && give_back(slab, c, count)) any = true;
  }
  return any;
}

/* ---- Taking ---------------------------------------------------------------------------------- */

/* Moves free blocks of a slab into the magazine, as many as fit, so that the lowest comes first. */
static void drain(oh_slab_t *slab, uint32_t record, uint32_t c) {
  oh_slab_record_t *const from = record_of(slab, record);
  uint32_t *const words = words_of(slab);
  uint32_t const first = offset_of(from) ^ MIDDLE;
  uint32_t const end = first_in(c) + slab->most[c];
  uint32_t next = slab->next[c];
  uint32_t free = from->free;
  while (free != 0 && next < end) {
    uint32_t const i = highest_bit(free);
    free ^= (uint32_t)1 << i;
    words[next++] = first + (i * c << GRANULE_SHIFT);
  }
  slab->next[c] = next;
  from->free = free;
  if (free == 0) oh_slab_unlink(slab, &slab->partial[c], record);
}

/* The stretches of some pages have cells from now on. */
static void count_stretches(oh_slab_t *slab, uint32_t first, uint32_t last) {
  for (uint32_t i = first / STRETCH_PAGES; i <= last / STRETCH_PAGES; i++) {
    uint32_t const bit = (uint32_t)1 << (i & 31);
    if ((slab->stretch_map[i >> 5] & bit) != 0) continue;
    slab->stretch_map[i >> 5] |= bit;
    slab->stretches++;
  }
}

static void enter(oh_slab_t *slab, uint32_t c, uint32_t record, uint32_t blocks) {
  oh_slab_record_t *const run = record_of(slab, record);
  uint32_t const end = run->start + run->pages;
  run->all = ((uint32_t)2 << (blocks - 1)) - 1;
  run->free = run->all;
  for (uint32_t page = run->start; page < end; page++) mark(slab, page, record, c);
  count_stretches(slab, run->start, end - 1);
  oh_slab_link(slab, &slab->partial[c], record);
  drain(slab, record, c);
}

/* Makes a new slab: as many blocks as suit the heap, else a single page or two. */
static bool cut(oh_slab_t *slab, uint32_t c) {
  uint32_t const top = slab->top;
  if (top > slab->empty_at) {
    slab->empty_at = top + (top >> GROWTH_SHARE);
    oh_slab_drop_empty(slab);
  }
  uint32_t blocks = blocks_for(c, top);
  uint32_t record = oh_slab_take_run(slab, pages_in(blocks, c), 1);
  if (record == 0) {
    blocks = min_of(MOST_BLOCKS, pages_in(1, c) * UNITS_PER_PAGE / c);
    record = oh_slab_take_run(slab, pages_in(blocks, c), 1);
    if (record == 0 && oh_slab_drop_empty(slab)) {
      record = oh_slab_take_run(slab, pages_in(blocks, c), 1);
    }
    if (record == 0) return false;
  }
  enter(slab, c, record, blocks);
  return true;
}

bool oh_slab_refill(oh_slab_t *slab, uint32_t c) {
  uint32_t const most = most_in_magazine(c, slab->top);
  set_most(slab, c, most);
  while (count_in(slab, c) < most / 2) {
    uint32_t const record = slab->partial[c];
    if (record == 0) break;
    drain(slab, record, c);
  }
  return count_in(slab, c) > 0 || cut(slab, c);
}

bool oh_slab_raise_aligned(oh_slab_t *slab, uint32_t c, uint32_t align) {
  if (count_in(slab, c) == 0 && !oh_slab_refill(slab, c)) return false;
  uint32_t *const words = words_of(slab);
  uint32_t const last = slab->next[c] - 1;
  for (uint32_t i = last; i >= first_in(c); i--) {
    uint32_t const place = words[i];
    if (place % align != 0) continue;
    words[i] = words[last];
    words[last] = place;
    return true;
  }
  return false;
}
