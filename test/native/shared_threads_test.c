/* shared_threads_test.c: one heap for many threads, and what is left when one of them dies. Built
   with ThreadSanitizer as well as without. */

#include <pthread.h>
#include <stdatomic.h>

#include "bump.h"
#include "check.h"
#include "concurrent_bump.h"
#include "door.h"
#include "free_list.h"
#include "pool.h"
#include "shared_heap.h"
#include "slab.h"
#include "stack.h"

#define THREADS 4

enum { CAPACITY = 1 << 20, STEPS = 20000, KEPT = 32, BLOCK = 256 };

static _Alignas(4096) char memory[CAPACITY];
static _Alignas(64) char state[1 << 18];

/* ---- Heaps ----------------------------------------------------------------------------------- */

static oh_shared_t *shared_slab(void) {
  CHECK(oh_slab_state_size(CAPACITY) <= sizeof state);
  memset(state, 0, sizeof state);
  oh_slab_init(state, memory, CAPACITY);
  return oh_shared_create(&oh_slab_vtable, state, oh_slab_state_size(CAPACITY), memory, CAPACITY);
}

static oh_shared_t *shared_free_list(void) {
  CHECK(oh_free_list_state_size(CAPACITY) <= sizeof state);
  memset(state, 0, sizeof state);
  oh_free_list_init((oh_free_list_t *)(void *)state, memory, CAPACITY);
  size_t const size = oh_free_list_state_size(CAPACITY);
  return oh_shared_create(&oh_free_list_vtable, state, size, memory, CAPACITY);
}

static oh_shared_t *shared_pool(void) {
  size_t const blocks = oh_pool_fit(memory, CAPACITY, BLOCK, 16);
  memset(state, 0, sizeof state);
  CHECK(oh_pool_init((oh_pool_t *)(void *)state, memory, CAPACITY, BLOCK, 16, blocks, blocks));
  size_t const size = oh_pool_state_size(blocks);
  return oh_shared_create(&oh_pool_vtable, state, size, memory, CAPACITY);
}

static oh_shared_t *shared_bump(void) {
  oh_bump_t bump;
  oh_bump_init(&bump, memory, CAPACITY);
  return oh_shared_create(&oh_bump_vtable, &bump, sizeof bump, memory, CAPACITY);
}

static oh_figures_t figures_of(oh_shared_t *heap) {
  oh_figures_t figures;
  CHECK(oh_shared_read(heap, &figures) == OH_OK);
  return figures;
}

/* ---- Many threads through the valloc --------------------------------------------------------- */

static unsigned next(unsigned *random) {
  return *random = *random * 1664525u + 1013904223u, *random >> 8;
}

typedef struct job {
  oh_valloc_t v;
  unsigned thread;
  size_t most;
} job_t;

typedef struct block {
  void *ptr;
  size_t size;
} block_t;

/* Blocks that one thread allocated and filled, and another checks and frees. */
static _Atomic(block_t *) handed[THREADS];

static void free_block(oh_valloc_t v, block_t *block, unsigned seed, unsigned random) {
  CHECK(check_filled(block->ptr, block->size, seed));
  if (random % 2 == 0) oh_free(v, block->ptr);
  else v.vt->free(v.self, block->ptr, block->size, 16);
  block->ptr = NULL;
}

static void hand_over(job_t const *job, block_t *block) {
  block_t *const note = oh_malloc(job->v, 16, sizeof *note);
  CHECK(note != NULL);
  *note = *block;
  check_fill(note->ptr, note->size, 99);
  block->ptr = NULL;
  block_t *const other = atomic_exchange(&handed[(job->thread + 1) % THREADS], note);
  if (other == NULL) return;
  free_block(job->v, other, 99, 0);
  oh_free(job->v, other);
}

static void *work(void *arg) {
  job_t const *const job = arg;
  block_t kept[KEPT] = {{NULL, 0}};
  unsigned random = job->thread + 1;
  for (unsigned step = 0; step < STEPS; step++) {
    unsigned const at = next(&random) % KEPT;
    block_t *const block = &kept[at];
    unsigned const seed = job->thread * KEPT + at;
    if (block->ptr == NULL) {
      block->size = next(&random) % job->most + 1;
      block->ptr = oh_malloc(job->v, 16, block->size);
      CHECK(block->ptr != NULL && (uintptr_t)block->ptr % 16 == 0);
      CHECK(oh_usable_size(job->v, block->ptr) >= block->size);
      check_fill(block->ptr, block->size, seed);
    } else if (next(&random) % 4 == 0) {
      CHECK(check_filled(block->ptr, block->size, seed));
      hand_over(job, block);
    } else {
      free_block(job->v, block, seed, next(&random));
    }
  }
  for (unsigned at = 0; at < KEPT; at++) {
    if (kept[at].ptr != NULL) free_block(job->v, &kept[at], job->thread * KEPT + at, at);
  }
  return NULL;
}

static void used_by_threads(oh_shared_t *heap, size_t most) {
  pthread_t threads[THREADS];
  job_t jobs[THREADS];
  oh_valloc_t const v = {heap, oh_shared_table(heap)};
  uint64_t const refused = oh_refused_calls();
  CHECK(heap != NULL);
  for (unsigned i = 0; i < THREADS; i++) {
    jobs[i] = (job_t){v, i, most};
    CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (unsigned i = 0; i < THREADS; i++) {
    block_t *const left = atomic_exchange(&handed[i], NULL);
    if (left == NULL) continue;
    free_block(v, left, 99, 1);
    oh_free(v, left);
  }
  CHECK(oh_refused_calls() == refused);
  CHECK(figures_of(heap).used == 0 && figures_of(heap).peak > 0);
  oh_shared_let_go(heap);
}

static void threads_share_a_slab(void) {
  used_by_threads(shared_slab(), 3000);
}

static void threads_share_a_free_list(void) {
  used_by_threads(shared_free_list(), 3000);
}

static void threads_share_a_pool(void) {
  used_by_threads(shared_pool(), BLOCK);
}

/* ---- Holding and letting go ------------------------------------------------------------------ */

static void *attach_often(void *arg) {
  double const number = *(double const *)arg;
  for (unsigned step = 0; step < STEPS / 10; step++) {
    bool ended;
    void *block;
    oh_shared_t *const heap = oh_shared_attach(number, memory, CAPACITY, &ended);
    CHECK(heap != NULL && !ended);
    CHECK(oh_shared_alloc(heap, 100, 16, &block) == OH_OK);
    CHECK(oh_shared_free(heap, block, 100, 16) == OH_OK);
    oh_shared_let_go(heap);
  }
  return NULL;
}

static void a_heap_lives_while_it_is_held(void) {
  pthread_t threads[THREADS];
  oh_shared_t *const heap = shared_slab();
  double const number = heap->number;
  uint32_t heaps, holders;
  bool ended;
  for (unsigned i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, attach_often, (void *)(uintptr_t)&number) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  oh_shared_count(&heaps, &holders);
  CHECK(heaps == 1 && holders == 1);
  oh_shared_let_go(heap);
  oh_shared_count(&heaps, &holders);
  CHECK(heaps == 0 && holders == 0);
  CHECK(oh_shared_attach(number, memory, CAPACITY, &ended) == NULL && ended);
}

static void no_number_but_its_own_finds_a_heap(void) {
  static double const wrong[] = {0, -1, 0.5, 1e300, -1e300, 9007199254740992.0};
  oh_shared_t *const heap = shared_slab();
  bool ended;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    CHECK(oh_shared_attach(wrong[i], memory, CAPACITY, &ended) == NULL && !ended);
  }
  double const nan = strtod("nan", NULL);
  CHECK(oh_shared_attach(nan, memory, CAPACITY, &ended) == NULL && !ended);
  /* Nor does it in memory where the payload is not. */
  CHECK(oh_shared_attach(heap->number, memory + 1, CAPACITY - 1, &ended) == NULL && !ended);
  CHECK(oh_shared_attach(heap->number, memory, CAPACITY - 1, &ended) == NULL && !ended);
  CHECK(oh_shared_attach(heap->number, state, sizeof state, &ended) == NULL && !ended);
  CHECK(oh_shared_attach(heap->number, NULL, 0, &ended) == NULL && !ended);
  oh_shared_let_go(heap);
}

static void what_is_no_strategy_is_not_shared(void) {
  oh_stack_t stack;
  oh_stack_init(&stack, memory, CAPACITY);
  CHECK(oh_shared_create(&oh_stack_vtable, &stack, sizeof stack, memory, CAPACITY) == NULL);
  CHECK(oh_shared_create(oh_shared_table(NULL), &stack, sizeof stack, memory, CAPACITY) == NULL);
  CHECK(oh_shared_create(NULL, &stack, sizeof stack, memory, CAPACITY) == NULL);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void refusals_say_why(oh_shared_t *heap, bool sizes) {
  void *a, *b;
  bool resized;
  CHECK(oh_shared_alloc(heap, 200, 16, &a) == OH_OK && oh_shared_alloc(heap, 200, 16, &b) == OH_OK);
  uint64_t const used = figures_of(heap).used;
  CHECK(oh_shared_free(heap, (char *)a + 1, 200, 1) == OH_INVALID_POINTER);
  CHECK(oh_shared_free(heap, (char *)a + 32, 200, 16) == OH_INVALID_POINTER);
  CHECK(oh_shared_free(heap, NULL, 200, 16) == OH_INVALID_POINTER);
  CHECK(oh_shared_free(heap, state, 200, 16) == OH_INVALID_POINTER);
  if (sizes) {
    CHECK(oh_shared_free(heap, a, 199, 16) == OH_INVALID_SIZE);
    CHECK(oh_shared_resize(heap, a, 0, 16, 10, &resized) == OH_INVALID_SIZE && !resized);
  }
  CHECK(oh_shared_resize(heap, a, 200, 16, SIZE_MAX / 2, &resized) == OH_OK && !resized);
  CHECK(figures_of(heap).used == used);
  CHECK(oh_shared_free(heap, a, 200, 16) == OH_OK);
  CHECK(oh_shared_free(heap, a, 200, 16) == OH_DOUBLE_FREE);
  CHECK(oh_shared_resize(heap, a, 200, 16, 10, &resized) == OH_DOUBLE_FREE && !resized);
  CHECK(oh_shared_free(heap, b, 200, 16) == OH_OK);
  CHECK(oh_shared_alloc(heap, 10, 3, &a) == OH_NO_MEMORY && a == NULL);
  CHECK(oh_shared_alloc(heap, SIZE_MAX, 16, &a) == OH_NO_MEMORY && a == NULL);
  CHECK(figures_of(heap).used == 0);
  oh_shared_let_go(heap);
}

static void refusals_of_each_strategy(void) {
  refusals_say_why(shared_slab(), true);
  refusals_say_why(shared_free_list(), true);
  refusals_say_why(shared_pool(), false);
}

/* A bump knows no blocks, only what lies behind its cursor; what was last comes back. */
static void a_bump_gives_back_what_was_last(void) {
  oh_shared_t *const heap = shared_bump();
  void *a, *b;
  CHECK(oh_shared_alloc(heap, 0, 1, &a) == OH_OK && oh_shared_alloc(heap, 10, 1, &b) == OH_OK);
  CHECK(figures_of(heap).used == 11);
  CHECK(oh_shared_free(heap, memory + 100, 1, 1) == OH_INVALID_POINTER);
  CHECK(oh_shared_free(heap, b, 10, 1) == OH_OK && oh_shared_free(heap, a, 0, 1) == OH_OK);
  CHECK(figures_of(heap).used == 0 && figures_of(heap).peak == 11);
  oh_shared_let_go(heap);
}

static void no_heap_is_refused(void) {
  void *block;
  bool resized;
  size_t size;
  CHECK(oh_shared_alloc(NULL, 10, 16, &block) == OH_NO_MEMORY && block == NULL);
  CHECK(oh_shared_free(NULL, memory, 10, 16) == OH_INVALID_POINTER);
  CHECK(oh_shared_resize(NULL, memory, 10, 16, 5, &resized) == OH_INVALID_POINTER);
  CHECK(oh_shared_usable_size(NULL, memory, &size) == OH_INVALID_POINTER && size == 0);
  CHECK(oh_shared_table(NULL)->alloc(NULL, 10, 16) == NULL);
  CHECK(!oh_shared_table(NULL)->resize(NULL, memory, 10, 16, 5));
  oh_shared_table(NULL)->free(NULL, memory, 10, 16);
}

/* ---- A thread that dies with the lock -------------------------------------------------------- */

static void *die_with_the_lock(void *arg) {
  oh_shared_t *const heap = arg;
  CHECK(os_lock_take(&heap->lock));
  pthread_exit(NULL);
  return NULL;
}

static void a_dead_holder_poisons_the_heap(void) {
  oh_shared_t *const heap = shared_slab();
  oh_valloc_t const v = {heap, oh_shared_table(heap)};
  oh_figures_t figures;
  pthread_t thread;
  void *block, *other;
  bool resized;
  size_t size;
  CHECK(oh_shared_alloc(heap, 100, 16, &block) == OH_OK);
  CHECK(pthread_create(&thread, NULL, die_with_the_lock, heap) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  uint64_t const refused = oh_refused_calls();
  for (unsigned i = 0; i < 3; i++) {
    CHECK(oh_shared_alloc(heap, 100, 16, &other) == OH_POISONED && other == NULL);
    CHECK(oh_shared_free(heap, block, 100, 16) == OH_POISONED);
    CHECK(oh_shared_resize(heap, block, 100, 16, 50, &resized) == OH_POISONED && !resized);
    CHECK(oh_shared_usable_size(heap, block, &size) == OH_POISONED && size == 0);
    CHECK(oh_shared_read(heap, &figures) == OH_POISONED && figures.used == 100);
    CHECK(oh_malloc(v, 16, 100) == NULL);
    oh_free(v, block);
  }
  CHECK(oh_refused_calls() == refused + 6);
  oh_shared_let_go(heap);
}

/* Those who wait for the lock when its holder dies do not wait for ever. */
static atomic_bool waits;

static void *die_when_another_waits(void *arg) {
  oh_shared_t *const heap = arg;
  CHECK(os_lock_take(&heap->lock));
  atomic_store(&waits, true);
  for (volatile unsigned i = 0; i < 30000000; i++) {
  }
  return NULL;
}

static void who_waits_for_a_dying_holder_is_told(void) {
  oh_shared_t *const heap = shared_slab();
  pthread_t thread;
  void *block;
  atomic_store(&waits, false);
  CHECK(pthread_create(&thread, NULL, die_when_another_waits, heap) == 0);
  while (!atomic_load(&waits)) os_yield();
  CHECK(oh_shared_alloc(heap, 100, 16, &block) == OH_POISONED);
  CHECK(pthread_join(thread, NULL) == 0);
  oh_shared_let_go(heap);
}

/* ---- A bump without a lock ------------------------------------------------------------------- */

static uint32_t words[OH_CONCURRENT_WORDS];
static oh_concurrent_bump_t const concurrent = {words, memory, CAPACITY};

static void *take_all(void *arg) {
  job_t *const job = arg;
  size_t used = 0;
  for (unsigned i = 0;; i++) {
    size_t const size = (i * 7 + job->thread) % 60;
    char *const ptr = oh_malloc(job->v, (size_t)1 << (i % 5), size);
    if (ptr == NULL) break;
    CHECK(ptr >= memory && ptr + size <= memory + CAPACITY);
    CHECK((uintptr_t)ptr % ((size_t)1 << (i % 5)) == 0);
    memset(ptr, (int)job->thread + 1, size);
    if (i % 8 == 0) {
      CHECK(size == 0 || (ptr[0] == (char)(job->thread + 1) && ptr[size - 1] == ptr[0]));
      job->v.vt->free(job->v.self, ptr, size + (size == 0), 1);
    } else {
      used += size + (size == 0);
    }
  }
  job->most = used;
  return NULL;
}

static void threads_share_a_bump_without_a_lock(void) {
  pthread_t threads[THREADS];
  job_t jobs[THREADS];
  size_t used = 0;
  memset(words, 0, sizeof words);
  for (unsigned i = 0; i < THREADS; i++) {
    jobs[i] = (job_t){{(void *)(uintptr_t)&concurrent, &oh_concurrent_bump_vtable}, i, 0};
    CHECK(pthread_create(&threads[i], NULL, take_all, &jobs[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    used += jobs[i].most;
  }
  CHECK(words[OH_CONCURRENT_CURSOR] - words[OH_CONCURRENT_GAPS] == used);
  CHECK(CAPACITY - words[OH_CONCURRENT_CURSOR] < 100);
}

/* Whatever its words hold, it hands out nothing that lies outside, and believes nobody who does. */
static void broken_words_name_no_memory_outside(void) {
  unsigned random = 5;
  void *const before = (void *)((uintptr_t)memory - 1);
  for (unsigned round = 0; round < 100000; round++) {
    uint32_t const cursor = next(&random) << 8 ^ next(&random);
    words[OH_CONCURRENT_CURSOR] = round % 3 == 0 ? cursor : cursor % (CAPACITY + 100);
    words[OH_CONCURRENT_GAPS] = next(&random);
    size_t const size = next(&random) % 5000;
    size_t const align = (size_t)1 << next(&random) % 13;
    char *const ptr = oh_concurrent_bump_alloc(&concurrent, size, align);
    CHECK(ptr == NULL || (ptr >= memory && ptr + size <= memory + CAPACITY));
    CHECK(!oh_concurrent_bump_free(&concurrent, before, 1));
    CHECK(!oh_concurrent_bump_free(&concurrent, memory + CAPACITY, 1));
    CHECK(!oh_concurrent_bump_free(&concurrent, memory, (size_t)CAPACITY + 1));
    CHECK(!oh_concurrent_bump_resize(&concurrent, memory, 1, (size_t)CAPACITY + 1));
    CHECK(oh_concurrent_bump_alloc(&concurrent, SIZE_MAX, 1) == NULL);
    CHECK(oh_concurrent_bump_alloc(&concurrent, 1, 3) == NULL);
  }
  CHECK(oh_concurrent_bump_vtable.alloc(NULL, 1, 1) == NULL);
}

int main(void) {
  RUN(threads_share_a_slab);
  RUN(threads_share_a_free_list);
  RUN(threads_share_a_pool);
  RUN(a_heap_lives_while_it_is_held);
  RUN(no_number_but_its_own_finds_a_heap);
  RUN(what_is_no_strategy_is_not_shared);
  RUN(refusals_of_each_strategy);
  RUN(a_bump_gives_back_what_was_last);
  RUN(no_heap_is_refused);
  RUN(a_dead_holder_poisons_the_heap);
  RUN(who_waits_for_a_dying_holder_is_told);
  RUN(threads_share_a_bump_without_a_lock);
  RUN(broken_words_name_no_memory_outside);
  return 0;
}
