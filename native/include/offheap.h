/* offheap.h: an allocator as a value that C code can be handed.

   An oh_valloc_t ("virtual allocator") is two words: an allocator's state and the table of its four
   operations. A library that takes one allocates from whatever stands behind it: a bump arena that
   JavaScript resets, the C heap, whole pages. The interface is Zig's: alloc, resize in place, remap
   (may move), free; each call is told the block's size and alignment.

   Everything a caller needs is inline: there is nothing to link. C11 and C++17.

   Words used below
     size, align   bytes; align is a power of two
     out of memory a NULL or false result, never an abort
     0 as a size   "not known": C libraries do not keep it. Allowed at free, resize and remap. */

#ifndef OFFHEAP_H
#define OFFHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a field of a struct below changes its place or meaning. */
#define OH_ABI_VERSION 1u

typedef struct oh_vtable {
  uint32_t abi_version; /* OH_ABI_VERSION of whoever made the table                         */
  uint32_t size;        /* sizeof(oh_vtable_t) there: later versions append, never reorder   */

  /* A block of at least max(size, 1) bytes at a multiple of align, or NULL. Uninitialised. */
  void *(*alloc)(void *self, size_t size, size_t align);

  /* Makes the block at ptr new_size bytes long where it lies. false: it cannot; nothing changed. */
  bool (*resize)(void *self, void *ptr, size_t size, size_t align, size_t new_size);

  /* As resize, but may move the block, keeping the bytes up to the smaller size and the alignment.
     NULL: it cannot, the block at ptr is untouched, and the caller may allocate, copy and free. */
  void *(*remap)(void *self, void *ptr, size_t size, size_t align, size_t new_size);

  /* Gives the block back. A pointer that is not a live block of this allocator is refused and
     counted, never followed. */
  void (*free)(void *self, void *ptr, size_t size, size_t align);

  /* Bytes that may be used of the live block at ptr, at least what it was asked for with. 0: no block
     lives there. NULL in place of the function: this allocator keeps no sizes (a bump). */
  size_t (*usable_size)(void *self, void const *ptr);
} oh_vtable_t;

/* Passed by value. self is the allocator's own; callers only hand it on. */
typedef struct oh_valloc {
  void *self;
  oh_vtable_t const *vt;
} oh_valloc_t;

/* The alignment that malloc guarantees, and that callers who name none mean. */
#define OH_DEFAULT_ALIGN ((size_t)16)

/* An allocator that never has memory: no table, or a table without an alloc. */
static inline oh_valloc_t oh_null(void) {
  oh_valloc_t none = {NULL, NULL};
  return none;
}

static inline bool oh_is_null(oh_valloc_t v) {
  return v.vt == NULL || v.vt->abi_version != OH_ABI_VERSION || v.vt->size < sizeof(oh_vtable_t) ||
         v.vt->alloc == NULL;
}

static inline bool oh_is_pow2(size_t x) {
  return x != 0 && (x & (x - 1)) == 0;
}

/* max(sz, 1) bytes at a multiple of align (0: OH_DEFAULT_ALIGN), or NULL: out of memory, an align
   that is no power of two, a null allocator or a table of another ABI. */
static inline void *oh_malloc(oh_valloc_t v, size_t align, size_t sz) {
  if (align == 0) align = OH_DEFAULT_ALIGN;
  if (oh_is_null(v) || !oh_is_pow2(align)) return NULL;
  return v.vt->alloc(v.self, sz, align);
}

/* NULL is ignored. */
static inline void oh_free(oh_valloc_t v, void *p) {
  if (p != NULL && !oh_is_null(v) && v.vt->free != NULL) v.vt->free(v.self, p, 0, OH_DEFAULT_ALIGN);
}

/* 0: no block lives at p, or the allocator keeps no sizes. */
static inline size_t oh_usable_size(oh_valloc_t v, void const *p) {
  if (p == NULL || oh_is_null(v) || v.vt->usable_size == NULL) return 0;
  return v.vt->usable_size(v.self, p);
}

/* n times sz bytes, all 0. NULL also where the product is beyond SIZE_MAX. */
static inline void *oh_calloc(oh_valloc_t v, size_t align, size_t n, size_t sz) {
  if (sz != 0 && n > SIZE_MAX / sz) return NULL;
  void *const p = oh_malloc(v, align, n * sz);
  if (p != NULL) memset(p, 0, n * sz);
  return p;
}

/* Makes a block sz bytes long, where it lies or elsewhere, keeping its bytes and an alignment of
   align (0: OH_DEFAULT_ALIGN), which must be what it was allocated with. p NULL: as oh_malloc. A sz of 0
   frees nothing: it is a block of 0 bytes. NULL: out of memory, or the allocator keeps no sizes and
   cannot resize this block without; the block at p is untouched. */
static inline void *oh_realloc(oh_valloc_t v, size_t align, void *p, size_t sz) {
  if (p == NULL) return oh_malloc(v, align, sz);
  if (align == 0) align = OH_DEFAULT_ALIGN;
  if (oh_is_null(v) || !oh_is_pow2(align)) return NULL;
  if (v.vt->remap != NULL) {
    void *const there = v.vt->remap(v.self, p, 0, align, sz);
    if (there != NULL) return there;
  }
  size_t const kept = oh_usable_size(v, p);
  void *const q = kept == 0 ? NULL : v.vt->alloc(v.self, sz, align);
  if (q == NULL) return NULL;
  memcpy(q, p, kept < sz ? kept : sz);
  oh_free(v, p);
  return q;
}

/* ------------------------------------------------------------------------------------------------
   State blocks. A strategy's mutable state is a block of 32-bit words outside its payload, so that
   TypeScript (as an Int32Array) and C (as a struct) work on the same heap. Words are unsigned here;
   an Int32Array reads them with >>> 0. */

/* The largest payload a state block can describe: offsets and ends fit a word. */
#define OH_MAX_CAPACITY ((size_t)0xfffff000u)

/* Bump: a pointer that moves up. Addresses are kept as their low words: the payload is smaller than
   4 GiB, so differences modulo 2^32 are exact, and one addition, one mask and one addition are the
   whole dependent chain of an allocation (an offset would need the base added and taken off again).
   Live payload bytes are (cursor - base_lo) - gaps. */
typedef struct oh_bump {
  uint32_t limit;       /* low word of the address behind the payload; cursor when it is gone     */
  uint32_t cursor;      /* low word of the address where the next block may start                 */
  uint32_t base_lo;     /* address of the payload, low and ...                                    */
  uint32_t base_hi;     /* ... high word                                                          */
  uint32_t gaps;        /* bytes below cursor that are no live block: padding, and blocks freed   */
                        /* while they were not the last                                           */
  uint32_t peak_used;   /* the most that was live before it last fell; the peak is the larger of  */
                        /* this and what is live now                                              */
  uint32_t peak_offset; /* the same for cursor - base_lo                                          */
  uint32_t floor;       /* where the newest open checkpoint is, as cursor - base_lo; 0 without    */
                        /* one: a block that starts below it does not grow, as a rewind to the    */
                        /* checkpoint would cut it                                                */
} oh_bump_t;

/* Stack: the newest block is the one that can be freed. In the payload, 8 bytes before each block, which
   may be an odd address, lie two words: the block's size and the offset of the block below it (0: none).
   They are stored as (value + 1) * OH_STACK_FACTOR and come out as word * OH_STACK_INVERSE - 1, modulo
   2^32. That is not for secrecy: any single byte that is overwritten then moves the value by 2^23 and
   more, and zeroes are no value at all, so that what an overrun leaves is no header. The length of the
   newest block is cursor - top and must be what its header says (0 is written as it is, and takes 1);
   where the block below ends must be so near to that header that padding explains the rest. */
#define OH_STACK_HEADER ((size_t)8)
#define OH_STACK_FACTOR 0x7ca6e3abu
#define OH_STACK_INVERSE 0xa3ccff03u

typedef struct oh_stack {
  uint32_t limit;       /* offset of the payload's end; 0 when the payload is gone                */
  uint32_t cursor;      /* where the newest block ends: one of 0 bytes takes one                  */
  uint32_t top;         /* offset of the newest block; 0: there is none                           */
  uint32_t below;       /* of the block below it (0: none), and where that ends: known while the  */
  uint32_t below_end;   /* newest block is the one that was allocated last. 0xffffffff: not known, */
                        /* ask the newest block's header                                          */
  uint32_t used;        /* bytes of the live blocks                                               */
  uint32_t peak_used;   /* the most that was live before it last fell; the peak is the larger of  */
                        /* this and what is live now                                              */
  uint32_t peak_offset; /* the same for cursor                                                    */
  uint32_t size_word;   /* while below is known: the two words that the newest block's header     */
  uint32_t below_word;  /* must hold                                                              */
  uint32_t align;       /* a power of two: that of the last allocation                            */
  uint32_t base_lo;     /* address of the payload, low and ...                                    */
  uint32_t base_hi;     /* ... high word                                                          */
} oh_stack_t;

/* Pool: blocks of one size. Block i is bit i % 32 of group i / 32. Groups are begun one after the other,
   when those before have no free block; until then their words mean nothing, so that a pool is made and
   reset without touching them. The last group may have fewer than 32 blocks.

   An offset from block 0 is that of a block exactly if rotate_right(offset * inverse, shift), modulo
   2^32, is less than blocks, and that is the block's index then (H. S. Warren, Hacker's Delight, "Test
   for Zero Remainder after Division by a Constant"). */
typedef struct oh_pool_group {
  uint32_t free;  /* a bit for each block that is free                                            */
  uint32_t next;  /* the next group in the list of those that have free blocks, or OH_NO_GROUP    */
  uint32_t parts; /* a bit for each live block that was asked for smaller than block_size: how    */
                  /* small is in the table of sizes                                               */
} oh_pool_group_t;

#define OH_NO_GROUP 0xffffffffu

typedef struct oh_pool {
  uint32_t head;        /* the group to allocate from, lowest block first; those behind it in the */
                        /* list have free blocks too; OH_NO_GROUP: begin another                  */
  uint32_t begun;       /* blocks of the groups that were begun                                   */
  uint32_t peak_begun;  /* the most that begun was before a reset                                 */
  uint32_t blocks;      /* blocks that there are now; 0 when the payload is gone                  */
  uint32_t most_blocks; /* that there can be: there are words for so many groups                  */
  uint32_t live;        /* live blocks                                                            */
  uint32_t used;        /* and the bytes that were asked for in them                              */
  uint32_t peak_used;   /* the most that was live before it last fell                             */
  uint32_t base_lo;     /* address of block 0, low and ...                                        */
  uint32_t base_hi;     /* ... high word                                                          */
  uint32_t stride;      /* bytes from one block to the next                                       */
  uint32_t shift;       /* how many zeros stride ends in, in binary                               */
  uint32_t inverse;     /* of stride >> shift, modulo 2^32                                        */
  uint32_t block_size;  /* the most bytes that a block has room for                               */
  uint32_t align;       /* of every block                                                         */
  uint32_t sizes;       /* bytes that a block has in the table of sizes, a word for each of       */
                        /* most_blocks, which lies elsewhere: 4, or 0 while there is no table     */
  uint32_t last;        /* the block that was allocated last: a guess at what is freed next, whose */
                        /* index then is known without waiting for it to be computed              */
} oh_pool_t;            /* the groups follow                                                      */

/* Free list: address-ordered first fit. Memory is counted in granules of 16 bytes from the first
   address in the payload that is a multiple of 16; the payload's last granule may be a short one. A
   block or a hole is a run of granules with a bit where it starts, and no two holes lie side by
   side. What lies from top on is free, and no hole; there is a start at top. A length below 16 is
   the distance to the next start. That of a longer run is kept in the table of slacks, where such a
   run covers at least one aligned word of eight nibbles that say nothing otherwise: in the word of
   granule g + 8, where g is its first, and for a hole also in that of granule end - 8. */
typedef struct oh_free_list_line { /* of 32 granules: i is bit i % 32 of line i / 32              */
  uint32_t start;    /* a bit where a block or a hole starts                                      */
  uint32_t free;     /* a bit at a hole's first granule and at its last                           */
  uint32_t slack[4]; /* four bits a granule: how many bytes of the block that starts there were   */
                     /* not asked for; a block of 0 bytes counts as one of 1                      */
} oh_free_list_line_t;

/* A complete binary tree over groups of 4 lines, in the order of their addresses: leaf x belongs
   to group x, and beside it, in the same place, lies the node over the groups [x - b, x + b), where
   b is the lowest bit of x, an odd x being over x - 1 and x. Leaves may say too much, never too
   little: who looks for a hole and finds none corrects them. */
typedef struct oh_free_list_node {
  uint32_t largest; /* granules of the largest hole that starts in the group, or more             */
  uint32_t subtree; /* the most of largest below this node                                        */
} oh_free_list_node_t;

#define OH_FREE_LIST_HINTS 65

typedef struct oh_free_list {
  uint32_t top;       /* granules below this one are blocks and holes, those from it on are free  */
  uint32_t limit;     /* whole granules of the payload; 0 when it is gone                         */
  uint32_t bytes;     /* of the payload, from granule 0 on                                        */
  uint32_t peak_top;  /* the most that top has been                                               */
  uint32_t live;      /* granules of live blocks                                                  */
  uint32_t used;      /* bytes of live blocks                                                     */
  uint32_t peak_used; /* the most that was live before it last fell                               */
  uint32_t tree;      /* where the tree is, in words from the start of this                       */
  uint32_t root;      /* the same for the subtree word of the node over all of it                 */
  uint32_t base_lo;   /* address of granule 0, low and ...                                        */
  uint32_t base_hi;   /* ... high word                                                            */
  uint32_t hints[OH_FREE_LIST_HINTS]; /* by granules, the last for more too: a group before which */
                                      /* no leaf has so many; they never fall as sizes rise     */
  oh_free_list_line_t before;         /* empty: before the first line                             */
} oh_free_list_t;                     /* the lines follow, then the tree                          */

/* A slab allocator's state. Pages are of 512 bytes, counted from the first address that is a multiple of 512. A place in the
   heap is its offset from there less 2^31, a signed word; blocks start at multiples of 16. Records
   have numbers, 0 is none. */

typedef struct oh_slab_record {
  uint32_t free;     /* of a slab: a bit for each free block that is in no magazine; of a large    */
                     /* block: the size that was asked for; of a free run: how many of its pages  */
                     /* were given back to the system                                             */
  uint32_t start;    /* its first page ...                                                        */
  uint32_t pages;    /* ... and how many                                                          */
  uint32_t all;      /* of a slab: a bit for each block; else an OH_SLAB_ kind, without bit 0     */
  uint32_t next;     /* in its list: of slabs of its class that have free blocks, of free or of   */
  uint32_t previous; /* cached runs of its length, of records that are not used                   */
} oh_slab_record_t;

#define OH_SLAB_NONE 0
#define OH_SLAB_LARGE 2
#define OH_SLAB_FREE 4
#define OH_SLAB_CACHED 6

#define OH_SLAB_CLASSES 128  /* class c: blocks of 16 c bytes; 0 is none                           */
#define OH_SLAB_BINS 176     /* of free runs by their pages: exact below 32, then 8 to a doubling */
#define OH_SLAB_MAGAZINE 34  /* an odd word, up to 32 places, an odd word where they end          */
#define OH_SLAB_STRETCHES (4096 * 1024 / 128 / 32)

typedef struct oh_slab {
  uint32_t top;         /* pages below this one were handed out at some time                      */
  uint32_t limit;       /* pages that the payload has; UINT32_MAX when it is gone                 */
  uint32_t base_lo;     /* address of page 0, low and ...                                         */
  uint32_t base_hi;     /* ... high word                                                          */
  uint32_t most_pages;  /* that the payload can have: there are words for so many                 */
  uint32_t used;        /* bytes of live blocks                                                   */
  uint32_t peak_used;   /* the most that was live before it last fell                             */
  uint32_t peak_top;    /* the most that top has been                                             */
  uint32_t dirty_top;   /* the same since the last trim                                           */
  uint32_t spare;       /* the first of the records that are not used                             */
  uint32_t fresh;       /* the first record that never was                                        */
  uint32_t peak_fresh;  /* the most that fresh was before a reset                                 */
  uint32_t stretches;   /* stretches of 128 KiB in which there was a slab: they have cells        */
  uint32_t purged;      /* pages below top that were given back to the system                     */
  uint32_t peak_pages;  /* the most that top less purged has been                                 */
  uint32_t empty_at;    /* when top is above this, the magazines are emptied once more            */
  uint32_t cached;      /* pages of cached runs                                                   */
  uint32_t cache[65];   /* the first of the cached runs of so many pages                          */
  uint32_t bin_map[6];  /* a bit for each bin that has runs                                       */
  uint32_t bins[OH_SLAB_BINS];                          /* the first run of each                  */
  uint32_t next[OH_SLAB_CLASSES];     /* of each magazine: the word behind its last place, counted */
                                      /* from the start of this                                   */
  uint32_t most[OH_SLAB_CLASSES];     /* how many places it may have                              */
  uint32_t partial[OH_SLAB_CLASSES];  /* the first of the slabs that have free blocks             */
  uint32_t inverse[OH_SLAB_CLASSES];  /* 2^20 / c, rounded up                                     */
  uint32_t magazine[OH_SLAB_CLASSES * OH_SLAB_MAGAZINE];
  uint32_t stretch_map[OH_SLAB_STRETCHES]; /* a bit for each stretch                              */
} oh_slab_t; /* Behind it: a word for each page, its record << 7 | its class, or 0 (pages inside a   */
             /* run that is no slab may say anything); a record for each page, the first is 1; and a */
             /* byte for each 32 bytes, the cells. That of a live block of 16 bytes is half a cell,  */
             /* its size less 1. Any other has size % 16 | 16, or 8 if it was asked for as 1, and    */
             /* 32 when it starts in the upper half of its 32 bytes. No block lives: 0.              */

#ifdef __cplusplus
}
#endif

#endif
