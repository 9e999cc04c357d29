/* ledger.h: which blocks live, and which call stack allocated each.

   Written down from both doors, TypeScript's and C's, and by any thread: one lock. A block is found
   by its address and the heap that it is of, so that an arena and what it is cut from may both be
   traced. Beside the blocks there are sums by site, which is a stack in a heap's name: who only
   wants to know what leaks never walks the blocks.

   Memory: 64 KiB, and 56 bytes a live block and 4 of its bucket (numbered.h), 88 a site; the stacks
   are the process's (stacks.h). With more blocks than `most_blocks` those beyond are counted at their
   site only: as allocated, not as live.

   Of sampled blocks each stands for `weight` blocks, which is kept with it, so that the sums are
   unbiased estimates whatever the rate was when it was allocated. Weights are kept to a 4096th, or to
   24 bits where they are large: so sums below 2^41 are exact, and are 0 again when all is freed.

   An operation is a hash, a short chain and some sums: 50 to 100 ns, most of it cache misses. */

#ifndef OH_LEDGER_H
#define OH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_ledger oh_ledger_t;

/* Cells that say how many blocks with such an address there may be: 0 is certainly none, 255 stays.
   For whoever frees many blocks of which few are in the ledger. */
#define OH_LEDGER_CELLS ((size_t)65536)

static inline size_t oh_ledger_cell(uint64_t address) {
  uint32_t const granule = (uint32_t)(address >> 4);
  return (granule << 16 ^ granule) >> 16;
}

/* A ledger, held once. NULL: no memory. */
oh_ledger_t *oh_ledger_make(uint32_t most_blocks);
/* The one that all threads of the process share, held once more: made by whoever asks first, and with
   their number of blocks. NULL: no memory. */
oh_ledger_t *oh_ledger_of_process(uint32_t most_blocks);
void oh_ledger_hold(oh_ledger_t *ledger);
/* Let go by all who held it, it is freed. */
void oh_ledger_let_go(oh_ledger_t *ledger);

/* A copy of the cells, as whoever keeps it may read them with no call. */
typedef struct oh_cells {
  uint8_t *cells; /* OH_LEDGER_CELLS of them                                                     */
  struct oh_cells *next;
} oh_cells_t;

/* From now on the copy is as the cells are, until it is removed; it must stay until then. */
void oh_ledger_add_cells(oh_ledger_t *ledger, oh_cells_t *copy);
/* Nothing where it was not added. */
void oh_ledger_remove_cells(oh_ledger_t *ledger, oh_cells_t *copy);
/* false: the block is certainly not in the ledger. Some ns, no lock. */
bool oh_ledger_may_have(oh_ledger_t const *ledger, void const *ptr);

/* A heap whose blocks are to be told apart from others', and the number of the name that it shares
   with those of its kind. 0: no memory. */
uint32_t oh_ledger_add_heap(oh_ledger_t *ledger, uint32_t name);
/* The heap that has this key, not 0: one heap for several who know its blocks, such as allocators of
   many threads over one memory. It has the name that the first one gave. 0: no memory. */
uint32_t oh_ledger_join_heap(oh_ledger_t *ledger, uint32_t name, uint32_t key);
/* The heap is gone for one who added or joined it. With the last of them go its blocks: they count as
   freed; those that are lifted when they are put. */
void oh_ledger_end_heap(oh_ledger_t *ledger, uint32_t heap);

typedef struct oh_record {
  void const *ptr;
  size_t size;
  size_t align;
  uint32_t heap;
  uint32_t stack;
  double weight;   /* blocks that it stands for, itself included; 1 of an exact ledger            */
  bool has_handle; /* of JavaScript, which will be told of when it is collected                   */
} oh_record_t;

/* A new block. A record that is there already for this address is of a block that was freed unseen,
   and counts as freed. A ticket, which is the block's as long as it lives, is below 2^52 and never 0;
   0: the block was counted only. */
uint64_t oh_ledger_add(oh_ledger_t *ledger, oh_record_t const *record);
/* The block is being freed: to be said before it is, as its address may be another's at once. false:
   it is not in the ledger. */
bool oh_ledger_remove(oh_ledger_t *ledger, uint32_t heap, void const *ptr);

/* Whoever only tries to free or to move a block takes its record off its address first, and then puts
   it back, or elsewhere, or strikes it out. Until then nobody finds it, and it counts as live. The
   record's number; 0: it is not in the ledger. */
uint32_t oh_ledger_lift(oh_ledger_t *ledger, uint32_t heap, void const *ptr);
void oh_ledger_put(oh_ledger_t *ledger, uint32_t lifted, void const *ptr, size_t size);
/* With the size that it had. */
void oh_ledger_put_back(oh_ledger_t *ledger, uint32_t lifted, void const *ptr);
void oh_ledger_strike(oh_ledger_t *ledger, uint32_t lifted);

/* One more handle of JavaScript's has a lifted block. The block's ticket. */
uint64_t oh_ledger_add_handle(oh_ledger_t *ledger, uint32_t lifted);

/* A handle of a block was collected, and with the last of them the block is lost. false: the block of
   this ticket is not there any more. */
bool oh_ledger_lose(oh_ledger_t *ledger, uint64_t ticket);
/* The calling thread ends, and with it the handles of what it has allocated; of a block that another
   thread has had a handle of too nobody knows. O(blocks). */
void oh_ledger_lose_of_thread(oh_ledger_t *ledger);

/* The block of a ticket was freed. false: it is not there any more. */
bool oh_ledger_release(oh_ledger_t *ledger, uint64_t ticket);

/* Counts a free of a block that was not in the ledger and should have been. As many as were counted
   only are taken to be of those. */
void oh_ledger_unknown(oh_ledger_t *ledger);

/* The serial number of the newest block of all, for oh_ledger_drop. */
uint32_t oh_ledger_newest(oh_ledger_t *ledger);
/* Blocks of a heap that were allocated after `serial` and lie at `from` or above were freed together.
   O(blocks of the heap that are newer). */
void oh_ledger_drop(oh_ledger_t *ledger, uint32_t heap, uint32_t serial, void const *from);

/* ---- What is in it --------------------------------------------------------------------------- */

typedef struct oh_site {
  uint32_t stack;
  uint32_t name;         /* of its heaps                                                          */
  double allocs, frees;  /* blocks                                                                */
  double total_bytes;    /* ever allocated                                                        */
  double live_blocks, live_bytes, peak_bytes;
  double temporary;      /* blocks that were freed before the ledger's next allocation            */
  double lost_bytes;     /* live bytes whose handles were collected, and ...                      */
  double held_bytes;     /* ... whose handles live                                                */
} oh_site_t;

typedef struct oh_ledger_totals {
  double live_blocks, live_bytes, peak_bytes;
  double unknown_frees; /* frees of what was not in it                                            */
  double unlisted;      /* blocks that were counted only                                          */
  uint32_t records;     /* that are in it                                                         */
  uint32_t sites;
  size_t bytes;         /* that it takes                                                          */
} oh_ledger_totals_t;

typedef struct oh_live_block {
  void const *ptr;
  size_t size;
  size_t align;
  uint32_t site;
  uint32_t thread; /* that allocated it: threads are numbered as they first come, from 1 on       */
  uint64_t age_ms;
} oh_live_block_t;

/* Up to `most` live blocks, after the one with the number *at (0 at first), which is set for the next
   call. How many; 0: no more. What comes and goes between two calls may be missed. */
size_t oh_ledger_list(oh_ledger_t *ledger, uint32_t *at, oh_live_block_t *blocks, size_t most);

/* Sites are numbered from 1 on and never go. false: there is no such site. */
bool oh_ledger_site(oh_ledger_t *ledger, uint32_t site, oh_site_t *into);
void oh_ledger_read(oh_ledger_t *ledger, oh_ledger_totals_t *totals);

#ifdef __cplusplus
}
#endif

#endif
