/* threads.h: running a function in four threads at the same moment. */

#ifndef OH_THREADS_H
#define OH_THREADS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "check.h"

#define THREADS 4

typedef void body_t(unsigned thread);

static atomic_uint arrived;

static void wait_for_all(void) {
  unsigned const mine = atomic_fetch_add(&arrived, 1);
  unsigned const all = (mine / THREADS + 1) * THREADS;
  while (atomic_load(&arrived) < all) sched_yield();
}

typedef struct start {
  body_t *body;
  unsigned thread;
} start_t;

static void *run_thread(void *arg) {
  start_t const *const start = arg;
  wait_for_all();
  start->body(start->thread);
  return NULL;
}

static void in_threads(body_t *body) {
  pthread_t threads[THREADS];
  start_t starts[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    starts[i].body = body;
    starts[i].thread = i;
    CHECK(pthread_create(&threads[i], NULL, run_thread, &starts[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

#endif
