/* live_map.c: the slow half of the live map: making the nodes of its tree.

   A node is whole pages straight from the system, so that it starts as zeros without being touched:
   only the pages of a leaf that are written to take memory. Two threads may make the same node at
   once; one exchange decides, and the loser gives its node back. Nodes are never freed, so a reader
   needs no lock and no reference count.

   Costs: two system calls for each new MiB of heap addresses. */

#include "live_map.h"

oh_live_middle_ref_t oh_live_root[(size_t)1 << OH_LIVE_ROOT_BITS];

#define MIDDLE_BYTES (sizeof(oh_live_leaf_ref_t) << OH_LIVE_MIDDLE_BITS)
#define LEAF_BYTES (sizeof(oh_live_slot_t) << OH_LIVE_LEAF_BITS)

_Static_assert(sizeof(oh_live_slot_t) == 1, "a tag takes one byte");

/* Nodes are multiples of every page size up to 64 KiB; larger pages round them up. */
static size_t node_bytes(size_t bytes) {
  size_t const unit = os_page_granularity();
  return (bytes + unit - 1) / unit * unit;
}

static void *node_make(size_t bytes) {
  size_t const size = node_bytes(bytes);
  void *const node = os_pages_reserve(size, os_page_granularity());
  if (node == NULL) return NULL;
  if (os_pages_commit(node, size)) return node;
  os_pages_release(node, size);
  return NULL;
}

static oh_live_leaf_ref_t *middle_at(oh_live_middle_ref_t *ref) {
  oh_live_leaf_ref_t *there = atomic_load_explicit(ref, memory_order_acquire);
  if (there != NULL) return there;
  oh_live_leaf_ref_t *const made = node_make(MIDDLE_BYTES);
  if (made == NULL) return NULL;
  if (atomic_compare_exchange_strong_explicit(ref, &there, made, memory_order_acq_rel,
                                              memory_order_acquire)) {
    return made;
  }
  os_pages_release(made, node_bytes(MIDDLE_BYTES));
  return there;
}

static oh_live_slot_t *leaf_at(oh_live_leaf_ref_t *ref) {
  oh_live_slot_t *there = atomic_load_explicit(ref, memory_order_acquire);
  if (there != NULL) return there;
  oh_live_slot_t *const made = node_make(LEAF_BYTES);
  if (made == NULL) return NULL;
  if (atomic_compare_exchange_strong_explicit(ref, &there, made, memory_order_acq_rel,
                                              memory_order_acquire)) {
    return made;
  }
  os_pages_release(made, node_bytes(LEAF_BYTES));
  return there;
}

oh_live_slot_t *oh_live_slot_make(void const *ptr) {
  uint64_t granule;
  if (!oh_live_granule(ptr, &granule)) return NULL;
  oh_live_leaf_ref_t *const middle = middle_at(
      &oh_live_root[OH_LIVE_INDEX(granule, OH_LIVE_LEAF_BITS + OH_LIVE_MIDDLE_BITS,
                                  OH_LIVE_ROOT_BITS)]);
  if (middle == NULL) return NULL;
  oh_live_slot_t *const leaf =
      leaf_at(&middle[OH_LIVE_INDEX(granule, OH_LIVE_LEAF_BITS, OH_LIVE_MIDDLE_BITS)]);
  if (leaf == NULL) return NULL;
  return &leaf[OH_LIVE_INDEX(granule, 0, OH_LIVE_LEAF_BITS)];
}
