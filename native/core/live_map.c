/* live_map.c: the slow half of the live map: making maps and their leaves.

   A leaf is whole pages straight from the system, so that it starts as zeros without being touched:
   only the pages that are written to take memory. Two threads may make the same leaf at once; one
   exchange decides, and the loser gives its leaf back. Leaves are never freed, so a reader needs no
   lock and no reference count.

   Costs: two system calls for each new 256 MiB of heap addresses. */

#include "live_map.h"

oh_live_map_t oh_live_libc;

/* A multiple of every page size and granularity there is, as a root is too. */
#define LEAF_BYTES (sizeof(oh_live_slot_t) << OH_LIVE_LEAF_BITS)

_Static_assert(sizeof(oh_live_slot_t) == 1, "a tag takes one byte");

static void *zeros(size_t size) {
  void *const made = os_pages_reserve(size, os_page_granularity());
  if (made == NULL) return NULL;
  if (os_pages_commit(made, size)) return made;
  os_pages_release(made, size);
  return NULL;
}

oh_live_map_t *oh_live_map_make(void) {
  return zeros(sizeof(oh_live_map_t));
}

static oh_live_slot_t *leaf_at(oh_live_leaf_ref_t *ref) {
  oh_live_slot_t *there = atomic_load_explicit(ref, memory_order_acquire);
  if (there != NULL) return there;
  oh_live_slot_t *const made = zeros(LEAF_BYTES);
  if (made == NULL) return NULL;
  if (atomic_compare_exchange_strong_explicit(ref, &there, made, memory_order_acq_rel,
                                              memory_order_acquire)) {
    return made;
  }
  os_pages_release(made, LEAF_BYTES);
  return there;
}

oh_live_slot_t *oh_live_slot_make(oh_live_map_t *map, uintptr_t address) {
  uint64_t granule;
  if (!oh_live_granule(address, &granule)) return NULL;
  oh_live_slot_t *const leaf = leaf_at(oh_live_leaf_ref(map, granule));
  return leaf == NULL ? NULL : &leaf[oh_live_leaf_index(granule)];
}
