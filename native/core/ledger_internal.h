/* ledger_internal.h: what a ledger is made of. For the files ledger*.c alone. */

#ifndef OH_LEDGER_INTERNAL_H
#define OH_LEDGER_INTERNAL_H

#include <stdatomic.h>

#include "ledger.h"
#include "numbered.h"
#include "os.h"

typedef struct oh_block {
  oh_entry_t entry;
  uint64_t address;
  uint64_t size;
  uint32_t heap;
  uint32_t site;
  uint32_t newer, older; /* blocks of its heap; 0: none                                           */
  uint32_t serial;
  float weight;
  uint32_t time; /* when it was allocated: in CLOCK units since the ledger was made               */
  uint16_t thread;
  uint8_t align : 6; /* log2                                                                      */
  uint8_t lifted : 1;
  uint8_t elsewhere : 1; /* another thread has had a handle too                                  */
  uint8_t handle; /* from HELD on: so many handles more than one                                  */
} oh_block_t;

/* Milliseconds: so that 32 bits are 13 years. */
#define CLOCK 100u

enum { NO_HANDLE, LOST, HELD };

typedef struct oh_site_entry {
  oh_entry_t entry;
  oh_site_t site;
} oh_site_entry_t;

typedef struct oh_heap_entry {
  oh_entry_t entry;
  uint32_t name;
  uint32_t newest; /* block; 0: none                                                              */
  uint32_t key;    /* 0: nobody else can join it                                                  */
  uint32_t users;  /* who have added or joined it; 0: it goes with the last ...                   */
  uint32_t lifted; /* ... of so many blocks                                                       */
} oh_heap_entry_t;

struct oh_ledger {
  os_mutex_t lock;
  oh_numbered_t blocks, sites, heaps;
  _Atomic(uint8_t) cells[OH_LEDGER_CELLS]; /* written under the lock, read without               */
  oh_cells_t *copies;  /* the same for whoever asked for them                                     */
  uint32_t full_cells; /* that have lost count                                                    */
  uint32_t most_blocks;
  uint32_t holders;
  uint32_t serial;
  uint32_t last; /* block that was added last, while it lives; else 0                             */
  uint32_t heaps_made;
  uint64_t made_ms;
  double live_blocks, live_bytes, peak_bytes, unknown_frees, unlisted;
  double unlisted_live; /* those whose free was not seen                                          */
};

static inline oh_block_t *block_at(oh_ledger_t const *ledger, uint32_t n) {
  return (oh_block_t *)oh_numbered_at(&ledger->blocks, n);
}

static inline oh_site_t *site_at(oh_ledger_t const *ledger, uint32_t n) {
  return &((oh_site_entry_t *)oh_numbered_at(&ledger->sites, n))->site;
}

static inline oh_heap_entry_t *heap_at(oh_ledger_t const *ledger, uint32_t n) {
  return (oh_heap_entry_t *)oh_numbered_at(&ledger->heaps, n);
}

#endif
