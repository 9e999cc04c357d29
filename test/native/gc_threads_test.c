/* gc_threads_test.c: threads that libgc was never told of, and that end, allocate from the
   collected heap and collect it. */

#include <pthread.h>

#include "check.h"
#include "gc.h"

#define THREADS 4
#define ROUNDS 5
#define HELD 300

static void work(unsigned seed) {
  char *held[HELD];
  for (unsigned i = 0; i < HELD; i++) {
    held[i] = oh_gc_alloc(0, 24 + i, 16);
    CHECK(held[i] != NULL);
    check_fill(held[i], 24 + i, seed + i);
    CHECK(oh_gc_let_go(oh_gc_alloc(0, 5000, 16)));
  }
  oh_gc_collect(seed % 3 == 0);
  for (unsigned i = 0; i < HELD; i++) {
    CHECK(check_filled(held[i], 24 + i, seed + i));
    CHECK(oh_gc_free(held[i], 24 + i, 16) == OH_OK);
  }
}

static void *run(void *seed) {
  work((unsigned)(uintptr_t)seed);
  return NULL;
}

static void threads_come_collect_and_go(void) {
  for (unsigned round = 0; round < ROUNDS; round++) {
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
      void *const seed = (void *)(uintptr_t)(round * THREADS + i);
      CHECK(pthread_create(&threads[i], NULL, run, seed) == 0);
    }
    work(round);
    for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  }
  oh_gc_stats_t stats;
  oh_gc_collect(false);
  oh_gc_stats(0, &stats);
  /* But for a few by accident, all is freed or reclaimed. */
  CHECK(stats.blocks < 30 && stats.reclaimed_blocks > ROUNDS * THREADS * (HELD - 30));
}

static void *open_it(void *unused) {
  (void)unused;
  CHECK(oh_gc_open(NULL) == OH_GC_OPEN);
  return NULL;
}

static void it_is_set_up_by_whoever_comes_first(void) {
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, open_it, NULL) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void) {
  oh_gc_library_t library;
  void *handle;
  if (oh_gc_library_find(NULL, &library, &handle) == OH_GC_NOT_FOUND && getenv("CI") == NULL) {
    printf("skip threads of the collected heap: libgc.so.1 not installed\n");
    return 0;
  }
  RUN(it_is_set_up_by_whoever_comes_first);
  RUN(threads_come_collect_and_go);
  return 0;
}
