/* live_map.h: which blocks of a malloc are ours and alive.

   free() of a wrong pointer kills a process, and the heap offers no question to ask first. So every
   block that the libc allocator hands out has one byte in a sparse table keyed by its address: a
   tag (never 0) while it lives, OH_TAG_FREED after, 0 where no block of ours ever started. The
   table is out of band: no header in the block, nothing read from the address itself. Each malloc
   has a map of its own, so that a block of one is no block of another: the C heap's is
   oh_live_libc.

   A two-level radix tree over the 48 bits of a user-space address: 20 bits root (8 MiB that
   are never touched but for a page or two), 24 bits leaf, for blocks that start at multiples of 16.
   A leaf is 16 MiB of address space for 256 MiB of heap, and takes memory by the page: 4 KiB for
   each 64 KiB of heap that is used. Leaves are mapped lazily, never freed. Lock-free: inserting is
   a plain store (the block is not yet anyone else's), taking is one compare-and-exchange, so of two
   threads that free the same block exactly one wins. (With 32-bit addresses, where malloc aligns to
   8, a leaf covers 128 MiB.)

   Costs: two dependent loads to find the byte, about 1 ns when cached; 5 ns more for the exchange.
   1 byte per 16 bytes of heap that is used. A level more would cost a load on every malloc and
   free.

   The lookup is inline because libc.c does it on every malloc and free; its map is a constant
   there, and costs nothing. C only: C++ has other atomics. */

#ifndef OH_LIVE_MAP_H
#define OH_LIVE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os.h"

typedef uint8_t oh_tag_t;

#define OH_TAG_ALIGN 0x3fu /* mask: 1 + log2(align), 1 ... 61                          */
#define OH_TAG_FREED 0x3fu /* the block that started here has been freed               */
#define OH_TAG_BUSY 0x3eu  /* somebody asks the heap about the block: wait for the tag   */
#define OH_TAG_RAW 0x40u   /* from os_heap_alloc_raw                                   */
#define OH_TAG_SHOWN 0x80u /* an ArrayBuffer shows it: only its region may free it     */

/* ---- The tree -------------------------------------------------------------------------------- */

#define OH_LIVE_ROOT_BITS 20
#define OH_LIVE_LEAF_BITS 24
#define OH_LIVE_BITS (OH_LIVE_ROOT_BITS + OH_LIVE_LEAF_BITS)

typedef _Atomic(oh_tag_t) oh_live_slot_t;             /* a leaf is an array of these   */
typedef _Atomic(oh_live_slot_t *) oh_live_leaf_ref_t; /* the root is an array of these */

typedef struct oh_live_map {
  oh_live_leaf_ref_t root[(size_t)1 << OH_LIVE_ROOT_BITS];
} oh_live_map_t;

/* Of the C heap. Hidden, so that its address is a constant in a shared library and not a load. */
#if defined(__GNUC__) && !defined(_WIN32)
__attribute__((visibility("hidden")))
#endif
extern oh_live_map_t oh_live_libc;

/* An empty map, for good: there is no end of one. NULL: no memory. */
oh_live_map_t *oh_live_map_make(void);

/* The number of an address in units of OS_HEAP_ALIGN; false: no block of the heap starts there. */
static inline bool oh_live_granule(uintptr_t address, uint64_t *granule) {
  *granule = (uint64_t)address / OS_HEAP_ALIGN;
  return address % OS_HEAP_ALIGN == 0 && *granule >> OH_LIVE_BITS == 0;
}

static inline oh_live_leaf_ref_t *oh_live_leaf_ref(oh_live_map_t *map, uint64_t granule) {
  return &map->root[granule >> OH_LIVE_LEAF_BITS];
}

static inline size_t oh_live_leaf_index(uint64_t granule) {
  return (size_t)(granule & (((uint64_t)1 << OH_LIVE_LEAF_BITS) - 1));
}

/* The byte of ptr; NULL: there is no leaf for it, so it is not live. The acquiring load pairs with
   the releasing exchange that publishes a leaf: whoever sees a leaf sees its zeros. */
static inline oh_live_slot_t *oh_live_slot(oh_live_map_t *map, void const *ptr) {
  uint64_t granule;
  if (!oh_live_granule((uintptr_t)ptr, &granule)) return NULL;
  oh_live_slot_t *const leaf =
      atomic_load_explicit(oh_live_leaf_ref(map, granule), memory_order_acquire);
  return leaf == NULL ? NULL : &leaf[oh_live_leaf_index(granule)];
}

/* As oh_live_slot, mapping the leaf if there is none yet. NULL: no memory for it, or an address
   that the tree does not cover. */
oh_live_slot_t *oh_live_slot_make(oh_live_map_t *map, uintptr_t address);

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
static inline bool oh_live_insert(oh_live_map_t *map, void const *ptr, oh_tag_t tag) {
  oh_live_slot_t *slot = oh_live_slot(map, ptr);
  if (slot == NULL) slot = oh_live_slot_make(map, (uintptr_t)ptr);
  if (slot == NULL) return false;
  oh_live_slot_set(slot, tag);
  return true;
}

/* The tag, OH_TAG_FREED or 0. Any ptr. */
static inline oh_tag_t oh_live_get(oh_live_map_t *map, void const *ptr) {
  return oh_live_slot_get(oh_live_slot(map, ptr));
}

/* Replaces expected by desired atomically; false: it was not expected. */
static inline bool oh_live_replace(oh_live_map_t *map, void const *ptr, oh_tag_t expected,
                                   oh_tag_t desired) {
  oh_live_slot_t *const slot = oh_live_slot(map, ptr);
  return slot != NULL && oh_live_slot_replace(slot, expected, desired);
}

#endif
