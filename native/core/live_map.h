/* live_map.h: which blocks of the C heap are ours and alive.

   free() of a wrong pointer kills a process, and the heap offers no question to ask first. So every
   block that the libc allocator hands out has one byte in a sparse table keyed by its address: a
   tag (never 0) while it lives, OH_TAG_FREED after, 0 where no block of ours ever started. The
   table is out of band: no header in the block, nothing read from the address itself.

   A three-level radix tree over the 48 bits of a user-space address: 14 bits root (static), 14 bits
   middle, 16 bits leaf, for blocks that start at multiples of 16. A leaf is 64 KiB of bytes for
   1 MiB of addresses, mapped lazily, never freed. Lock-free: inserting is a plain store (the block
   is not yet anyone else's), taking is one atomic exchange, so of two threads that free the same
   block exactly one wins. */

#ifndef OH_LIVE_MAP_H
#define OH_LIVE_MAP_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t oh_tag_t;

#define OH_TAG_ALIGN 0x3fu /* mask: 1 + log2(align), 1 ... 62                          */
#define OH_TAG_FREED 0x3fu /* the block that started here has been freed               */
#define OH_TAG_RAW 0x40u   /* from os_heap_alloc_raw                                   */
#define OH_TAG_SHOWN 0x80u /* an ArrayBuffer shows it: only its region may free it     */

/* false: no memory for the leaf, or an address beyond 48 bits; the block is then not live. */
bool oh_live_insert(void const *ptr, oh_tag_t tag);
/* The tag, OH_TAG_FREED or 0. Any ptr. */
oh_tag_t oh_live_get(void const *ptr);
/* Replaces expected by desired atomically; false: it was not expected. */
bool oh_live_replace(void const *ptr, oh_tag_t expected, oh_tag_t desired);

#endif
