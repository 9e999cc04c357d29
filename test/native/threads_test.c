/* threads_test.c: four threads at once, on the same blocks and on their own. Built with
   ThreadSanitizer as well as without. */

#include <stdatomic.h>
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "check.h"
#include "libc.h"
#include "live_map.h"
#include "pages.h"
#include "threads.h"

/* ---- The same blocks ------------------------------------------------------------------------- */

enum { SHARED = 2000, ROUNDS = 5 };

static void *shared[SHARED];
static atomic_uint won, lost;

static void count(oh_status_t status) {
  CHECK(status == OH_OK || status == OH_DOUBLE_FREE);
  atomic_fetch_add(status == OH_OK ? &won : &lost, 1);
}

static void free_shared(unsigned thread) {
  (void)thread;
  for (unsigned i = 0; i < SHARED; i++) count(oh_libc_free(shared[i], i % 2 == 0 ? 0 : 24, 0));
}

/* Four threads free the same block: free() must see it once. */
static void of_racing_frees_one_wins(void) {
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < SHARED; i++) {
      shared[i] = i % 3 == 0 ? oh_libc_alloc_raw(24) : oh_libc_alloc(24, (size_t)1 << (i % 7));
      CHECK(shared[i] != NULL);
    }
    atomic_store(&won, 0);
    atomic_store(&lost, 0);
    in_threads(free_shared);
    CHECK(atomic_load(&won) == SHARED && atomic_load(&lost) == SHARED * (THREADS - 1));
  }
}

static void free_shared_pages(unsigned thread) {
  (void)thread;
  for (unsigned i = 0; i < SHARED / 20; i++) count(oh_pages_free(shared[i], 0, 0));
}

static void of_racing_frees_of_pages_one_wins(void) {
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < SHARED / 20; i++) {
      shared[i] = oh_pages_alloc(1, 1, NULL);
      CHECK(shared[i] != NULL);
    }
    atomic_store(&won, 0);
    in_threads(free_shared_pages);
    CHECK(atomic_load(&won) == SHARED / 20);
  }
}

/* Showing a block and freeing it exclude each other: never an ArrayBuffer over freed memory. */
static void show_or_free(unsigned thread) {
  for (unsigned i = 0; i < SHARED; i++) {
    bool const shows = thread % 2 == 0;
    bool const mine = shows ? oh_libc_show(shared[i]) : oh_libc_free(shared[i], 0, 0) == OH_OK;
    if (mine) atomic_fetch_add(&won, 1);
  }
}

static void of_showing_and_freeing_one_wins(void) {
  for (unsigned round = 0; round < 4 * ROUNDS; round++) {
    for (unsigned i = 0; i < SHARED; i++) CHECK((shared[i] = oh_libc_alloc(24, 16)) != NULL);
    atomic_store(&won, 0);
    in_threads(show_or_free);
    CHECK(atomic_load(&won) == SHARED);
    for (unsigned i = 0; i < SHARED; i++) {
      oh_status_t const status = oh_libc_free_shown(shared[i]);
      CHECK(status == OH_OK || status == OH_DOUBLE_FREE);
    }
  }
}

/* ---- Blocks of their own --------------------------------------------------------------------- */

enum { KEPT = 64, STEPS = 20000 };

static unsigned next(unsigned *random) {
  *random = *random * 1664525u + 1013904223u;
  return *random >> 8;
}

/* Addresses wander between threads through the heap: a tag that is written too late or twice shows
   as a refused free here, or as a pattern that is not what was written. */
static void churn_heap(unsigned thread) {
  struct {
    char *ptr;
    size_t size, align;
  } kept[KEPT] = {{NULL, 0, 0}};
  unsigned random = thread + 1;
  for (unsigned step = 0; step < STEPS; step++) {
    unsigned const at = next(&random) % KEPT;
    size_t const size = next(&random) % 3000 + 1;
    unsigned const seed = thread * KEPT + at;
    if (kept[at].ptr == NULL) {
      kept[at].align = (size_t)1 << (next(&random) % 9);
      kept[at].size = size;
      kept[at].ptr = oh_libc_alloc(size, kept[at].align);
      CHECK(kept[at].ptr != NULL && (uintptr_t)kept[at].ptr % kept[at].align == 0);
    } else {
      CHECK(check_filled(kept[at].ptr, kept[at].size, seed));
      if (size % 2 == 0) {
        CHECK(oh_libc_free(kept[at].ptr, kept[at].size, kept[at].align) == OH_OK);
        kept[at].ptr = NULL;
        continue;
      }
      void *moved;
      size_t const less = size < kept[at].size ? size : kept[at].size;
      CHECK(oh_libc_remap(kept[at].ptr, kept[at].size, kept[at].align, size, &moved) == OH_OK);
      CHECK(moved != NULL && check_filled(moved, less, seed));
      kept[at].ptr = moved;
      kept[at].size = size;
    }
    check_fill(kept[at].ptr, kept[at].size, seed);
  }
  for (unsigned at = 0; at < KEPT; at++) {
    if (kept[at].ptr != NULL) CHECK(oh_libc_free(kept[at].ptr, 0, 0) == OH_OK);
  }
}

/* realloc frees the old address before it returns, and another thread has it at once. */
static void move_and_free(unsigned thread) {
  for (unsigned step = 0; step < STEPS; step++) {
    size_t const size = 1100 + (step * 7 + thread) % 50 * 16;
    char *const p = oh_libc_alloc(size, 16);
    char *const behind = oh_libc_alloc(size, 16);
    void *moved;
    CHECK(p != NULL && behind != NULL);
    CHECK(oh_libc_remap(p, size, 16, 4 * size, &moved) == OH_OK && moved != NULL);
    CHECK(oh_libc_free(moved, 4 * size, 16) == OH_OK);
    CHECK(oh_libc_free(behind, size, 16) == OH_OK);
  }
}

static void moved_blocks_leave_their_address_to_others(void) {
  in_threads(move_and_free);
}

static void threads_do_not_disturb_each_other(void) {
  in_threads(churn_heap);
}

/* The kernel gives an address to another thread the moment it is unmapped or moved away from. */
static void churn_pages(unsigned thread) {
  unsigned random = thread + 1;
  char *kept[8] = {NULL};
  for (unsigned step = 0; step < STEPS / 20; step++) {
    unsigned const at = next(&random) % 8;
    size_t const size = (next(&random) % 10 + 1) * 4096;
    void *moved;
    if (kept[at] == NULL) {
      CHECK((kept[at] = oh_pages_alloc(size, 16, NULL)) != NULL);
    } else {
      CHECK(check_filled(kept[at], 100, thread));
      if (next(&random) % 2 == 0) {
        CHECK(oh_pages_free(kept[at], 0, 0) == OH_OK);
        kept[at] = NULL;
        continue;
      }
      CHECK(oh_pages_remap(kept[at], 0, 0, size, &moved) == OH_OK);
      if (moved != NULL) kept[at] = moved;
    }
    check_fill(kept[at], 100, thread);
  }
  for (unsigned at = 0; at < 8; at++) {
    if (kept[at] != NULL) CHECK(oh_pages_free(kept[at], 0, 0) == OH_OK);
  }
}

static void threads_do_not_disturb_each_others_pages(void) {
  in_threads(churn_pages);
}

/* ---- The map --------------------------------------------------------------------------------- */

enum { LEAVES = 32 };

static void *in_leaf(unsigned leaf, unsigned thread) {
  uint64_t const first = (uint64_t)0x5a0000000000 / OS_HEAP_ALIGN >> OH_LIVE_LEAF_BITS;
  uint64_t const granule = ((first + leaf) << OH_LIVE_LEAF_BITS) + thread;
  return (void *)(uintptr_t)(granule * OS_HEAP_ALIGN & UINTPTR_MAX);
}

/* All threads need the same new leaves at the same time; one of each is kept, no tag is lost. */
static void insert_in_new_leaves(unsigned thread) {
  for (unsigned leaf = 0; leaf < LEAVES; leaf++) {
    CHECK(oh_live_insert(&oh_live_libc, in_leaf(leaf, thread), (oh_tag_t)(thread + 1)));
  }
}

static void racing_for_a_leaf_loses_no_tag(void) {
  if (UINTPTR_MAX <= 0xffffffffu) SKIP("32-bit addresses");
  in_threads(insert_in_new_leaves);
  for (unsigned leaf = 0; leaf < LEAVES; leaf++) {
    for (unsigned thread = 0; thread < THREADS; thread++) {
      CHECK(oh_live_get(&oh_live_libc, in_leaf(leaf, thread)) == thread + 1);
    }
  }
}

int main(void) {
#ifdef __GLIBC__
  /* One arena, so that an address that a thread frees is soon another's. */
  mallopt(M_ARENA_MAX, 1);
#endif
  RUN(of_racing_frees_one_wins);
  RUN(of_racing_frees_of_pages_one_wins);
  RUN(of_showing_and_freeing_one_wins);
  RUN(threads_do_not_disturb_each_other);
  RUN(moved_blocks_leave_their_address_to_others);
  RUN(threads_do_not_disturb_each_others_pages);
  RUN(racing_for_a_leaf_loses_no_tag);
  return 0;
}
