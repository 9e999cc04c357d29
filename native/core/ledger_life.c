/* ledger_life.c: how ledgers come and go, and who is told of their cells; see ledger.h. */

#include "ledger_cells.h"
#include "ledger_internal.h"

#include <string.h>

static os_mutex_t const unlocked = OS_MUTEX_INIT;

/* Guards the counts of holders, and which ledger the process has. */
static os_mutex_t lives = OS_MUTEX_INIT;
static oh_ledger_t *of_process;

oh_ledger_t *oh_ledger_make(uint32_t most_blocks) {
  oh_ledger_t *const ledger = (oh_ledger_t *)os_heap_alloc(sizeof *ledger, OS_HEAP_ALIGN);
  if (ledger == NULL) return NULL;
  memset(ledger, 0, sizeof *ledger);
  ledger->lock = unlocked;
  ledger->holders = 1;
  ledger->most_blocks = most_blocks;
  ledger->made_ms = os_clock_ms();
  oh_numbered_init(&ledger->blocks, sizeof(oh_block_t));
  oh_numbered_init(&ledger->sites, sizeof(oh_site_entry_t));
  oh_numbered_init(&ledger->heaps, sizeof(oh_heap_entry_t));
  return ledger;
}

oh_ledger_t *oh_ledger_of_process(uint32_t most_blocks) {
  os_mutex_lock(&lives);
  if (of_process == NULL) {
    of_process = oh_ledger_make(most_blocks);
  } else {
    of_process->holders++;
  }
  oh_ledger_t *const ledger = of_process;
  os_mutex_unlock(&lives);
  return ledger;
}

void oh_ledger_hold(oh_ledger_t *ledger) {
  os_mutex_lock(&lives);
  ledger->holders++;
  os_mutex_unlock(&lives);
}

void oh_ledger_let_go(oh_ledger_t *ledger) {
  os_mutex_lock(&lives);
  bool const last = --ledger->holders == 0;
  if (last && ledger == of_process) of_process = NULL;
  os_mutex_unlock(&lives);
  if (!last) return;
  oh_numbered_end(&ledger->blocks);
  oh_numbered_end(&ledger->sites);
  oh_numbered_end(&ledger->heaps);
  os_heap_free(ledger, false);
}

/* ---- Cells ----------------------------------------------------------------------------------- */

void oh_ledger_add_cells(oh_ledger_t *ledger, oh_cells_t *copy) {
  os_mutex_lock(&ledger->lock);
  for (size_t i = 0; i < OH_LEDGER_CELLS; i++) copy->cells[i] = cell_at(ledger, i);
  copy->next = ledger->copies;
  ledger->copies = copy;
  os_mutex_unlock(&ledger->lock);
}

void oh_ledger_remove_cells(oh_ledger_t *ledger, oh_cells_t *copy) {
  os_mutex_lock(&ledger->lock);
  oh_cells_t **at = &ledger->copies;
  while (*at != NULL && *at != copy) at = &(*at)->next;
  if (*at != NULL) *at = copy->next;
  os_mutex_unlock(&ledger->lock);
}

/* Whoever has a block has heard of it from the thread that allocated it, after its cell was set. */
bool oh_ledger_may_have(oh_ledger_t const *ledger, void const *ptr) {
  return cell_at(ledger, oh_ledger_cell((uintptr_t)ptr)) != 0;
}
