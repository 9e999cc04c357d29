/* live_block.h: taking a block, which decides who of several threads may free or move it.

   A block of a malloc is tagged in the live map after it was allocated and taken out before it is
   freed. Of several threads that free, move, resize or ask about the same block, one makes its tag
   OH_TAG_BUSY and goes on; the others wait for the new tag, which comes some nanoseconds later, and
   are refused if the block is freed then. What has to be asked of the heap itself (how large is the
   block?) is asked while the block is taken, because the answer is read from memory that another
   thread could otherwise free meanwhile.

   Inline, for libc.c and dynamic.c: each has a map of its own. Costs: 6 ns to take. C only. */

#ifndef OH_LIVE_BLOCK_H
#define OH_LIVE_BLOCK_H

#include "live_map.h"
#include "offheap.h"
#include "status.h"

#ifdef _MSC_VER
#include <intrin.h>
#endif

/* ---- Tags ------------------------------------------------------------------------------------ */

static inline unsigned oh_log2(size_t pow2) {
#if defined(_MSC_VER) && defined(_WIN64)
  unsigned long bit;
  _BitScanForward64(&bit, pow2);
  return bit;
#elif defined(_MSC_VER)
  unsigned long bit;
  _BitScanForward(&bit, pow2);
  return bit;
#else
  return (unsigned)__builtin_ctzll(pow2);
#endif
}

/* Never OH_TAG_FREED for a block that there is: see OS_HEAP_MAX_ALIGN. */
static inline oh_tag_t oh_live_tag(size_t align) {
  return (oh_tag_t)(1 + oh_log2(align));
}

static inline size_t oh_live_align(oh_tag_t tag) {
  return (size_t)1 << ((tag & OH_TAG_ALIGN) - 1);
}

/* Why a block with this tag may not be freed or moved by a caller who names align. */
static inline oh_status_t oh_live_judge(oh_tag_t tag, size_t align) {
  if (tag == 0) return OH_INVALID_POINTER;
  if (tag == OH_TAG_FREED) return OH_DOUBLE_FREE;
  /* malloc is not told an alignment, so there is none to compare with. */
  bool const raw = (tag & OH_TAG_RAW) != 0;
  bool const any = align == 0 || (raw && oh_is_pow2(align) && align <= OS_HEAP_ALIGN);
  if (!any && align != oh_live_align(tag)) return OH_INVALID_ALIGN;
  return (tag & OH_TAG_SHOWN) != 0 ? OH_SHOWN : OH_OK;
}

/* ---- Taking ---------------------------------------------------------------------------------- */

typedef struct oh_live_taken {
  oh_live_slot_t *slot;
  oh_tag_t tag; /* what it was before it became OH_TAG_BUSY */
} oh_live_taken_t;

/* The tag once nobody is busy with the block. Whoever is holds it for one call into the heap. */
static inline oh_tag_t oh_live_settled(oh_live_slot_t *slot) {
  oh_tag_t tag;
  while ((tag = oh_live_slot_get(slot)) == OH_TAG_BUSY) os_yield();
  return tag;
}

/* Makes a block busy that oh_live_judge() finds to be as wanted. Then oh_live_put_back() or
   oh_live_strike_out(). */
static inline oh_status_t oh_live_take_as(oh_live_map_t *map, oh_status_t wanted, void const *ptr,
                                          size_t align, oh_live_taken_t *out) {
  out->slot = oh_live_slot(map, ptr);
  do {
    out->tag = oh_live_settled(out->slot);
    oh_status_t const status = oh_live_judge(out->tag, align);
    if (status != wanted) return status;
  } while (!oh_live_slot_replace(out->slot, out->tag, OH_TAG_BUSY));
  return wanted;
}

/* Takes a live block, shown or not, and either may change meanwhile. */
static inline bool oh_live_take_any(oh_live_map_t *map, void const *ptr, oh_live_taken_t *out) {
  oh_status_t wanted = OH_OK;
  oh_status_t status;
  while ((status = oh_live_take_as(map, wanted, ptr, 0, out)) != wanted) {
    if (status != OH_OK && status != OH_SHOWN) return false;
    wanted = status;
  }
  return true;
}

/* It lives on, as it was. */
static inline void oh_live_put_back(oh_live_taken_t const *block) {
  oh_live_slot_set(block->slot, block->tag);
}

/* The block counts as freed. Before the heap can give its address to another thread. */
static inline void oh_live_strike_out(oh_live_taken_t const *block) {
  oh_live_slot_set(block->slot, OH_TAG_FREED);
}

/* ---- Asking and marking ---------------------------------------------------------------------- */

/* Is this the start of a live block, shown or not? */
static inline bool oh_live_owns(oh_live_map_t *map, void const *ptr) {
  oh_status_t const status = oh_live_judge(oh_live_settled(oh_live_slot(map, ptr)), 0);
  return status == OH_OK || status == OH_SHOWN;
}

/* Marks a live block as shown to JavaScript. false: not live, or shown already. */
static inline bool oh_live_show(oh_live_map_t *map, void const *ptr) {
  oh_live_taken_t block;
  if (oh_live_take_as(map, OH_OK, ptr, 0, &block) != OH_OK) return false;
  oh_live_slot_set(block.slot, (oh_tag_t)(block.tag | OH_TAG_SHOWN));
  return true;
}

/* Takes that mark off. false: it had none. */
static inline bool oh_live_unshow(oh_live_map_t *map, void const *ptr) {
  oh_live_taken_t block;
  if (oh_live_take_as(map, OH_SHOWN, ptr, 0, &block) != OH_SHOWN) return false;
  oh_live_slot_set(block.slot, (oh_tag_t)(block.tag & ~OH_TAG_SHOWN));
  return true;
}

/* Takes a shown block, for whoever frees it. OH_INVALID_POINTER: it is live, but not shown. */
static inline oh_status_t oh_live_take_shown(oh_live_map_t *map, void const *ptr,
                                             oh_live_taken_t *out) {
  oh_status_t const status = oh_live_take_as(map, OH_SHOWN, ptr, 0, out);
  if (status == OH_SHOWN) return OH_OK;
  return status == OH_OK ? OH_INVALID_POINTER : status;
}

#endif
