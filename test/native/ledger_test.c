/* ledger_test.c: what of a ledger random programs do not reach: cells that lose count, times, threads,
   large numbers, and a process that forks. The rest is in ledger_model_test.c. */

#include "check.h"
#include "ledger.h"
#include "os.h"
#include "random.h"

#ifndef _WIN32
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

static oh_ledger_t *ledger;
static uint32_t heap;

static void *at(uint64_t address) {
  return (void *)(uintptr_t)address;
}

static void begin(uint32_t most_blocks) {
  ledger = oh_ledger_make(most_blocks);
  CHECK(ledger != NULL);
  heap = oh_ledger_add_heap(ledger, 1);
  CHECK(heap != 0);
}

static uint64_t add(uint64_t address, size_t size, uint32_t stack, double weight) {
  oh_record_t const record = {
      .ptr = at(address), .size = size, .align = 16, .heap = heap, .stack = stack, .weight = weight,
  };
  return oh_ledger_add(ledger, &record);
}

static oh_ledger_totals_t totals(void) {
  oh_ledger_totals_t read;
  oh_ledger_read(ledger, &read);
  return read;
}

static void a_cell_that_lost_count_never_says_none(void) {
  enum { BLOCKS = 400 };
  static uint8_t copy[OH_LEDGER_CELLS], second[OH_LEDGER_CELLS];
  uint64_t addresses[BLOCKS];
  uint64_t address = 16;
  begin(UINT32_MAX);
  oh_cells_t one = {.cells = copy}, other = {.cells = second};
  oh_ledger_add_cells(ledger, &one);
  oh_ledger_add_cells(ledger, &other);
  size_t const cell = oh_ledger_cell(address);
  for (unsigned i = 0; i < BLOCKS; address += 16) {
    if (oh_ledger_cell(address) == cell) addresses[i++] = address;
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    CHECK(add(addresses[i], 8, 1, 1) != 0);
    CHECK(copy[cell] == (i + 1 < 255 ? i + 1 : 255) && second[cell] == copy[cell]);
  }
  oh_ledger_remove_cells(ledger, &one);
  oh_ledger_remove_cells(ledger, &one);
  oh_ledger_add_cells(ledger, &one);
  for (unsigned i = 0; i + 1 < BLOCKS; i++) {
    CHECK(oh_ledger_remove(ledger, heap, at(addresses[i])));
    CHECK(copy[cell] == 255 && oh_ledger_may_have(ledger, at(addresses[BLOCKS - 1])));
  }
  /* With the last block all are known again. */
  CHECK(oh_ledger_remove(ledger, heap, at(addresses[BLOCKS - 1])));
  CHECK(check_zeros(copy, sizeof copy) && check_zeros(second, sizeof second));
  CHECK(!oh_ledger_may_have(ledger, at(addresses[0])));
  oh_ledger_let_go(ledger);
}

static void blocks_beyond_the_most_are_counted_only(void) {
  oh_site_t site;
  begin(100);
  for (uint64_t i = 1; i <= 250; i++) CHECK((add(i * 16, 10, 7, 1) != 0) == (i <= 100));
  CHECK(totals().records == 100 && totals().unlisted == 150 && totals().live_bytes == 1000);
  CHECK(oh_ledger_site(ledger, 1, &site) && site.stack == 7 && site.name == 1);
  CHECK(site.allocs == 250 && site.total_bytes == 2500 && site.live_blocks == 100);
  /* Frees of those that were counted only are no finding, all others are. */
  for (unsigned i = 0; i < 151; i++) oh_ledger_unknown(ledger);
  CHECK(totals().unknown_frees == 1 && totals().unlisted == 150);
  CHECK(oh_ledger_remove(ledger, heap, at(16)) && add(16, 10, 7, 1) != 0);
  oh_ledger_let_go(ledger);
}

/* In random order, at any rate: what is left is nothing, not nearly nothing. */
static void weights_come_out_even(void) {
  enum { BLOCKS = 20000 };
  static uint64_t addresses[BLOCKS];
  oh_site_t site;
  begin(UINT32_MAX);
  random_state = 7;
  for (unsigned i = 0; i < BLOCKS; i++) {
    double const unit = (double)random_bits() / 18446744073709551616.0;
    double const weight = 1 + unit * (i % 64 == 0 ? 5e5 : 3);
    addresses[i] = 16 * (uint64_t)(i + 1);
    CHECK(add(addresses[i], random_below(i % 64 == 0 ? 8 : 100000), 1, weight) != 0);
  }
  CHECK(totals().live_bytes > 1e9 && totals().live_bytes < (double)((uint64_t)1 << 41));
  for (unsigned i = BLOCKS; i > 0; i--) {
    unsigned const j = random_below(i);
    CHECK(oh_ledger_remove(ledger, heap, at(addresses[j])));
    addresses[j] = addresses[i - 1];
  }
  CHECK(totals().live_bytes == 0 && totals().live_blocks == 0);
  CHECK(oh_ledger_site(ledger, 1, &site) && site.allocs == site.frees && site.live_bytes == 0);
  oh_ledger_let_go(ledger);
}

/* A weight is at least the block itself, and no nonsense makes a sum that never recovers. */
static void weights_that_are_none_are_mended(void) {
  double const wrong[] = {0, -1, 0.5, 1e300, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0};
  begin(UINT32_MAX);
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(add(16 + 16 * (uint64_t)i, 8, 1, wrong[i]) != 0);
  }
  CHECK(totals().live_blocks >= 7 && totals().live_blocks < 1e13);
  oh_ledger_end_heap(ledger, heap);
  CHECK(totals().live_blocks == 0 && totals().live_bytes == 0 && totals().records == 0);
  oh_ledger_let_go(ledger);
}

static void whoever_holds_it_keeps_it(void) {
  begin(10);
  oh_ledger_hold(ledger);
  oh_ledger_let_go(ledger);
  CHECK(add(16, 1, 1, 1) != 0 && totals().records == 1);
  oh_ledger_let_go(ledger); /* a leak checker sees that all is gone */
}

static void the_process_has_one(void) {
  begin(10);
  oh_ledger_t *const own = ledger;
  ledger = oh_ledger_of_process(10);
  CHECK(ledger != NULL && ledger != own && oh_ledger_of_process(99) == ledger);
  heap = oh_ledger_join_heap(ledger, 1, 5);
  CHECK(add(16, 5, 1, 1) != 0 && totals().records == 1);
  oh_ledger_let_go(ledger);
  CHECK(totals().records == 1);
  oh_ledger_let_go(ledger);
  /* With the last who held it it is gone. */
  ledger = oh_ledger_of_process(10);
  CHECK(ledger != NULL && totals().records == 0);
  oh_ledger_let_go(ledger);
  oh_ledger_let_go(own);
}

static void a_heap_that_many_have_ends_with_the_last(void) {
  begin(10);
  uint32_t const alone = heap;
  heap = oh_ledger_join_heap(ledger, 2, 7);
  CHECK(heap != alone && oh_ledger_join_heap(ledger, 3, 7) == heap);
  CHECK(oh_ledger_join_heap(ledger, 2, 8) != heap);
  CHECK(add(16, 5, 1, 1) != 0);
  oh_ledger_end_heap(ledger, heap);
  CHECK(totals().live_bytes == 5 && oh_ledger_remove(ledger, heap, at(16)));
  CHECK(add(16, 6, 1, 1) != 0);
  oh_ledger_end_heap(ledger, heap);
  CHECK(totals().live_bytes == 0);
  heap = oh_ledger_join_heap(ledger, 3, 7);
  CHECK(heap != 0 && add(16, 6, 1, 1) != 0 && !oh_ledger_remove(ledger, alone, at(16)));
  oh_ledger_let_go(ledger);
}

static void a_block_is_lost_with_the_last_of_its_handles(void) {
  oh_site_t site;
  uint64_t ticket = 0;
  begin(10);
  CHECK(add(16, 100, 1, 1) != 0);
  for (unsigned i = 0; i < 300; i++) {
    uint32_t const lifted = oh_ledger_lift(ledger, heap, at(16));
    ticket = oh_ledger_add_handle(ledger, lifted);
    oh_ledger_put_back(ledger, lifted, at(16));
    if (i != 2) continue;
    for (unsigned j = 0; j < 3; j++) {
      CHECK(oh_ledger_site(ledger, 1, &site) && site.held_bytes == 100 && site.lost_bytes == 0);
      CHECK(oh_ledger_lose(ledger, ticket));
    }
    CHECK(oh_ledger_site(ledger, 1, &site) && site.held_bytes == 0 && site.lost_bytes == 100);
  }
  /* More than can be counted: it is not said to be lost any more. */
  for (unsigned i = 0; i < 400; i++) CHECK(oh_ledger_lose(ledger, ticket));
  CHECK(oh_ledger_site(ledger, 1, &site) && site.held_bytes == 100);
  oh_ledger_let_go(ledger);
}

#ifndef _WIN32

static void *add_in_thread(void *address) {
  CHECK(add((uintptr_t)address, 1, 1, 1) != 0);
  return NULL;
}

static void *add_with_handle(void *address) {
  oh_record_t const record = {
      .ptr = address, .size = 10, .align = 1, .heap = heap, .stack = 1, .weight = 1, .has_handle = true,
  };
  CHECK(oh_ledger_add(ledger, &record) != 0);
  return NULL;
}

static void *add_and_end(void *address) {
  add_with_handle(address);
  oh_ledger_lose_of_thread(ledger);
  return NULL;
}

static void *adopt(void *address) {
  uint32_t const lifted = oh_ledger_lift(ledger, heap, address);
  CHECK(lifted != 0 && oh_ledger_add_handle(ledger, lifted) != 0);
  oh_ledger_put_back(ledger, lifted, address);
  return NULL;
}

static void elsewhere(void *run(void *), uint64_t address) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run, at(address)) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

static void handles_are_lost_with_their_thread(void) {
  oh_site_t site;
  begin(10);
  add_with_handle(at(16));
  elsewhere(add_and_end, 32);
  CHECK(oh_ledger_site(ledger, 1, &site) && site.held_bytes == 10 && site.lost_bytes == 10);
  elsewhere(adopt, 16);
  add_with_handle(at(48));
  adopt(at(48));
  oh_ledger_lose_of_thread(ledger);
  CHECK(oh_ledger_site(ledger, 1, &site) && site.held_bytes == 10 && site.lost_bytes == 20);
  oh_ledger_let_go(ledger);
}

static void blocks_tell_their_thread_and_age(void) {
  oh_live_block_t blocks[4];
  uint32_t number = 0;
  pthread_t thread;
  begin(10);
  CHECK(add(16, 5, 1, 1) != 0);
  CHECK(pthread_create(&thread, NULL, add_in_thread, at(32)) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  uint64_t const begun = os_clock_ms();
  while (os_clock_ms() < begun + 350) os_yield();
  CHECK(add(48, 5, 1, 1) != 0);
  CHECK(oh_ledger_list(ledger, &number, blocks, 4) == 3);
  CHECK(blocks[0].thread == blocks[2].thread && blocks[0].thread != blocks[1].thread);
  CHECK(blocks[0].age_ms >= 200 && blocks[2].age_ms < blocks[0].age_ms);
  CHECK(blocks[0].align == 16 && blocks[0].size == 5);
  CHECK(oh_ledger_list(ledger, &number, blocks, 4) == 0);
  oh_ledger_let_go(ledger);
}

/* Its copy goes on by itself. */
static void a_child_has_a_ledger_of_its_own(void) {
  int status;
  begin(10);
  CHECK(add(16, 5, 1, 1) != 0);
  fflush(stdout);
  pid_t const child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(oh_ledger_remove(ledger, heap, at(16)) && add(32, 6, 2, 1) != 0);
    CHECK(totals().live_bytes == 6);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(totals().live_bytes == 5 && totals().sites == 1);
  oh_ledger_let_go(ledger);
}

#else

static void handles_are_lost_with_their_thread(void) {
  SKIP("POSIX threads");
}

static void blocks_tell_their_thread_and_age(void) {
  SKIP("POSIX threads");
}

static void a_child_has_a_ledger_of_its_own(void) {
  SKIP("no fork here");
}

#endif

int main(void) {
  RUN(a_cell_that_lost_count_never_says_none);
  RUN(blocks_beyond_the_most_are_counted_only);
  RUN(weights_come_out_even);
  RUN(weights_that_are_none_are_mended);
  RUN(whoever_holds_it_keeps_it);
  RUN(the_process_has_one);
  RUN(a_heap_that_many_have_ends_with_the_last);
  RUN(a_block_is_lost_with_the_last_of_its_handles);
  RUN(handles_are_lost_with_their_thread);
  RUN(blocks_tell_their_thread_and_age);
  RUN(a_child_has_a_ledger_of_its_own);
  return 0;
}
