/* bridge_threads_test.c: a library that allocates from threads of its own, over a heap that allows it:
   the counts are exact. */

#include <pthread.h>

#include "bridge.h"
#include "check.h"
#include "libc.h"

#define THREADS 4
#define ROUNDS 2000

static oh_bridge_t *bridge;

static void *work(void *arg) {
  unsigned const seed = *(unsigned *)arg;
  void *kept = NULL;
  for (unsigned i = 0; i < ROUNDS; i++) {
    char *p = oh_bridge_alloc(bridge, 1 + (i + seed) % 300);
    CHECK(p != NULL);
    p = oh_bridge_realloc(bridge, p, 1 + (i * 7 + seed) % 500);
    CHECK(p != NULL);
    oh_bridge_free(bridge, kept);
    kept = p;
  }
  oh_bridge_free(bridge, kept);
  return NULL;
}

static void counts_are_exact(void) {
  bridge = oh_bridge_open((oh_valloc_t){NULL, &oh_libc_vtable});
  pthread_t threads[THREADS];
  unsigned seeds[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    seeds[i] = i * 31;
    CHECK(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  oh_bridge_stats_t stats;
  oh_bridge_read(bridge, &stats);
  CHECK(stats.allocations == THREADS * ROUNDS && stats.failures == 0 && stats.refused == 0);
  CHECK(stats.blocks == 0 && stats.bytes == 0 && stats.peak_bytes > 0);
  oh_bridge_delete(bridge);
}

int main(void) {
  RUN(counts_are_exact);
  return 0;
}
