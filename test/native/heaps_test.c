/* heaps_test.c: what every allocator must do through its table, as a C library calls it: the
   strategies, in memory and with a state of exactly the bytes that they need, where a sanitizer sees
   one too many; the C heap; pages. */

#include "bump.h"
#include "check.h"
#include "door.h"
#include "free_list.h"
#include "libc.h"
#include "pages.h"
#include "pool.h"
#include "slab.h"
#include "stack.h"

#define CAPACITY ((size_t)200003)
#define BLOCK ((size_t)700)
#define BLOCKS 64

typedef struct heap {
  oh_valloc_t v;
  void *memory;
  char const *name;
  bool any_order;   /* blocks may be freed in any order, and are found by their address            */
  bool keeps_sizes; /* and their sizes are                                                         */
  size_t most;      /* bytes that a block may have                                                 */
} heap_t;

enum { BUMP, STACK, POOL, FREE_LIST, SLAB, LIBC, PAGES, HEAPS };

static void *bytes_of(size_t size) {
  void *const memory = malloc(size);
  CHECK(memory != NULL);
  return memory;
}

/* The state of a slab must read 0. */
static void *state_of(size_t size) {
  void *const state = calloc(1, size);
  CHECK(state != NULL);
  return state;
}

static oh_pool_t *pool_in(void *memory) {
  size_t const most = oh_pool_fit(memory, CAPACITY, BLOCK, 64);
  oh_pool_t *const pool = state_of(oh_pool_state_size(most));
  CHECK(oh_pool_init(pool, memory, CAPACITY, BLOCK, 64, most, most));
  return pool;
}

static heap_t make(int which) {
  heap_t heap = {{NULL, NULL}, NULL, "", true, true, CAPACITY};
  if (which < LIBC) heap.memory = bytes_of(CAPACITY);
  switch (which) {
    case BUMP:
      heap.v = (oh_valloc_t){state_of(sizeof(oh_bump_t)), &oh_bump_vtable};
      oh_bump_init(heap.v.self, heap.memory, CAPACITY);
      heap.name = "bump";
      heap.any_order = heap.keeps_sizes = false;
      break;
    case STACK:
      heap.v = (oh_valloc_t){state_of(sizeof(oh_stack_t)), &oh_stack_vtable};
      oh_stack_init(heap.v.self, heap.memory, CAPACITY);
      heap.name = "stack";
      heap.any_order = false;
      break;
    case POOL:
      heap.v = (oh_valloc_t){pool_in(heap.memory), &oh_pool_vtable};
      heap.name = "pool";
      heap.most = BLOCK;
      break;
    case FREE_LIST:
      heap.v = (oh_valloc_t){state_of(oh_free_list_state_size(CAPACITY)), &oh_free_list_vtable};
      oh_free_list_init(heap.v.self, heap.memory, CAPACITY);
      heap.name = "free list";
      break;
    case SLAB:
      heap.v = (oh_valloc_t){state_of(oh_slab_state_size(CAPACITY)), &oh_slab_vtable};
      CHECK(oh_slab_init(heap.v.self, heap.memory, CAPACITY) == heap.v.self);
      heap.name = "slab";
      break;
    case LIBC: heap.v.vt = &oh_libc_vtable, heap.name = "C heap"; break;
    default: heap.v.vt = &oh_pages_vtable, heap.name = "pages"; break;
  }
  return heap;
}

static void drop(heap_t *heap) {
  free(heap->v.self);
  free(heap->memory);
}

/* A small generator of its own: the same numbers everywhere. */
static uint32_t seed = 1;

static uint32_t any(uint32_t below) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % below;
}

typedef struct block {
  unsigned char *ptr;
  size_t size, align;
  unsigned fill;
} block_t;

static size_t any_size(heap_t const *heap) {
  static size_t const borders[] = {0, 1, 8, 15, 16, 17, 31, 32, 100, 512, 600, 2032, 2033, 5000};
  size_t const size = any(3) == 0 ? any(3000) : borders[any(sizeof borders / sizeof *borders)];
  return size > heap->most ? heap->most : size;
}

static bool born(heap_t const *heap, block_t *block) {
  size_t const size = any_size(heap), align = (size_t)1 << any(any(4) == 0 ? 9 : 5);
  unsigned char *const ptr = oh_malloc(heap->v, align, size);
  if (ptr == NULL) return false;
  CHECK((uintptr_t)ptr % align == 0);
  if (heap->keeps_sizes) CHECK(oh_usable_size(heap->v, ptr) >= size);
  *block = (block_t){ptr, size, align, any(256)};
  check_fill(ptr, size, block->fill);
  return true;
}

/* Told the size or not, as it comes. */
static void died(heap_t const *heap, block_t const *block) {
  CHECK(check_filled(block->ptr, block->size, block->fill));
  if (any(2) == 0) oh_free(heap->v, block->ptr);
  else heap->v.vt->free(heap->v.self, block->ptr, block->size, block->align);
}

static void resized(heap_t const *heap, block_t *block) {
  size_t const size = any_size(heap);
  unsigned char *const ptr = oh_realloc(heap->v, block->align, block->ptr, size);
  if (ptr != NULL) {
    CHECK((uintptr_t)ptr % block->align == 0);
    CHECK(check_filled(ptr, size < block->size ? size : block->size, block->fill));
    block->ptr = ptr;
    block->size = size;
  }
  check_fill(block->ptr, block->size, block->fill);
}

/* Nobody else's bytes change, whatever is allocated, resized and freed meanwhile. */
static void random_programs_keep_every_byte(void) {
  static block_t blocks[BLOCKS];
  for (int which = 0; which < HEAPS; which++) {
    for (unsigned round = 0; round < 6; round++) {
      heap_t heap = make(which);
      uint64_t const refused = oh_refused_calls();
      size_t live = 0;
      for (unsigned i = 0; i < (which == PAGES ? 300 : 3000); i++) {
        size_t const at = live == 0 ? 0 : heap.any_order ? any((uint32_t)live) : live - 1;
        unsigned const roll = any(10);
        if (live < BLOCKS && (roll < 5 || live == 0)) {
          live += born(&heap, &blocks[live]);
        } else if (roll < 7 && heap.keeps_sizes && heap.any_order) {
          resized(&heap, &blocks[at]);
        } else if (live > 0) {
          died(&heap, &blocks[at]);
          blocks[at] = blocks[--live];
        }
      }
      while (live > 0) died(&heap, &blocks[--live]);
      CHECK(oh_refused_calls() == refused);
      drop(&heap);
    }
  }
}

/* What C gets wrong is refused, counted, and changes nothing. */
static void wrong_frees_are_refused(void) {
  static char foreign[64];
  for (int which = STACK; which < HEAPS; which++) {
    heap_t heap = make(which);
    char *const p = oh_malloc(heap.v, 16, 100);
    char *const q = oh_malloc(heap.v, 16, 100);
    CHECK(p != NULL && q != NULL);
    check_fill(p, 100, 1);
    uint64_t const before = oh_refused_calls();
    oh_free(heap.v, foreign);
    oh_free(heap.v, q + 1);
    oh_free(heap.v, q + 16);
    heap.v.vt->free(heap.v.self, q, SIZE_MAX, 16);
    CHECK(oh_refused_calls() == before + 4);
    CHECK(oh_usable_size(heap.v, foreign) == 0 && oh_usable_size(heap.v, q + 16) == 0);
    oh_free(heap.v, q);
    CHECK(oh_refused_calls() == before + 4);
    oh_free(heap.v, q);
    CHECK(oh_refused_calls() == before + 5);
    CHECK(check_filled(p, 100, 1));
    oh_free(heap.v, p);
    drop(&heap);
  }
}

static void what_cannot_be_is_null(void) {
  for (int which = 0; which < HEAPS; which++) {
    heap_t heap = make(which);
    for (size_t less = 0; less < 70; less++) {
      CHECK(oh_malloc(heap.v, 1, SIZE_MAX - less) == NULL);
      CHECK(oh_malloc(heap.v, 4096, SIZE_MAX - less) == NULL);
      CHECK(oh_calloc(heap.v, 1, SIZE_MAX / 2 + less, 3) == NULL);
    }
    CHECK(oh_malloc(heap.v, SIZE_MAX / 2 + 1, 1) == NULL || which == LIBC);
    CHECK(oh_malloc(heap.v, 3, 1) == NULL && heap.v.vt->alloc(heap.v.self, 1, 24) == NULL);
    char *const p = oh_calloc(heap.v, 0, 10, 10);
    CHECK(p != NULL && check_zeros(p, 100));
    CHECK(oh_realloc(heap.v, 0, p, SIZE_MAX) == NULL && check_zeros(p, 100));
    CHECK(oh_realloc(heap.v, 3, p, 10) == NULL);
    oh_free(heap.v, p);
    drop(&heap);
  }
}

/* A table whose owner is gone, or was never there. */
static void a_null_self_has_no_memory(void) {
  oh_vtable_t const *const tables[] = {&oh_bump_vtable, &oh_stack_vtable, &oh_pool_vtable,
                                       &oh_free_list_vtable, &oh_slab_vtable};
  char local[16];
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
    oh_valloc_t const v = {NULL, tables[t]};
    uint64_t const before = oh_refused_calls();
    CHECK(oh_malloc(v, 0, 16) == NULL && oh_realloc(v, 0, local, 32) == NULL);
    CHECK(!v.vt->resize(NULL, local, 16, 1, 8) && oh_usable_size(v, local) == 0);
    oh_free(v, local);
    CHECK(oh_refused_calls() == before + 1);
  }
}

int main(void) {
  RUN(random_programs_keep_every_byte);
  RUN(wrong_frees_are_refused);
  RUN(what_cannot_be_is_null);
  RUN(a_null_self_has_no_memory);
  return 0;
}
