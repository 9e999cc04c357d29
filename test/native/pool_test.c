/* pool_test.c: the pool strategy: what the differential test (test/doors/pool.test.ts) does not
   reach: the table of operations, addresses that are not there, blocks and a state that end where
   a sanitizer looks. */

#include "check.h"
#include "pool.h"

static _Alignas(4096) char memory[65536];

/* With a state of exactly the bytes that it needs, to be freed. */
static oh_pool_t *pool_over(void *base, size_t capacity, size_t size, size_t align, size_t blocks) {
  size_t const most = oh_pool_fit(base, capacity, size, align);
  oh_pool_t *const pool = malloc(oh_pool_state_size(most));
  CHECK(pool != NULL);
  CHECK(oh_pool_init(pool, base, capacity, size, align, blocks == 0 ? most : blocks, most));
  return pool;
}

static void every_block_is_to_be_had_once(void) {
  size_t const sizes[] = {1, 8, 12, 24, 100, 1000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (size_t align = 1; align <= 256; align *= 16) {
      oh_pool_t *const pool = pool_over(memory + 5, 16000, sizes[i], align, 0);
      char *const first = oh_pool_alloc(pool, pool->block_size, align);
      CHECK((uintptr_t)first % align == 0 && first >= memory + 5 && first < memory + 5 + align);
      for (size_t n = 1; n < pool->blocks; n++) {
        char *const p = oh_pool_alloc(pool, pool->block_size, 1);
        CHECK(p == first + n * pool->stride && (uintptr_t)p % align == 0);
        memset(p, (int)n, pool->block_size);
      }
      CHECK(first + pool->blocks * pool->stride <= memory + 5 + 16000);
      CHECK(oh_pool_alloc(pool, pool->block_size, 1) == NULL);
      CHECK(pool->live == pool->blocks && pool->used == pool->blocks * pool->block_size);
      for (size_t n = 0; n < pool->blocks; n++) {
        CHECK(oh_pool_usable_size(pool, first + n * pool->stride) == pool->block_size);
        CHECK(oh_pool_free_block(pool, first + n * pool->stride));
        CHECK(!oh_pool_free_block(pool, first + n * pool->stride));
      }
      CHECK(pool->live == 0 && pool->used == 0);
      free(pool);
    }
  }
}

static void what_makes_no_pool_is_refused(void) {
  CHECK(oh_pool_fit(memory, 1000, 0, 1) == 0 && oh_pool_fit(memory, 1000, 8, 0) == 0);
  CHECK(oh_pool_fit(memory, 1000, 8, 12) == 0 && oh_pool_fit(memory, 7, 1, 1) == 0);
  CHECK(oh_pool_fit(memory, SIZE_MAX, SIZE_MAX, 1) == 0);
  CHECK(oh_pool_fit(memory, SIZE_MAX, 8, (SIZE_MAX >> 1) + 1) == 0);
  CHECK(oh_pool_fit(memory + 1, 15, 8, 16) == 0 && oh_pool_fit(memory + 1, 31, 8, 16) == 1);
  CHECK(oh_pool_fit(memory, SIZE_MAX, OH_MAX_CAPACITY, 1) == 1);
  CHECK(oh_pool_fit(memory, SIZE_MAX, OH_MAX_CAPACITY + 1, 1) == 0);
  CHECK(oh_pool_fit(memory, 100, 1, 1) == 12); /* blocks of 8 bytes */
  oh_pool_t *const pool = malloc(oh_pool_state_size(40));
  CHECK(!oh_pool_init(pool, memory, 400, 10, 1, 0, 40));
  CHECK(!oh_pool_init(pool, memory, 400, 10, 1, 41, 40));
  CHECK(!oh_pool_init(pool, memory, 399, 10, 1, 40, 40));
  CHECK(!oh_pool_init(pool, memory, 400, 10, 3, 1, 1));
  CHECK(oh_pool_init(pool, memory, 400, 10, 1, 40, 40));
  free(pool);
}

static void other_layouts_give_null(void) {
  oh_pool_t *const pool = pool_over(memory, 4096, 24, 8, 0);
  CHECK(oh_pool_alloc(pool, 25, 8) == NULL && oh_pool_alloc(pool, 24, 16) == NULL);
  CHECK(oh_pool_alloc(pool, 24, 0) == NULL && oh_pool_alloc(pool, 24, 3) == NULL);
  CHECK(oh_pool_alloc(pool, SIZE_MAX, 8) == NULL && oh_pool_alloc(pool, 24, SIZE_MAX) == NULL);
  CHECK(oh_pool_alloc(pool, 23, 8) == NULL && oh_pool_alloc(pool, 0, 1) == NULL); /* parts */
  CHECK(pool->begun == 0 && pool->live == 0);
  free(pool);
}

static void wrong_calls_change_nothing(void) {
  oh_pool_t *const pool = pool_over(memory + 64, 4096, 24, 8, 0);
  char *const p = oh_pool_alloc(pool, 24, 8);
  char *const q = oh_pool_alloc(pool, 24, 8);
  CHECK(oh_pool_free(pool, q, 24, 8));
  oh_pool_t const before = *pool;
  void *const wrong[] = {NULL,  pool,   memory, memory + 63, p - 24,
                         p + 1, p + 23, q,      q + 24,      p + 4096};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(!oh_pool_free(pool, wrong[i], 24, 8) && !oh_pool_free_block(pool, wrong[i]));
    CHECK(!oh_pool_resize(pool, wrong[i], 24, 8, 24) && oh_pool_usable_size(pool, wrong[i]) == 0);
  }
  CHECK(!oh_pool_free(pool, p, 23, 8) && !oh_pool_free(pool, p, 0, 8));
  CHECK(!oh_pool_free(pool, p, 25, 8) && !oh_pool_free(pool, p, 24, 4096));
  CHECK(!oh_pool_free(pool, p, 24, 0) && !oh_pool_free(pool, p, 24, 3));
  CHECK(!oh_pool_resize(pool, p, 24, 8, 25) && !oh_pool_resize(pool, p, 24, 8, 23));
  CHECK(!oh_pool_resize(pool, p, 23, 8, 24) && !oh_pool_resize(pool, p, 24, 4096, 24));
  CHECK(memcmp(pool, &before, sizeof before) == 0);
  CHECK(oh_pool_resize(pool, p, 24, 8, 24) && oh_pool_free(pool, p, 24, 64));
  free(pool);
}

/* A block that was asked for smaller: its size is nowhere that C could look. */
static void parts_are_left_alone(void) {
  oh_pool_t *const pool = pool_over(memory, 4096, 24, 8, 0);
  char *const p = oh_pool_alloc(pool, 24, 8);
  ((oh_pool_group_t *)(void *)(pool + 1))->parts = 1;
  pool->used = 5;
  oh_pool_t const before = *pool;
  CHECK(!oh_pool_free(pool, p, 5, 1) && !oh_pool_free(pool, p, 24, 1));
  CHECK(!oh_pool_free_block(pool, p) && !oh_pool_resize(pool, p, 24, 1, 24));
  CHECK(memcmp(pool, &before, sizeof before) == 0);
  CHECK(oh_pool_usable_size(pool, p) == 24);
  free(pool);
}

static void a_pool_grows_when_all_are_live(void) {
  oh_pool_t *const pool = pool_over(memory, 70 * 16, 16, 16, 20);
  CHECK(pool->blocks == 20 && pool->most_blocks == 70 && !oh_pool_grow(pool, 20));
  size_t live = 0;
  for (size_t there = 20; there <= 70; there = there == 60 ? 70 : there + 20) {
    CHECK(pool->blocks == there);
    for (; live < there; live++) CHECK(oh_pool_alloc(pool, 16, 16) == memory + live * 16);
    CHECK(oh_pool_alloc(pool, 16, 16) == NULL && !oh_pool_grow(pool, 0));
    CHECK(oh_pool_grow(pool, 20) == (there < 70));
    if (there == 70) break;
  }
  CHECK(oh_pool_free(pool, memory + 160, 16, 16) && !oh_pool_grow(pool, SIZE_MAX));
  CHECK(oh_pool_alloc(pool, 16, 16) == memory + 160);
  oh_pool_reset(pool);
  CHECK(pool->blocks == 70 && pool->peak_begun == 70 && pool->peak_used == 1120);
  CHECK(oh_pool_alloc(pool, 16, 16) == memory);
  free(pool);
}

static void a_region_that_is_gone_gives_null(void) {
  oh_pool_t *const pool = pool_over(memory, 4096, 16, 16, 20);
  char *const p = oh_pool_alloc(pool, 16, 16);
  oh_pool_reset(pool);
  pool->blocks = 0;
  CHECK(oh_pool_alloc(pool, 16, 16) == NULL && !oh_pool_grow(pool, 20));
  CHECK(!oh_pool_free_block(pool, p) && oh_pool_alloc(pool, 16, 16) == NULL);
  free(pool);
}

/* Addresses across a multiple of 4 GiB, and offsets above 2^31. Nothing is touched. */
static void payloads_may_lie_anywhere(void) {
#if UINTPTR_MAX > 0xffffffffu
  char *const base = (char *)((uintptr_t)0x7fff00000000 - 100);
  oh_pool_t *const pool = pool_over(base, SIZE_MAX, 99999984, 16, 0);
  CHECK(pool->blocks == 42 && pool->stride == 99999984);
  char *first = NULL;
  for (size_t i = 0; i < 42; i++) {
    char *const p = oh_pool_alloc(pool, 99999984, 16);
    if (i == 0) first = p;
    CHECK(p == base + 4 + i * 99999984);
  }
  CHECK(!oh_pool_free_block(pool, first + ((size_t)1 << 32)));
  CHECK(!oh_pool_free_block(pool, first - ((size_t)1 << 32)));
  for (size_t i = 0; i < 42; i++) CHECK(oh_pool_free(pool, first + i * 99999984, 99999984, 16));
  CHECK(pool->live == 0 && pool->used == 0 && pool->peak_used == 42u * 99999984);
  free(pool);
#else
  SKIP("32-bit addresses");
#endif
}

static void the_table_works_on_the_same_state(void) {
  oh_pool_t *const pool = pool_over(memory, 4096, 24, 8, 0);
  oh_valloc_t const v = {pool, &oh_pool_vtable};
  CHECK(!oh_is_null(v) && oh_malloc(v, 0, 24) == NULL); /* 16 is more than the pool has */
  char *const p = oh_malloc(v, 8, 24);
  char *const q = oh_malloc(v, 1, 24);
  CHECK(p == memory && q == memory + 24);
  /* The table rounds sizes up to whole blocks: C asks for what it needs. */
  CHECK(v.vt->resize(v.self, p, 24, 8, 24) && v.vt->resize(v.self, p, 20, 8, 3));
  CHECK(!v.vt->resize(v.self, p, 25, 8, 24) && oh_usable_size(v, p) == 24);
  CHECK(v.vt->remap(v.self, p, 24, 8, 24) == p && v.vt->remap(v.self, p, 24, 8, 25) == NULL);
  size_t wrong = 16; /* memory may lie at a multiple of anything */
  while ((uintptr_t)p % wrong == 0) wrong *= 2;
  v.vt->free(v.self, p, 25, 8);
  v.vt->free(v.self, p, 24, wrong);
  CHECK(pool->live == 2);
  v.vt->free(v.self, p, 24, 8);
  CHECK(pool->live == 1 && oh_usable_size(v, p) == 0);
  char *const small = oh_malloc(v, 8, 5);
  CHECK(small == p && pool->used == 48);
  v.vt->free(v.self, small, 5, 8);
  /* A size that is not known, and with it the alignment: oh_free says 16. */
  CHECK(v.vt->resize(v.self, q, 0, 16, 24) && !v.vt->resize(v.self, q, 0, 16, 25));
  CHECK(v.vt->remap(v.self, q, 0, 16, 24) == q && v.vt->remap(v.self, p, 0, 16, 24) == NULL);
  oh_free(v, p);
  oh_free(v, q + 1);
  CHECK(pool->live == 1);
  oh_free(v, q);
  CHECK(pool->live == 0);
  free(pool);
}

int main(void) {
  RUN(every_block_is_to_be_had_once);
  RUN(what_makes_no_pool_is_refused);
  RUN(other_layouts_give_null);
  RUN(wrong_calls_change_nothing);
  RUN(parts_are_left_alone);
  RUN(a_pool_grows_when_all_are_live);
  RUN(a_region_that_is_gone_gives_null);
  RUN(payloads_may_lie_anywhere);
  RUN(the_table_works_on_the_same_state);
  return 0;
}
