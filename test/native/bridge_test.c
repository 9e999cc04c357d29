/* bridge_test.c: malloc, realloc and free over every kind of heap, as C libraries call them, with what
   no library should pass. */

#include "bridge.h"

#include "bump.h"
#include "check.h"
#include "concurrent_bump.h"
#include "door.h"
#include "free_list.h"
#include "libc.h"
#include "pages.h"
#include "pool.h"
#include "shared_heap.h"
#include "slab.h"
#include "stack.h"

#define CAPACITY ((size_t)1 << 18)
#define MANY 64

static _Alignas(64) char payload[CAPACITY];
static oh_bump_t bump;
static oh_stack_t stack;
static void *state;

/* ---- Heaps ----------------------------------------------------------------------------------- */

typedef struct heap {
  char const *name;
  oh_valloc_t (*make)(void);
} heap_t;

static void *fresh_state(size_t bytes) {
  free(state);
  state = calloc(1, bytes);
  CHECK(state != NULL);
  return state;
}

static oh_valloc_t make_bump(void) {
  oh_bump_init(&bump, payload, CAPACITY);
  return (oh_valloc_t){&bump, &oh_bump_vtable};
}

static oh_valloc_t make_concurrent(void) {
  static uint32_t words[OH_CONCURRENT_WORDS];
  static oh_concurrent_bump_t concurrent;
  memset(words, 0, sizeof words);
  concurrent = (oh_concurrent_bump_t){words, payload, CAPACITY};
  return (oh_valloc_t){&concurrent, &oh_concurrent_bump_vtable};
}

/* The one before is let go: there is one at a time. */
static oh_shared_t *shared;

static oh_valloc_t make_shared(oh_vtable_t const *table, void const *words, size_t size) {
  if (shared != NULL) oh_shared_let_go(shared);
  shared = oh_shared_create(table, words, size, payload, CAPACITY);
  CHECK(shared != NULL);
  return (oh_valloc_t){shared, oh_shared_table(shared)};
}

static oh_valloc_t make_shared_bump(void) {
  oh_bump_init(&bump, payload, CAPACITY);
  return make_shared(&oh_bump_vtable, &bump, sizeof bump);
}

static oh_valloc_t make_stack(void) {
  oh_stack_init(&stack, payload, CAPACITY);
  return (oh_valloc_t){&stack, &oh_stack_vtable};
}

static oh_valloc_t make_slab(void) {
  void *const words = fresh_state(oh_slab_state_size(CAPACITY));
  return (oh_valloc_t){oh_slab_init(words, payload, CAPACITY), &oh_slab_vtable};
}

static oh_valloc_t make_shared_slab(void) {
  oh_valloc_t const slab = make_slab();
  return make_shared(slab.vt, slab.self, oh_slab_state_size(CAPACITY));
}

static oh_valloc_t make_free_list(void) {
  oh_free_list_t *const list = fresh_state(oh_free_list_state_size(CAPACITY));
  oh_free_list_init(list, payload, CAPACITY);
  return (oh_valloc_t){list, &oh_free_list_vtable};
}

static oh_valloc_t make_pool(void) {
  size_t const blocks = oh_pool_fit(payload, CAPACITY, 1024, 16);
  oh_pool_t *const pool = fresh_state(oh_pool_state_size(blocks));
  CHECK(oh_pool_init(pool, payload, CAPACITY, 1024, 16, blocks, blocks));
  return (oh_valloc_t){pool, &oh_pool_vtable};
}

static oh_valloc_t make_libc(void) {
  return (oh_valloc_t){NULL, &oh_libc_vtable};
}

static oh_valloc_t make_pages(void) {
  return (oh_valloc_t){NULL, &oh_pages_vtable};
}

static heap_t const heaps[] = {
    {"bump", make_bump}, {"stack", make_stack}, {"slab", make_slab},   {"free list", make_free_list},
    {"pool", make_pool}, {"libc", make_libc},   {"pages", make_pages},
    {"concurrent bump", make_concurrent},
    {"bump behind a lock", make_shared_bump},
    {"slab behind a lock", make_shared_slab},
};
#define HEAPS (sizeof heaps / sizeof *heaps)

static oh_bridge_stats_t stats_of(oh_bridge_t const *bridge) {
  oh_bridge_stats_t stats;
  oh_bridge_read(bridge, &stats);
  return stats;
}

/* ---- What they are for ----------------------------------------------------------------------- */

/* Freed in reverse, as a stack wants it. */
static void blocks_keep_their_bytes_and_are_counted(void) {
  for (size_t h = 0; h < HEAPS; h++) {
    oh_bridge_t *const bridge = oh_bridge_open(heaps[h].make());
    unsigned char *blocks[MANY];
    uint64_t asked = 0;
    for (unsigned i = 0; i < MANY; i++) {
      blocks[i] = oh_bridge_alloc(bridge, i * 7);
      CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % OH_DEFAULT_ALIGN == 0);
      check_fill(blocks[i], i * 7, i);
      CHECK(oh_bridge_size(bridge, blocks[i]) >= i * 7);
      asked += i * 7;
    }
    oh_bridge_stats_t const full = stats_of(bridge);
    CHECK(full.blocks == MANY && full.allocations == MANY && full.bytes >= asked);
    for (unsigned i = MANY; i-- > 0;) {
      CHECK(check_filled(blocks[i], i * 7, i));
      oh_bridge_free(bridge, blocks[i]);
    }
    oh_bridge_stats_t const empty = stats_of(bridge);
    CHECK(empty.blocks == 0 && empty.bytes == 0 && empty.peak_bytes == full.bytes);
    CHECK(empty.failures == 0 && empty.refused == 0);
    oh_bridge_delete(bridge);
  }
}

static void realloc_keeps_bytes_and_counts_the_new_size(void) {
  for (size_t h = 0; h < HEAPS; h++) {
    oh_bridge_t *const bridge = oh_bridge_open(heaps[h].make());
    char *p = oh_bridge_realloc(bridge, NULL, 100);
    check_fill(p, 100, 3);
    void *const wall = oh_bridge_alloc(bridge, 8); /* so that p is not the last block */
    bool const growing = strcmp(heaps[h].name, "stack") != 0; /* there p cannot be freed now */
    if (growing) {
      p = oh_bridge_realloc(bridge, p, 900);
      CHECK(p != NULL && check_filled(p, 100, 3));
      CHECK(stats_of(bridge).blocks == 2 && stats_of(bridge).bytes >= 908);
      check_fill(p, 900, 4);
      p = oh_bridge_realloc(bridge, p, 50);
      CHECK(p != NULL && check_filled(p, 50, 4));
    }
    CHECK(oh_bridge_realloc(bridge, p, SIZE_MAX) == NULL);
    CHECK(oh_bridge_realloc(bridge, p, SIZE_MAX / 2 - 8) == NULL);
    CHECK(stats_of(bridge).failures == 2 && stats_of(bridge).blocks == 2);
    oh_bridge_free(bridge, wall);
    oh_bridge_free(bridge, p);
    CHECK(stats_of(bridge).blocks == 0 && stats_of(bridge).bytes == 0);
    oh_bridge_delete(bridge);
  }
}

static void calloc_zeroes(void) {
  memset(payload, 0xa5, CAPACITY);
  oh_bridge_t *const bridge = oh_bridge_open(make_bump());
  CHECK(check_zeros(oh_bridge_calloc(bridge, 10, 10), 100));
  oh_bridge_delete(bridge);
}

/* ---- What no library should do ---------------------------------------------------------------- */

static void impossible_sizes_are_no_memory(void) {
  for (size_t h = 0; h < HEAPS; h++) {
    oh_bridge_t *const bridge = oh_bridge_open(heaps[h].make());
    for (size_t less = 0; less < 40; less++) {
      CHECK(oh_bridge_alloc(bridge, SIZE_MAX - less) == NULL);
      CHECK(oh_bridge_alloc(bridge, SIZE_MAX / 2 - less) == NULL);
      CHECK(oh_bridge_sized_alloc(bridge, SIZE_MAX - less) == NULL);
    }
    CHECK(oh_bridge_alloc_array(bridge, SIZE_MAX / 2, 3) == NULL);
    CHECK(oh_bridge_calloc(bridge, (size_t)1 << 33, (size_t)1 << 33) == NULL);
    CHECK(stats_of(bridge).failures == 122 && stats_of(bridge).blocks == 0);
    oh_bridge_delete(bridge);
  }
}

static void wrong_pointers_are_refused(void) {
  char local[64];
  for (size_t h = 0; h < HEAPS; h++) {
    oh_bridge_t *const bridge = oh_bridge_open(heaps[h].make());
    char *const p = oh_bridge_alloc(bridge, 200);
    memset(p, 0, 200);
    void *const wrong[] = {(void *)1,  (void *)8,      (void *)16,        (void *)UINTPTR_MAX,
                           local,      p + 1,          p + 16,            p + 64,
                           p + 100000, payload + 8192, (char *)p - 0x200, (void *)(UINTPTR_MAX - 15)};
    size_t const count = sizeof wrong / sizeof *wrong;
    uint64_t const before = oh_refused_calls();
    for (size_t i = 0; i < count; i++) {
      oh_bridge_free(bridge, wrong[i]);
      CHECK(oh_bridge_realloc(bridge, wrong[i], 10) == NULL);
      CHECK(oh_bridge_size(bridge, wrong[i]) == 0);
    }
    CHECK(stats_of(bridge).refused == 2 * count && oh_refused_calls() >= before + 2 * count);
    CHECK(stats_of(bridge).blocks == 1 && oh_bridge_size(bridge, p) >= 200);
    oh_bridge_free(bridge, p);
    oh_bridge_free(bridge, p);
    CHECK(stats_of(bridge).blocks == 0 && stats_of(bridge).refused == 2 * count + 1);
    oh_bridge_delete(bridge);
  }
}

/* What a realloc has left behind in a bump is no block any more. */
static void a_moved_block_is_no_block(void) {
  oh_bridge_t *const bridge = oh_bridge_open(make_bump());
  void *const p = oh_bridge_alloc(bridge, 32);
  CHECK(oh_bridge_alloc(bridge, 32) != NULL);
  CHECK(oh_bridge_header(bridge) == 16 && oh_bridge_realloc(bridge, p, 64) != p);
  oh_bridge_free(bridge, p);
  CHECK(stats_of(bridge).refused == 1 && stats_of(bridge).blocks == 2);
  oh_bridge_delete(bridge);
}

/* Only the newest block of a stack can be freed: the others stay, and stay counted. */
static void what_the_heap_refuses_stays_counted(void) {
  oh_bridge_t *const bridge = oh_bridge_open(make_stack());
  void *const p = oh_bridge_alloc(bridge, 32);
  void *const q = oh_bridge_alloc(bridge, 32);
  oh_bridge_free(bridge, p);
  CHECK(stats_of(bridge).blocks == 2 && stats_of(bridge).refused == 1);
  oh_bridge_free(bridge, q);
  oh_bridge_free(bridge, p);
  CHECK(stats_of(bridge).blocks == 0 && stats_of(bridge).bytes == 0);
  oh_bridge_delete(bridge);
}

static void a_reset_is_told(void) {
  oh_bridge_t *const bridge = oh_bridge_open(make_bump());
  void *const p = oh_bridge_alloc(bridge, 100);
  oh_bump_init(&bump, payload, CAPACITY);
  oh_bridge_forget(bridge);
  CHECK(stats_of(bridge).blocks == 0 && stats_of(bridge).peak_bytes == 0);
  oh_bridge_free(bridge, p); /* from before: counts nothing below 0 */
  CHECK(stats_of(bridge).blocks == 0 && stats_of(bridge).bytes == 0);
  CHECK(oh_bridge_alloc(bridge, 100) == p);
  CHECK(stats_of(bridge).blocks == 1 && stats_of(bridge).bytes == 100);
  oh_bridge_delete(bridge);
}

static void a_bridge_that_is_closed_or_none_has_no_memory(void) {
  oh_bridge_t *const closed = oh_bridge_open(make_bump());
  void *const p = oh_bridge_alloc(closed, 8);
  oh_bridge_close(closed);
  oh_bridge_close(closed);
  oh_bridge_close(NULL);
  oh_bridge_delete(NULL);
  oh_bridge_forget(NULL);
  oh_bridge_t *const bridges[] = {closed, NULL, oh_bridge_open(oh_null())};
  for (size_t i = 0; i < 3; i++) {
    oh_bridge_t *const bridge = bridges[i];
    CHECK(oh_bridge_alloc(bridge, 8) == NULL && oh_bridge_calloc(bridge, 1, 8) == NULL);
    CHECK(oh_bridge_realloc(bridge, p, 8) == NULL && oh_bridge_realloc(bridge, NULL, 8) == NULL);
    CHECK(oh_bridge_sized_alloc(bridge, 8) == NULL);
    CHECK(oh_bridge_sized_realloc(bridge, p, 8, 4) == NULL);
    oh_bridge_free(bridge, p);
    oh_bridge_sized_free(bridge, p, 8);
    CHECK(oh_bridge_size(bridge, p) == 0);
    CHECK(stats_of(bridge).refused == (bridge == NULL ? 0 : 4));
  }
  oh_bridge_delete(bridges[2]);
  oh_bridge_delete(closed);
}

/* ---- With sizes ------------------------------------------------------------------------------- */

static void sized_blocks_have_no_header(void) {
  for (size_t h = 0; h < HEAPS; h++) {
    oh_bridge_t *const bridge = oh_bridge_open(heaps[h].make());
    char *p = oh_bridge_sized_alloc(bridge, 40);
    check_fill(p, 40, 9);
    CHECK(stats_of(bridge).bytes == 40);
    p = oh_bridge_sized_realloc(bridge, p, 40, 800);
    CHECK(p != NULL && check_filled(p, 40, 9) && stats_of(bridge).bytes == 800);
    p = oh_bridge_sized_realloc(bridge, p, 800, 24);
    CHECK(p != NULL && check_filled(p, 24, 9) && stats_of(bridge).bytes == 24);
    CHECK(oh_bridge_sized_realloc(bridge, p, 24, SIZE_MAX) == NULL);
    CHECK(oh_bridge_sized_realloc(bridge, (void *)64, 24, 32) == NULL);
    oh_bridge_sized_free(bridge, (void *)64, 24);
    oh_bridge_sized_free(bridge, NULL, 24);
    oh_bridge_sized_free(bridge, p, 24);
    oh_bridge_stats_t const end = stats_of(bridge);
    CHECK(end.blocks == 0 && end.bytes == 0 && end.failures == 1 && end.refused == 2);
    oh_bridge_delete(bridge);
  }
  oh_bridge_t *const bridge = oh_bridge_open(make_bump());
  char *const first = oh_bridge_sized_alloc(bridge, 16);
  CHECK((char *)oh_bridge_sized_alloc(bridge, 16) == first + 16);
  oh_bridge_delete(bridge);
}

/* Lua depends on it. */
static void making_a_block_smaller_never_fails(void) {
  oh_bridge_t *const bridge = oh_bridge_open(make_slab());
  char *const large = oh_bridge_sized_alloc(bridge, 40000);
  check_fill(large, 40000, 1);
  for (size_t size = 8192; size > 0; size /= 2) {
    while (oh_bridge_sized_alloc(bridge, size) != NULL) {
    }
  }
  CHECK(oh_bridge_sized_realloc(bridge, large, 40000, 100) == large);
  CHECK(check_filled(large, 100, 1));
  uint64_t const refused = stats_of(bridge).refused, bytes = stats_of(bridge).bytes;
  oh_bridge_sized_free(bridge, large, 100);
  CHECK(stats_of(bridge).refused == refused && stats_of(bridge).bytes == bytes - 100);
  CHECK(oh_bridge_sized_alloc(bridge, 39000) != NULL); /* all of it was freed */
  oh_bridge_delete(bridge);
}

int main(void) {
  RUN(blocks_keep_their_bytes_and_are_counted);
  RUN(realloc_keeps_bytes_and_counts_the_new_size);
  RUN(calloc_zeroes);
  RUN(impossible_sizes_are_no_memory);
  RUN(wrong_pointers_are_refused);
  RUN(a_moved_block_is_no_block);
  RUN(what_the_heap_refuses_stays_counted);
  RUN(a_reset_is_told);
  RUN(a_bridge_that_is_closed_or_none_has_no_memory);
  RUN(sized_blocks_have_no_header);
  RUN(making_a_block_smaller_never_fails);
  oh_shared_let_go(shared);
  free(state);
  return 0;
}
