/* dynamic_threads_test.c: four threads at once on a malloc in a shared library, one that tells the
   sizes of its blocks and one that has them kept. Built with ThreadSanitizer as well as without. */

#include "check.h"
#include "dynamic.h"
#include "threads.h"

enum { SHARED = 500, ROUNDS = 5 };

static char const *const prefixes[] = {"full_", "bare_"};

static oh_dynamic_t *heap;
static void *shared[SHARED];
static atomic_uint won, lost;

static oh_dynamic_t *opened[THREADS];

static void open_it(unsigned thread) {
  char why[256];
  opened[thread] = oh_dynamic_open(FAMILIES, "odd_", why, sizeof why);
}

static void of_racing_openers_all_get_one_heap(void) {
  in_threads(open_it);
  for (unsigned i = 0; i < THREADS; i++) CHECK(opened[i] != NULL && opened[i] == opened[0]);
}

static void free_shared(unsigned thread) {
  (void)thread;
  for (unsigned i = 0; i < SHARED; i++) {
    oh_status_t const status = oh_dynamic_free(heap, shared[i], i % 2 == 0 ? 0 : 24, 0);
    CHECK(status == OH_OK || status == OH_DOUBLE_FREE);
    atomic_fetch_add(status == OH_OK ? &won : &lost, 1);
  }
}

static void of_racing_frees_one_wins(void) {
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < SHARED; i++) {
      shared[i] = oh_dynamic_alloc(heap, 24, (size_t)1 << (i % 7));
      CHECK(shared[i] != NULL);
    }
    atomic_store(&won, 0);
    atomic_store(&lost, 0);
    in_threads(free_shared);
    CHECK(atomic_load(&won) == SHARED && atomic_load(&lost) == SHARED * (THREADS - 1));
  }
}

/* Nobody allocates meanwhile: a freed address must not be another thread's block a moment later. */
static void use_shared(unsigned thread) {
  for (unsigned i = 0; i < SHARED; i++) {
    void *const p = shared[(i + thread * (SHARED / THREADS)) % SHARED];
    bool resized;
    (void)oh_dynamic_usable_size(heap, p);
    (void)oh_dynamic_resize(heap, p, 0, 0, 8, &resized);
    if (oh_dynamic_show(heap, p)) (void)oh_dynamic_unshow(heap, p);
    (void)oh_dynamic_owns(heap, p);
    oh_status_t const status = oh_dynamic_free(heap, p, 0, 0);
    CHECK(status == OH_OK || status == OH_DOUBLE_FREE || status == OH_SHOWN);
    if (status == OH_OK) atomic_fetch_add(&won, 1);
  }
}

static void what_others_free_can_be_asked_about(void) {
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < SHARED; i++) shared[i] = oh_dynamic_alloc(heap, 24, 16);
    atomic_store(&won, 0);
    in_threads(use_shared);
    for (unsigned i = 0; i < SHARED; i++) {
      if (oh_dynamic_free(heap, shared[i], 0, 0) == OH_OK) atomic_fetch_add(&won, 1);
    }
    CHECK(atomic_load(&won) == SHARED);
  }
}

/* Blocks of each thread's own, grown and handed to whoever frees them. */
static _Atomic(void *) handed[THREADS];

static void churn(unsigned thread) {
  for (unsigned i = 0; i < 2000; i++) {
    size_t const size = 1 + i % 300;
    void *p = oh_dynamic_alloc(heap, size, (size_t)1 << (i % 8));
    CHECK(p != NULL);
    check_fill(p, size, thread + i);
    CHECK(oh_dynamic_remap(heap, p, size, 0, size + 200, &p) == OH_OK && p != NULL);
    CHECK(check_filled(p, size, thread + i));
    void *const other = atomic_exchange(&handed[(thread + 1) % THREADS], p);
    if (other != NULL) CHECK(oh_dynamic_free(heap, other, 0, 0) == OH_OK);
  }
}

static void blocks_are_freed_in_any_thread(void) {
  in_threads(churn);
  for (unsigned i = 0; i < THREADS; i++) {
    CHECK(oh_dynamic_free(heap, atomic_exchange(&handed[i], NULL), 0, 0) == OH_OK);
  }
}

int main(void) {
  RUN(of_racing_openers_all_get_one_heap);
  for (unsigned i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    char why[256];
    heap = oh_dynamic_open(FAMILIES, prefixes[i], why, sizeof why);
    CHECK(heap != NULL);
    RUN(of_racing_frees_one_wins);
    RUN(what_others_free_can_be_asked_about);
    RUN(blocks_are_freed_in_any_thread);
  }
  return 0;
}
