/* live_map.c: the slow half of the live map: making its leaves.

   A leaf is whole pages straight from the system, so that it starts as zeros without being touched:
   only the pages that are written to take memory. Two threads may make the same leaf at once; one
   exchange decides, and the loser gives its leaf back. Leaves are never freed, so a reader needs no
   lock and no reference count.

   Costs: two system calls for each new 256 MiB of heap addresses. */

#include "live_map.h"

oh_live_leaf_ref_t oh_live_root[(size_t)1 << OH_LIVE_ROOT_BITS];

/* A multiple of every page size and granularity there is. */
#define LEAF_BYTES (sizeof(oh_live_slot_t) << OH_LIVE_LEAF_BITS)

_Static_assert(sizeof(oh_live_slot_t) == 1, "a tag takes one byte");

static oh_live_slot_t *leaf_make(void) {
  void *const leaf = os_pages_reserve(LEAF_BYTES, os_page_granularity());
  if (leaf == NULL) return NULL;
  if (os_pages_commit(leaf, LEAF_BYTES)) return leaf;
  os_pages_release(leaf, LEAF_BYTES);
  return NULL;
}

static oh_live_slot_t *leaf_at(oh_live_leaf_ref_t *ref) {
  oh_live_slot_t *there = atomic_load_explicit(ref, memory_order_acquire);
  if (there != NULL) return there;
  oh_live_slot_t *const made = leaf_make();
  if (made == NULL) return NULL;
  if (atomic_compare_exchange_strong_explicit(ref, &there, made, memory_order_acq_rel,
                                              memory_order_acquire)) {
    return made;
  }
  os_pages_release(made, LEAF_BYTES);
  return there;
}

oh_live_slot_t *oh_live_slot_make(uintptr_t address) {
  uint64_t granule;
  if (!oh_live_granule(address, &granule)) return NULL;
  oh_live_slot_t *const leaf = leaf_at(oh_live_leaf_ref(granule));
  return leaf == NULL ? NULL : &leaf[oh_live_leaf_index(granule)];
}
