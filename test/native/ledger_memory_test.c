/* ledger_memory_test.c: what a million live blocks take, as the ledger says it and as the system sees
   it. */

#include "check.h"
#include "ledger.h"
#include "os.h"

enum { BLOCKS = 1000000, SITES = 1000 };

#ifdef __linux__

/* Bytes of this process in physical memory. */
static double resident(void) {
  unsigned long total = 0, pages = 0;
  FILE *const file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%lu %lu", &total, &pages) == 2);
  fclose(file);
  return (double)pages * (double)os_page_size();
}

#else

static double resident(void) {
  return 0;
}

#endif

static void a_live_block_takes_at_most_64_bytes(void) {
  oh_ledger_totals_t totals;
  oh_ledger_t *const ledger = oh_ledger_make(UINT32_MAX);
  uint32_t const heap = oh_ledger_add_heap(ledger, 1);
  oh_ledger_read(ledger, &totals);
  double const before = resident(), empty = (double)totals.bytes;
  for (uint64_t i = 1; i <= BLOCKS; i++) {
    oh_record_t const record = {
        .ptr = (void *)(uintptr_t)(0x7f0000000000u + 48 * i),
        .size = 40,
        .align = 16,
        .heap = heap,
        .stack = (uint32_t)(i % SITES + 1),
        .weight = 1,
    };
    CHECK(oh_ledger_add(ledger, &record) != 0);
  }
  oh_ledger_read(ledger, &totals);
  CHECK(totals.records == BLOCKS && totals.sites == SITES);
  CHECK(((double)totals.bytes - empty) / BLOCKS <= 64);
  CHECK((resident() - before) / BLOCKS <= 64);
  oh_ledger_end_heap(ledger, heap);
  oh_ledger_read(ledger, &totals);
  CHECK(totals.records == 0 && totals.live_bytes == 0);
  oh_ledger_let_go(ledger);
  CHECK(resident() - before <= 8e6);
}

int main(void) {
  RUN(a_live_block_takes_at_most_64_bytes);
  return 0;
}
