/* ledger_cells.h: how many blocks with such an address may be in a ledger. For ledger.c and ledger_life.c. */

#ifndef OH_LEDGER_CELLS_H
#define OH_LEDGER_CELLS_H

#include <stdatomic.h>
#include <string.h>

#include "ledger_internal.h"

#define FULL_CELL 255u

static inline uint8_t cell_at(oh_ledger_t const *ledger, size_t i) {
  return atomic_load_explicit(&ledger->cells[i], memory_order_relaxed);
}

static inline void set_cell(oh_ledger_t *ledger, size_t i, unsigned count) {
  atomic_store_explicit(&ledger->cells[i], (uint8_t)count, memory_order_relaxed);
  for (oh_cells_t *copy = ledger->copies; copy != NULL; copy = copy->next)
    atomic_store_explicit((_Atomic(uint8_t) *)&copy->cells[i], (uint8_t)count, memory_order_relaxed);
}

static inline void enter_cell(oh_ledger_t *ledger, uint64_t address) {
  size_t const i = oh_ledger_cell(address);
  unsigned const count = cell_at(ledger, i);
  if (count == FULL_CELL) return;
  set_cell(ledger, i, count + 1);
  if (count + 1 == FULL_CELL) ledger->full_cells++;
}

/* A full cell has lost count; with nothing left in the ledger all are known again. */
static inline void leave_cell(oh_ledger_t *ledger, uint64_t address) {
  size_t const i = oh_ledger_cell(address);
  unsigned const count = cell_at(ledger, i);
  if (count != FULL_CELL) set_cell(ledger, i, count - 1);
  if (ledger->blocks.count != 0 || ledger->full_cells == 0) return;
  for (size_t j = 0; j < OH_LEDGER_CELLS; j++) set_cell(ledger, j, 0);
  ledger->full_cells = 0;
}

#endif
