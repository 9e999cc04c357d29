/* gc_blocks.h: the blocks of the collected heap, by address.

   A hash table with linear probing, as extent_map.h, and beside it an array of the same length: the
   roots. A block that somebody holds has its address there; the collector reads that array and
   nothing else of this table, which lies in memory that it does not look at. What was freed stays
   as a dead entry until the table is next rebuilt, so that a second free can be told from a pointer
   that never was ours.

   Not safe from several threads: gc.c holds a lock. Costs: about one probe; 80 bytes a block. */

#ifndef OH_GC_BLOCKS_H
#define OH_GC_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct oh_gc_block {
  char *ptr;       /* what the caller has, which is the key                                   */
  char *base;      /* what the collector calls it: ptr, or before it for a large alignment    */
  size_t size;     /* as asked for                                                            */
  size_t usable;   /* from ptr on                                                             */
  size_t align;    /* as asked for                                                            */
  uint64_t serial; /* no two blocks have the same, whatever their addresses                   */
  uint32_t owner;  /* whose figures it counts in                                              */
  uint32_t holds;  /* explicit ones                                                           */
  uint32_t shown;  /* buffers that show it to JavaScript                                      */
  bool raw;        /* held until it is freed: nobody but the caller knows its address         */
  bool handle;     /* a handle in JavaScript stands for it                                    */
  bool weighed;    /* being looked for by oh_gc_find_leaks: raw counts for nothing            */
  bool live;       /* false: freed; the memory stays as long as it is shown                   */
} oh_gc_block_t;

typedef struct oh_gc_blocks {
  oh_gc_block_t *slots; /* capacity of them; ptr NULL: never used                             */
  void **roots;         /* as many: the base of a block that is held, or NULL                 */
  size_t capacity;      /* a power of two, or 0                                               */
  size_t taken;         /* entries, live or dead                                              */
  size_t kept;          /* those that a rebuild keeps: live or shown                          */
} oh_gc_blocks_t;

/* The entry, live or dead, or NULL. It moves at the next oh_gc_blocks_reserve. */
oh_gc_block_t *oh_gc_blocks_find(oh_gc_blocks_t const *blocks, void const *ptr);
/* Makes sure that the next oh_gc_blocks_put has room. false: no memory. */
bool oh_gc_blocks_reserve(oh_gc_blocks_t *blocks);
/* Enters a block, after oh_gc_blocks_reserve. */
void oh_gc_blocks_put(oh_gc_blocks_t *blocks, oh_gc_block_t const *block);
/* After a change of an entry: makes its root what the entry says. */
void oh_gc_blocks_update(oh_gc_blocks_t *blocks, oh_gc_block_t *block);
/* The block is gone: the entry stays, dead, and has no root. */
void oh_gc_blocks_kill(oh_gc_blocks_t *blocks, oh_gc_block_t *block);

#endif
