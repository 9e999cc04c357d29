/* ledger_read.c: what is in a ledger; see ledger.h. */

#include "ledger_internal.h"

size_t oh_ledger_list(oh_ledger_t *ledger, uint32_t *at, oh_live_block_t *blocks, size_t most) {
  size_t count = 0;
  os_mutex_lock(&ledger->lock);
  uint64_t const now = (os_clock_ms() - ledger->made_ms) / CLOCK;
  while (count < most && *at < ledger->blocks.highest) {
    oh_block_t const *const block = block_at(ledger, ++*at);
    if (block->serial == 0 || block->lifted) continue;
    blocks[count++] = (oh_live_block_t){
        .ptr = (void const *)(uintptr_t)block->address,
        .size = (size_t)block->size,
        .align = (size_t)1 << block->align,
        .site = block->site,
        .thread = block->thread,
        .age_ms = (now - block->time) * CLOCK,
    };
  }
  os_mutex_unlock(&ledger->lock);
  return count;
}

bool oh_ledger_site(oh_ledger_t *ledger, uint32_t site, oh_site_t *into) {
  os_mutex_lock(&ledger->lock);
  bool const found = site >= 1 && site <= ledger->sites.count;
  if (found) *into = *site_at(ledger, site);
  os_mutex_unlock(&ledger->lock);
  return found;
}

void oh_ledger_read(oh_ledger_t *ledger, oh_ledger_totals_t *totals) {
  os_mutex_lock(&ledger->lock);
  *totals = (oh_ledger_totals_t){
      .live_blocks = ledger->live_blocks,
      .live_bytes = ledger->live_bytes,
      .peak_bytes = ledger->peak_bytes,
      .unknown_frees = ledger->unknown_frees,
      .unlisted = ledger->unlisted,
      .records = ledger->blocks.count,
      .sites = ledger->sites.count,
      .bytes = sizeof *ledger + oh_numbered_bytes(&ledger->blocks) +
               oh_numbered_bytes(&ledger->sites) + oh_numbered_bytes(&ledger->heaps),
  };
  os_mutex_unlock(&ledger->lock);
}
