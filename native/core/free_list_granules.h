/* free_list_granules.h: where blocks and holes lie in a free list, and how long they are.

   A bit map has a bit at the first granule of each block and hole, another one at the first and the
   last granule of each hole: so what lies before and behind a block is known without a search.
   Below 16 granules the length is the distance to the next start. What is longer covers an aligned
   word of the table of slacks (8 granules) in which it has no slack to keep, so its length is
   there: behind its first granule and, for holes, before their end. That is Knuth's boundary tags,
   outside of the memory they describe and in words that are there anyway.

   The free rest behind the last block ("top") is no hole: most searches that find nothing else end
   there, and it would change the whole path to the root each time.

   Source: D. E. Knuth, The Art of Computer Programming, volume 1, 2.5 (first fit and boundary
   tags). */

#ifndef OH_FREE_LIST_GRANULES_H
#define OH_FREE_LIST_GRANULES_H

#include "free_list_places.h"

/* A live block. */
typedef struct block {
  uint32_t start;  /* its first granule                                                          */
  uint32_t length; /* granules                                                                   */
  uint32_t size;   /* bytes that were asked for, at least 1                                      */
} block_t;

/* What a block is to be. */
typedef struct wanted {
  uint32_t length; /* granules, at least 1                                                       */
  uint32_t slack;  /* bytes of them that were not asked for                                      */
} wanted_t;

/* The lowest granules that are free, or NONE. */
uint32_t oh_granules_take(oh_free_list_t *list, wanted_t wanted);
/* The same, the first of them phase modulo step, a power of two. Holes that have the room but not
   at the right place are passed over one by one. */
uint32_t oh_granules_take_aligned(oh_free_list_t *list, wanted_t wanted, uint64_t step,
                                  uint64_t phase);
/* The live block that starts at granule g. false: there is none. Any g. */
bool oh_granules_find(oh_free_list_t *list, uint32_t g, block_t *block);
/* Is this granule in a hole or behind the top? Looks back for a start: O(length of the block). */
bool oh_granules_is_vacant(oh_free_list_t *list, uint32_t g);
/* The block has another length now, or another slack. false: nothing changed. */
bool oh_granules_resize(oh_free_list_t *list, block_t block, wanted_t wanted);
/* Frees a live block. */
void oh_granules_give(oh_free_list_t *list, block_t block);
/* Frees everything. */
void oh_granules_clear(oh_free_list_t *list);

#endif
