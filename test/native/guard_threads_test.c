/* guard_threads_test.c: threads that allocate and free guarded blocks at the same time, their own
   and each other's: each block is freed by exactly one. */

#include <stdlib.h>

#include "guard.h"
#include "threads.h"

#define ROUNDS 400
#define SHARED 64

static _Atomic(char *) shared[SHARED];
static atomic_size_t taken, freed;

static void swap_and_free(unsigned thread) {
  for (unsigned i = 0; i < ROUNDS; i++) {
    char *const p = oh_guard_alloc(1 + (i * 37 + thread) % 9000, 8, 0xcd, NULL, NULL);
    CHECK(p != NULL);
    p[0] = (char)i;
    atomic_fetch_add(&taken, 1);
    char *const old = atomic_exchange(&shared[(i * 7 + thread) % SHARED], p);
    oh_guard_block_t block;
    if (old == NULL) continue;
    CHECK(oh_guard_find(old, &block));
    if (oh_guard_free(old, NULL)) atomic_fetch_add(&freed, 1);
    CHECK(oh_guard_release(old));
  }
}

static void each_block_is_freed_once(void) {
  in_threads(swap_and_free);
  for (int i = 0; i < SHARED; i++) {
    char *const left = atomic_load(&shared[i]);
    if (left != NULL && oh_guard_free(left, NULL)) atomic_fetch_add(&freed, 1);
  }
  CHECK(atomic_load(&taken) == (size_t)THREADS * ROUNDS);
  CHECK(atomic_load(&freed) == atomic_load(&taken));
  CHECK(oh_guard_live() == 0);
}

static char *contended;
static atomic_uint winners;

static void free_the_one(unsigned thread) {
  (void)thread;
  if (oh_guard_free(contended, NULL)) atomic_fetch_add(&winners, 1);
}

static void of_many_that_free_a_block_one_does(void) {
  for (unsigned i = 1; i <= 50; i++) {
    contended = oh_guard_alloc(64, 16, 0, NULL, NULL);
    in_threads(free_the_one);
    CHECK(atomic_load(&winners) == i);
  }
}

int main(void) {
  if (!oh_guard_supported()) return 0;
  RUN(each_block_is_freed_once);
  RUN(of_many_that_free_a_block_one_does);
  return 0;
}
