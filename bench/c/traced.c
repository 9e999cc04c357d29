/* traced.c: a block allocated and freed at once, 16 calls deep, with and without a ledger. */

#include <stdlib.h>

#include "bench.h"
#include "libc.h"
#include "traced.h"

#define FRAMES 16

static oh_valloc_t volatile handed;

/* Not inlined, and no loop: a frame each. */
__attribute__((noinline)) static void *deep(oh_valloc_t v, int calls) {
  void *const p = calls == 0 ? oh_malloc(v, 16, 64) : deep(v, calls - 1);
  __asm__ volatile("" ::: "memory");
  return p;
}

static uint64_t pairs(uint64_t n) {
  oh_valloc_t const v = {handed.self, handed.vt};
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    void *const p = deep(v, FRAMES);
    sum += (uintptr_t)p;
    oh_free(v, p);
  }
  return sum;
}

static oh_valloc_t const libc = {NULL, &oh_libc_vtable};
static oh_traced_t *traced;

static uint64_t bare_batch(uint64_t n) {
  handed.self = libc.self;
  handed.vt = libc.vt;
  return pairs(n);
}

static uint64_t traced_batch(uint64_t n) {
  handed.self = traced;
  handed.vt = &oh_traced_vtable;
  return pairs(n);
}

static bench_arm_t const arms[] = {
    {"bare", bare_batch},
    {"traced", traced_batch},
    {NULL, NULL},
};

int main(int argc, char **argv) {
  oh_ledger_t *const ledger = oh_ledger_make(1u << 31);
  if (ledger == NULL) return 1;
  traced = oh_traced_make(ledger, oh_ledger_add_heap(ledger, 1), libc);
  if (traced == NULL) return 1;
  oh_traced_set(traced, OH_TRACED_EXACT, 0, FRAMES);
  return bench_main(argc, argv, arms);
}
