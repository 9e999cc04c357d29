/* traced_test.c: the allocator that writes down passes everything on, and what it writes is right. */

#include <math.h>

#include "check.h"
#include "libc.h"
#include "os.h"
#include "random.h"
#include "stacks.h"
#include "traced.h"

static oh_ledger_t *ledger;
static oh_traced_t *traced;
static oh_valloc_t heap;

static void begin(oh_valloc_t inner, oh_traced_mode_t mode, double sample_bytes) {
  ledger = oh_ledger_make(UINT32_MAX);
  traced = oh_traced_make(ledger, oh_ledger_add_heap(ledger, 1), inner);
  CHECK(ledger != NULL && traced != NULL);
  heap = (oh_valloc_t){traced, &oh_traced_vtable};
  oh_traced_set(traced, mode, sample_bytes, 16);
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

static void check_live(unsigned records, double bytes) {
  CHECK(totals().records == records && totals().live_bytes == bytes);
}

/* ---- Passing on ------------------------------------------------------------------------------ */

/* An allocator that answers what it is told to, and remembers what it was asked. */
typedef struct mock {
  char const *operation;
  void *ptr;
  size_t size, align, new_size;
  void *block;
  bool accepts;
} mock_t;

static mock_t mock;

static void note(char const *operation, void *ptr, size_t size, size_t align, size_t new_size) {
  mock.operation = operation;
  mock.ptr = ptr;
  mock.size = size;
  mock.align = align;
  mock.new_size = new_size;
}

static void *mock_alloc(void *self, size_t size, size_t align) {
  CHECK(self == &mock);
  note("alloc", NULL, size, align, 0);
  return mock.block;
}

static bool mock_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  CHECK(self == &mock);
  note("resize", ptr, size, align, new_size);
  return mock.accepts;
}

static void *mock_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  CHECK(self == &mock);
  note("remap", ptr, size, align, new_size);
  return mock.block;
}

static void mock_free(void *self, void *ptr, size_t size, size_t align) {
  CHECK(self == &mock);
  note("free", ptr, size, align, 0);
}

static size_t mock_usable_size(void *self, void const *ptr) {
  CHECK(self == &mock && ptr == mock.block);
  return 77;
}

static oh_vtable_t const mock_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), mock_alloc,       mock_resize,
    mock_remap,     mock_free,           mock_usable_size,
};

static void check_noted(char const *operation, void *ptr, size_t size, size_t align, size_t more) {
  CHECK(strcmp(mock.operation, operation) == 0 && mock.ptr == ptr && mock.size == size);
  CHECK(mock.align == align && mock.new_size == more);
}

static void all_is_passed_on(void) {
  static char memory[64];
  for (oh_traced_mode_t mode = OH_TRACED_OFF; mode <= OH_TRACED_SAMPLED; mode++) {
    begin((oh_valloc_t){&mock, &mock_vtable}, mode, 100);
    mock.block = memory;
    CHECK(heap.vt->alloc(traced, 10, 32) == memory);
    check_noted("alloc", NULL, 10, 32, 0);
    for (unsigned i = 0; i < 2; i++) {
      mock.accepts = i == 1;
      CHECK(heap.vt->resize(traced, memory, 10, 32, 20) == mock.accepts);
      check_noted("resize", memory, 10, 32, 20);
    }
    CHECK(heap.vt->usable_size(traced, memory) == 77);
    CHECK(oh_traced_vtable_without_sizes.usable_size == NULL);
    mock.block = memory + 16;
    CHECK(heap.vt->remap(traced, memory, 20, 32, 30) == memory + 16);
    check_noted("remap", memory, 20, 32, 30);
    mock.block = NULL;
    CHECK(heap.vt->remap(traced, memory + 16, 30, 32, 40) == NULL);
    CHECK(heap.vt->alloc(traced, 10, 32) == NULL);
    if (mode == OH_TRACED_EXACT) check_live(1, 30); /* what failed is not written down            */
    heap.vt->free(traced, memory + 16, 30, 32);
    check_noted("free", memory + 16, 30, 32, 0);
    check_live(0, 0);
    end();
  }
}

/* A table with nothing in it, one of another version, none at all. */
static void over_no_allocator_there_is_no_memory(void) {
  static oh_vtable_t const empty = {.abi_version = OH_ABI_VERSION, .size = sizeof(oh_vtable_t)};
  oh_vtable_t other = mock_vtable;
  oh_vtable_t alloc_only = empty;
  other.abi_version++;
  alloc_only.alloc = mock_alloc;
  oh_valloc_t const inners[] = {oh_null(), {NULL, &empty}, {NULL, &other}, {&mock, &alloc_only}};
  mock.block = NULL;
  for (unsigned i = 0; i < sizeof inners / sizeof *inners; i++) {
    begin(inners[i], OH_TRACED_EXACT, 0);
    CHECK(oh_malloc(heap, 16, 10) == NULL && oh_realloc(heap, 16, &mock, 10) == NULL);
    CHECK(!heap.vt->resize(traced, &mock, 1, 16, 2) && oh_usable_size(heap, &mock) == 0);
    oh_free(heap, &mock);
    check_live(0, 0);
    end();
  }
}

/* ---- Writing down ---------------------------------------------------------------------------- */

static oh_valloc_t libc(void) {
  return (oh_valloc_t){NULL, &oh_libc_vtable};
}

static void blocks_are_in_the_ledger_while_they_live(void) {
  oh_site_t site;
  begin(libc(), OH_TRACED_EXACT, 0);
  void *p = oh_malloc(heap, 64, 100);
  void *const q = oh_malloc(heap, 0, 7);
  check_live(2, 107);
  CHECK((p = oh_realloc(heap, 64, p, 5000)) != NULL);
  check_live(2, 5007);
  CHECK(heap.vt->resize(traced, p, 5000, 64, 4990));
  check_live(2, 4997);
  oh_free(heap, q);
  oh_free(heap, p);
  check_live(0, 0);
  CHECK(totals().unknown_frees == 0 && totals().peak_bytes == 5007);
  CHECK(oh_ledger_site(ledger, 1, &site) && site.allocs == 1 && site.total_bytes == 5000);
  end();
}

static void frees_of_what_is_not_there_are_counted(void) {
  int local = 0;
  begin(libc(), OH_TRACED_EXACT, 0);
  void *const p = oh_malloc(heap, 16, 100);
  oh_free(heap, p);
  oh_free(heap, p);
  oh_free(heap, &local);
  oh_free(heap, NULL);
  CHECK(totals().unknown_frees == 2);
  end();
}

static void modes_change_while_blocks_live(void) {
  void *blocks[3];
  begin(libc(), OH_TRACED_EXACT, 0);
  blocks[0] = oh_malloc(heap, 16, 10);
  oh_traced_set(traced, OH_TRACED_OFF, 0, 16);
  blocks[1] = oh_malloc(heap, 16, 20);
  check_live(1, 10);
  blocks[0] = oh_realloc(heap, 16, blocks[0], 1000);
  check_live(1, 1000);
  oh_traced_set(traced, OH_TRACED_SAMPLED, 1, 16); /* so often that each is one                  */
  blocks[2] = oh_malloc(heap, 16, 3000);
  CHECK(totals().records == 2 && totals().live_bytes >= 4000);
  oh_traced_set(traced, OH_TRACED_EXACT, 0, 16);
  for (unsigned i = 0; i < 3; i++) oh_free(heap, blocks[i]);
  check_live(0, 0);
  CHECK(totals().unknown_frees == 0); /* one was allocated while it was off                      */
  end();
}

/* ---- Samples --------------------------------------------------------------------------------- */

enum { BLOCKS = 20000 };

static void *blocks[BLOCKS];

/* Of what lives, after each block was allocated and grown: to six times what chance explains. */
static void check_estimate(size_t size, size_t grown) {
  double const mean = 65536, n = BLOCKS, bytes = n * (double)grown;
  double const p = -expm1(-(double)grown / mean);
  double const deviation = sqrt(n * (1 - p) / p);
  begin(libc(), OH_TRACED_SAMPLED, mean);
  for (unsigned i = 0; i < BLOCKS; i++) {
    blocks[i] = oh_malloc(heap, 16, size);
    if (grown != size) blocks[i] = oh_realloc(heap, 16, blocks[i], grown);
    CHECK(blocks[i] != NULL);
  }
  CHECK(fabs(totals().live_blocks - n) <= 6 * deviation + 1e-3 * n);
  CHECK(fabs(totals().live_bytes - bytes) <= (6 * deviation + 1e-3 * n) * (double)grown);
  for (unsigned i = 0; i < BLOCKS; i++) oh_free(heap, blocks[i]);
  check_live(0, 0);
  end();
}

static void samples_estimate_what_lives(void) {
  check_estimate(64, 64);
  check_estimate(1024, 1024);
}

/* Neither does growth go unseen, nor does a small sample that grew stand for many large blocks. */
static void samples_estimate_what_grew(void) {
  check_estimate(16, 2000);
  check_estimate(2000, 100);
}

int main(void) {
  RUN(all_is_passed_on);
  RUN(over_no_allocator_there_is_no_memory);
  RUN(blocks_are_in_the_ledger_while_they_live);
  RUN(frees_of_what_is_not_there_are_counted);
  RUN(modes_change_while_blocks_live);
  RUN(samples_estimate_what_lives);
  RUN(samples_estimate_what_grew);
  return 0;
}
