/* shared_door.c: C threads that use a heap of JavaScript's through its valloc, and one that dies
   with its lock. */

#include <pthread.h>

#include "shared_heap.h"

enum { KEPT = 16, MOST_THREADS = 8 };

typedef struct job {
  oh_valloc_t const *v;
  uint32_t seed, steps, wrong;
} job_t;

static void *churn(void *arg) {
  job_t *const job = arg;
  unsigned char *kept[KEPT] = {NULL};
  size_t sizes[KEPT] = {0};
  uint32_t random = job->seed;
  for (uint32_t step = 0; step < job->steps + KEPT; step++) {
    random = random * 1664525u + 1013904223u;
    uint32_t const at = step < job->steps ? (random >> 8) % KEPT : step - job->steps;
    unsigned char const mark = (unsigned char)(job->seed * KEPT + at);
    if (kept[at] != NULL) {
      if (kept[at][0] != mark || kept[at][sizes[at] - 1] != mark) job->wrong++;
      oh_free(*job->v, kept[at]);
      kept[at] = NULL;
    } else if (step < job->steps) {
      sizes[at] = (random >> 12) % 3000 + 1;
      kept[at] = oh_malloc(*job->v, 16, sizes[at]);
      if (kept[at] == NULL) job->wrong++;
      else memset(kept[at], mark, sizes[at]);
    }
  }
  return NULL;
}

/* Blocks that were not what they had to be, of so many threads with so many steps each. */
uint32_t churn_in_threads(oh_valloc_t const *v, uint32_t threads, uint32_t steps) {
  pthread_t ids[MOST_THREADS];
  job_t jobs[MOST_THREADS];
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < threads; i++) {
    jobs[i] = (job_t){v, i + 1, steps, 0};
    if (pthread_create(&ids[i], NULL, churn, &jobs[i]) != 0) return UINT32_MAX;
  }
  for (uint32_t i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    wrong += jobs[i].wrong;
  }
  return wrong;
}

/* How many blocks of size bytes there were until there were no more, each with its bytes set. */
uint32_t take_all(oh_valloc_t const *v, uint32_t size) {
  for (uint32_t taken = 0;; taken++) {
    unsigned char *const block = oh_malloc(*v, 1, size);
    if (block == NULL) return taken;
    memset(block, 0xcc, size);
  }
}

static void *die(void *arg) {
  oh_shared_t *const heap = arg;
  os_lock_take(&heap->lock);
  return NULL;
}

/* A thread that takes the lock of a heap and ends. */
bool die_with_the_lock(oh_valloc_t const *v) {
  pthread_t id;
  return pthread_create(&id, NULL, die, v->self) == 0 && pthread_join(id, NULL) == 0;
}
