/* traced_threads_test.c: four threads allocate, grow and free through a traced heap, while a fifth
   reads the ledger and changes the mode; at the end the sums are even. */

#include <math.h>

#include "check.h"
#include "libc.h"
#include "stacks.h"
#include "threads.h"
#include "traced.h"

static oh_ledger_t *ledger;
static uint32_t number;
static oh_traced_t *traced;
static oh_valloc_t heap;
static uint8_t cells[OH_LEDGER_CELLS];
static oh_cells_t copy = {.cells = cells};

static void begin(oh_traced_mode_t mode, double sample_bytes) {
  oh_valloc_t const inner = {NULL, &oh_libc_vtable};
  ledger = oh_ledger_make(UINT32_MAX);
  number = oh_ledger_add_heap(ledger, 1);
  traced = oh_traced_make(ledger, number, inner);
  CHECK(ledger != NULL && traced != NULL);
  heap = (oh_valloc_t){traced, &oh_traced_vtable};
  oh_traced_set(traced, mode, sample_bytes, 8);
}

static void end(void) {
  oh_traced_end(traced);
  oh_ledger_let_go(ledger);
}

static oh_ledger_totals_t totals(void) {
  oh_ledger_totals_t read;
  oh_ledger_read(ledger, &read);
  return read;
}

/* ---- A reader beside ------------------------------------------------------------------------- */

static atomic_bool stop;
static bool changes_modes;

static void look(void) {
  oh_live_block_t blocks[32];
  oh_site_t site;
  uint32_t at = 0;
  for (size_t n; (n = oh_ledger_list(ledger, &at, blocks, 32)) != 0;) {
    for (size_t i = 0; i < n; i++) CHECK(blocks[i].ptr != NULL && blocks[i].size <= 2000);
  }
  for (uint32_t i = 1; oh_ledger_site(ledger, i, &site); i++) {
    uint32_t stack = site.stack, frame;
    oh_frame_view_t view;
    CHECK(site.live_blocks >= 0 && site.live_bytes >= 0 && site.live_bytes <= site.peak_bytes);
    while (oh_stacks_read(stack, &stack, &frame)) CHECK(oh_frame_read(frame, &view));
  }
  CHECK(totals().live_bytes <= totals().peak_bytes);
}

static void *read_on(void *argument) {
  (void)argument;
  for (unsigned round = 0; !atomic_load(&stop); round++) {
    look();
    if (changes_modes) oh_traced_set(traced, (oh_traced_mode_t)(round % 3), 500, round % 12);
    if (round % 14 == 0) oh_ledger_add_cells(ledger, &copy);
    if (round % 14 == 7) oh_ledger_remove_cells(ledger, &copy);
    sched_yield();
  }
  oh_ledger_remove_cells(ledger, &copy);
  return NULL;
}

static void beside_a_reader(body_t *body) {
  pthread_t reader;
  atomic_store(&stop, false);
  CHECK(pthread_create(&reader, NULL, read_on, NULL) == 0);
  in_threads(body);
  atomic_store(&stop, true);
  CHECK(pthread_join(reader, NULL) == 0);
}

/* ---- Allocating ------------------------------------------------------------------------------ */

enum { ROUNDS = 2000 };

static _Atomic(void *) handed[THREADS];

/* Blocks are freed by another thread than allocated them. */
static void churn(unsigned thread) {
  (void)oh_traced_enter(oh_stacks_call(0, oh_frame_of_text("abcd" + thread, 1)));
  for (unsigned i = 0; i < ROUNDS; i++) {
    size_t const size = 1 + i % 700;
    char *p = oh_malloc(heap, 16, size);
    CHECK(p != NULL);
    check_fill(p, size, thread + i);
    if (i % 3 == 0) {
      p = oh_realloc(heap, 16, p, size + 1000);
      CHECK(p != NULL && check_filled(p, size, thread + i));
    }
    oh_free(heap, atomic_exchange(&handed[(thread + i) % THREADS], p));
  }
  (void)oh_traced_enter(0);
}

static void free_handed(void) {
  for (unsigned i = 0; i < THREADS; i++) oh_free(heap, atomic_exchange(&handed[i], NULL));
}

static void check_even(void) {
  oh_site_t site;
  CHECK(totals().records == 0 && totals().live_blocks == 0 && totals().live_bytes == 0);
  for (uint32_t i = 1; oh_ledger_site(ledger, i, &site); i++) {
    CHECK(site.live_blocks == 0 && site.live_bytes == 0 && site.allocs == site.frees);
  }
}

static void sums_are_even_when_all_is_freed(void) {
  double allocs = 0;
  oh_site_t site;
  changes_modes = false;
  begin(OH_TRACED_EXACT, 0);
  beside_a_reader(churn);
  CHECK(totals().records == THREADS);
  free_handed();
  check_even();
  for (uint32_t i = 1; oh_ledger_site(ledger, i, &site); i++) allocs += site.allocs;
  CHECK(allocs == ROUNDS * THREADS && totals().unknown_frees == 0);
  end();
}

static void modes_change_meanwhile(void) {
  changes_modes = true;
  begin(OH_TRACED_SAMPLED, 500);
  beside_a_reader(churn);
  free_handed();
  check_even();
  CHECK(totals().unknown_frees == 0);
  end();
}

/* ---- Samples --------------------------------------------------------------------------------- */

enum { BLOCKS = 20000 };

static void *mine[THREADS][BLOCKS];

static void allocate(unsigned thread) {
  for (unsigned i = 0; i < BLOCKS; i++) {
    mine[thread][i] = oh_malloc(heap, 16, 64);
    CHECK(mine[thread][i] != NULL);
  }
}

static void free_all(unsigned thread) {
  for (unsigned i = 0; i < BLOCKS; i++) oh_free(heap, mine[thread][i]);
}

/* To six times what chance explains. */
static void samples_of_all_threads_estimate_what_lives(void) {
  double const mean = 1000, n = (double)BLOCKS * THREADS, p = -expm1(-64 / mean);
  begin(OH_TRACED_SAMPLED, mean);
  in_threads(allocate);
  CHECK(fabs(totals().live_blocks - n) <= 6 * sqrt(n * (1 - p) / p) + 1e-3 * n);
  in_threads(free_all);
  check_even();
  end();
}

/* ---- A heap that ends ------------------------------------------------------------------------ */

static uint32_t lifted[THREADS][100];

static void *address(unsigned thread, unsigned i) {
  return (void *)(uintptr_t)(0x100000u * (thread + 1) + 16 * i);
}

static void put_while_it_ends(unsigned thread) {
  for (unsigned i = 0; i < 100; i++) {
    if (thread == 0 && i == 50) oh_ledger_end_heap(ledger, number);
    if (i % 2 == 0) oh_ledger_put(ledger, lifted[thread][i], address(thread, i), 50);
    else oh_ledger_strike(ledger, lifted[thread][i]);
  }
}

static void blocks_in_flight_go_with_their_heap(void) {
  begin(OH_TRACED_EXACT, 0);
  for (unsigned thread = 0; thread < THREADS; thread++) {
    for (unsigned i = 0; i < 100; i++) {
      oh_record_t const record = {
          .ptr = address(thread, i), .size = 10, .align = 16, .heap = number, .weight = 1,
      };
      CHECK(oh_ledger_add(ledger, &record) != 0);
      lifted[thread][i] = oh_ledger_lift(ledger, number, address(thread, i));
      CHECK(lifted[thread][i] != 0);
    }
  }
  in_threads(put_while_it_ends);
  check_even();
  CHECK(oh_ledger_add_heap(ledger, 2) == number); /* it is free again                             */
  end();
}

int main(void) {
  RUN(sums_are_even_when_all_is_freed);
  RUN(modes_change_meanwhile);
  RUN(samples_of_all_threads_estimate_what_lives);
  RUN(blocks_in_flight_go_with_their_heap);
  return 0;
}
