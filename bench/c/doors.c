/* doors.c: a block of 64 bytes allocated and freed at once, by a strategy's own functions and through
   the table of an oh_valloc_t that the compiler cannot see through, as a C library is handed one. */

#include <stdlib.h>
#include <sys/mman.h>

#include "bench.h"
#include "free_list.h"
#include "pool.h"
#include "slab.h"
#include "stack.h"

#define CAPACITY ((size_t)1 << 20)
#define SIZE ((size_t)64)
#define ALIGN ((size_t)16)

static oh_slab_t *slab;
static oh_pool_t *pool;
static oh_stack_t stack;
static oh_free_list_t *list;
/* Written before it is read, where the compiler cannot know with what. */
static oh_valloc_t volatile handed;

#define PAIRS(name, alloc, release)                        \
  static uint64_t name##_batch(uint64_t n) {               \
    oh_valloc_t const v = {handed.self, handed.vt};        \
    uint64_t sum = 0;                                      \
    (void)v;                                               \
    for (uint64_t i = 0; i < n; i++) {                     \
      void *const p = alloc;                               \
      sum += (uintptr_t)p;                                 \
      release;                                             \
    }                                                      \
    return sum;                                            \
  }

#define DIRECT(name, self)                                 \
  PAIRS(name, oh_##name##_alloc(self, SIZE, ALIGN), oh_##name##_free(self, p, SIZE, ALIGN))

DIRECT(slab, slab)
DIRECT(pool, pool)
DIRECT(stack, &stack)
DIRECT(free_list, list)

/* Told the size, as the direct calls are. */
PAIRS(table, v.vt->alloc(v.self, SIZE, ALIGN), v.vt->free(v.self, p, SIZE, ALIGN))
/* Told none, as C libraries do. */
PAIRS(plain, oh_malloc(v, ALIGN, SIZE), oh_free(v, p))

#define THROUGH(name, state)                               \
  static uint64_t name##_table_batch(uint64_t n) {         \
    handed.self = state;                                   \
    handed.vt = &oh_##name##_vtable;                       \
    return table_batch(n);                                 \
  }                                                        \
  static uint64_t name##_plain_batch(uint64_t n) {         \
    handed.self = state;                                   \
    handed.vt = &oh_##name##_vtable;                       \
    return plain_batch(n);                                 \
  }

THROUGH(slab, slab)
THROUGH(pool, pool)
THROUGH(stack, &stack)
THROUGH(free_list, list)

static bench_arm_t const arms[] = {
    {"slab", slab_batch},
    {"slab-table", slab_table_batch},
    {"slab-plain", slab_plain_batch},
    {"pool", pool_batch},
    {"pool-table", pool_table_batch},
    {"pool-plain", pool_plain_batch},
    {"stack", stack_batch},
    {"stack-table", stack_table_batch},
    {"stack-plain", stack_plain_batch},
    {"free-list", free_list_batch},
    {"free-list-table", free_list_table_batch},
    {"free-list-plain", free_list_plain_batch},
    {NULL, NULL},
};

static void *zeros(size_t bytes) {
  int const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *const map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (map == MAP_FAILED) exit(1);
  return map;
}

int main(int argc, char **argv) {
  slab = oh_slab_init(zeros(oh_slab_state_size(CAPACITY)), zeros(CAPACITY), CAPACITY);
  oh_stack_init(&stack, zeros(CAPACITY), CAPACITY);
  list = zeros(oh_free_list_state_size(CAPACITY));
  oh_free_list_init(list, zeros(CAPACITY), CAPACITY);
  void *const blocks = zeros(CAPACITY);
  size_t const count = oh_pool_fit(blocks, CAPACITY, SIZE, ALIGN);
  pool = zeros(oh_pool_state_size(count));
  if (!oh_pool_init(pool, blocks, CAPACITY, SIZE, ALIGN, count, count)) return 1;
  return bench_main(argc, argv, arms);
}
