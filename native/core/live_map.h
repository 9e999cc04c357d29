/* live_map.h: which blocks of the C heap are ours and alive.

   free() of a wrong pointer kills a process, and the heap offers no question to ask first. So every
   block that the libc allocator hands out has one byte in a sparse table keyed by its address: a
   tag (never 0) while it lives, OH_TAG_FREED after, 0 where no block of ours ever started. The
   table is out of band: no header in the block, nothing read from the address itself.

   A three-level radix tree over the 48 bits of a user-space address: 14 bits root (static), 14 bits
   middle, 16 bits leaf, for blocks that start at multiples of 16. A leaf is 64 KiB of bytes for
   1 MiB of addresses, mapped lazily, never freed. Lock-free: inserting is a plain store (the block
   is not yet anyone else's), taking is one compare-and-exchange, so of two threads that free the
   same block exactly one wins. (With 32-bit addresses, where malloc aligns to 8, a leaf covers
   512 KiB and one root entry is used.)

   Costs: three dependent loads to find the byte, about 1 ns when cached; 5 ns more for the
   exchange. 1 byte per 16 bytes of heap that is used, 64 KiB of address space per 1 MiB.

   The lookup is inline because libc.c does it on every malloc and free. C only: C++ has other
   atomics. */

#ifndef OH_LIVE_MAP_H
#define OH_LIVE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os.h"

typedef uint8_t oh_tag_t;

#define OH_TAG_ALIGN 0x3fu /* mask: 1 + log2(align), 1 ... 62                          */
#define OH_TAG_FREED 0x3fu /* the block that started here has been freed               */
#define OH_TAG_RAW 0x40u   /* from os_heap_alloc_raw                                   */
#define OH_TAG_SHOWN 0x80u /* an ArrayBuffer shows it: only its region may free it     */

/* ---- The tree -------------------------------------------------------------------------------- */

#define OH_LIVE_ROOT_BITS 14
#define OH_LIVE_MIDDLE_BITS 14
#define OH_LIVE_LEAF_BITS 16
#define OH_LIVE_BITS (OH_LIVE_ROOT_BITS + OH_LIVE_MIDDLE_BITS + OH_LIVE_LEAF_BITS)

#define OH_LIVE_INDEX(granule, shift, bits) \
  ((size_t)((granule) >> (shift)) & (((size_t)1 << (bits)) - 1))

typedef _Atomic(oh_tag_t) oh_live_slot_t;             /* a leaf is an array of these     */
typedef _Atomic(oh_live_slot_t *) oh_live_leaf_ref_t; /* a middle node is an array of these */
typedef _Atomic(oh_live_leaf_ref_t *) oh_live_middle_ref_t;

/* Hidden, so that its address is a constant in a shared library and not a load. */
#if defined(__GNUC__) && !defined(_WIN32)
__attribute__((visibility("hidden")))
#endif
extern oh_live_middle_ref_t oh_live_root[(size_t)1 << OH_LIVE_ROOT_BITS];

/* The number of ptr in units of OS_HEAP_ALIGN; false: no block of the heap starts there. */
static inline bool oh_live_granule(void const *ptr, uint64_t *granule) {
  uintptr_t const address = (uintptr_t)ptr;
  *granule = (uint64_t)address / OS_HEAP_ALIGN;
  return address % OS_HEAP_ALIGN == 0 && *granule >> OH_LIVE_BITS == 0;
}

/* The byte of ptr; NULL: there is no leaf for it, so it is not live. The acquiring loads pair with
   the releasing exchange that publishes a node: whoever sees a node sees its zeros. */
static inline oh_live_slot_t *oh_live_slot(void const *ptr) {
  uint64_t granule;
  if (!oh_live_granule(ptr, &granule)) return NULL;
  oh_live_leaf_ref_t *const middle = atomic_load_explicit(
      &oh_live_root[OH_LIVE_INDEX(granule, OH_LIVE_LEAF_BITS + OH_LIVE_MIDDLE_BITS,
                                  OH_LIVE_ROOT_BITS)],
      memory_order_acquire);
  if (middle == NULL) return NULL;
  oh_live_slot_t *const leaf = atomic_load_explicit(
      &middle[OH_LIVE_INDEX(granule, OH_LIVE_LEAF_BITS, OH_LIVE_MIDDLE_BITS)],
      memory_order_acquire);
  if (leaf == NULL) return NULL;
  return &leaf[OH_LIVE_INDEX(granule, 0, OH_LIVE_LEAF_BITS)];
}

/* As oh_live_slot, mapping the leaf if there is none yet. NULL: no memory for it, or an address
   that the tree does not cover. */
oh_live_slot_t *oh_live_slot_make(void const *ptr);

/* ---- Operations on a slot -----------------------------------------------------------------------

   Relaxed is enough for the tags. They publish nothing: what is in a block travels between threads
   by whatever carried its address. And their order against the heap is given by the heap: a tag
   becomes FREED before free() is called, malloc() returns the address to its next owner after that
   free(), and only then is it tagged again. */

static inline oh_tag_t oh_live_slot_get(oh_live_slot_t *slot) {
  return slot == NULL ? 0 : atomic_load_explicit(slot, memory_order_relaxed);
}

/* For the owner of the block only: others may be reading, nobody else writes. */
static inline void oh_live_slot_set(oh_live_slot_t *slot, oh_tag_t tag) {
  atomic_store_explicit(slot, tag, memory_order_relaxed);
}

static inline bool oh_live_slot_replace(oh_live_slot_t *slot, oh_tag_t expected, oh_tag_t desired) {
  return atomic_compare_exchange_strong_explicit(slot, &expected, desired, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/* ---- The same by address --------------------------------------------------------------------- */

/* false: no memory for the leaf, or an address beyond 48 bits; the block is then not live. */
static inline bool oh_live_insert(void const *ptr, oh_tag_t tag) {
  oh_live_slot_t *slot = oh_live_slot(ptr);
  if (slot == NULL) slot = oh_live_slot_make(ptr);
  if (slot == NULL) return false;
  oh_live_slot_set(slot, tag);
  return true;
}

/* The tag, OH_TAG_FREED or 0. Any ptr. */
static inline oh_tag_t oh_live_get(void const *ptr) {
  return oh_live_slot_get(oh_live_slot(ptr));
}

/* Replaces expected by desired atomically; false: it was not expected. */
static inline bool oh_live_replace(void const *ptr, oh_tag_t expected, oh_tag_t desired) {
  oh_live_slot_t *const slot = oh_live_slot(ptr);
  return slot != NULL && oh_live_slot_replace(slot, expected, desired);
}

#endif
