/* stack_test.c: the stack strategy: what the differential test (test/doors/stack.test.ts) does not
   reach: the table of operations, addresses that are not there, and memory that ends where a
   sanitizer looks. */

#include "check.h"
#include "stack.h"

static _Alignas(4096) char memory[16384];

static oh_stack_t stack_over(void *base, size_t capacity) {
  oh_stack_t s;
  oh_stack_init(&s, base, capacity);
  return s;
}

static bool same(oh_stack_t const *a, oh_stack_t const *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

static void addresses_are_aligned_whatever_the_base(void) {
  for (size_t shift = 0; shift < 70; shift++) {
    oh_stack_t s = stack_over(memory + shift, 8192);
    char *end = memory + shift;
    for (size_t align = 1; align <= 1024; align *= 2) {
      char *const p = oh_stack_alloc(&s, 3, align);
      CHECK(p != NULL && (uintptr_t)p % align == 0);
      CHECK(p >= end + OH_STACK_HEADER && p < end + OH_STACK_HEADER + align);
      end = p + 3;
      CHECK(s.cursor == (size_t)(end - (memory + shift)));
    }
    CHECK(s.used == 3 * 11);
    while (s.top != 0) CHECK(oh_stack_pop(&s));
    CHECK(s.used == 0 && s.cursor == 0 && !oh_stack_pop(&s));
  }
}

/* The block ends where the heap's does: a header or a size too long would be seen. */
static void capacity_is_exact(void) {
  for (size_t capacity = 0; capacity < 40; capacity++) {
    char *const heap = malloc(capacity + 1);
    oh_stack_t s = stack_over(heap, capacity);
    CHECK(capacity >= 9 || oh_stack_alloc(&s, 0, 1) == NULL);
    if (capacity >= 9) {
      size_t const size = capacity - 8;
      CHECK(oh_stack_alloc(&s, size + 1, 1) == NULL);
      char *const p = oh_stack_alloc(&s, size, 1);
      CHECK(p == heap + 8);
      memset(p, 1, size);
      CHECK(oh_stack_alloc(&s, 0, 1) == NULL);
      CHECK(!oh_stack_resize(&s, p, size, 1, size + 1));
      CHECK(oh_stack_resize(&s, p, size, 1, 0) && oh_stack_resize(&s, p, 0, 1, size));
      CHECK(oh_stack_free(&s, p, size, 1));
    }
    free(heap);
  }
}

/* Sums in here must not wrap: a request that wraps would be granted. */
static void what_cannot_fit_gives_null(void) {
  oh_stack_t s = stack_over(memory + 8, 4096);
  char *const p = oh_stack_alloc(&s, 1, 1);
  for (size_t i = 0; i < 40; i++) {
    CHECK(oh_stack_alloc(&s, SIZE_MAX - i, 16) == NULL);
    CHECK(oh_stack_alloc(&s, (size_t)UINT32_MAX - i, 1) == NULL);
    CHECK(!oh_stack_resize(&s, p, 1, 1, SIZE_MAX - i));
    CHECK(!oh_stack_resize(&s, p, 1, 1, (size_t)UINT32_MAX - i));
  }
  CHECK(oh_stack_alloc(&s, 1, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_stack_alloc(&s, SIZE_MAX, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_stack_alloc(&s, 1, 0) == NULL && oh_stack_alloc(&s, 1, 12) == NULL);
  CHECK(s.used == 1 && s.cursor == 9);
  oh_stack_t none = stack_over(memory, 0);
  CHECK(oh_stack_alloc(&none, 0, 1) == NULL);
}

static void size_0_has_an_address_of_its_own(void) {
  oh_stack_t s = stack_over(memory, 64);
  char *const p = oh_stack_alloc(&s, 0, 1);
  char *const q = oh_stack_alloc(&s, 0, 1);
  CHECK(p == memory + 8 && q == memory + 17 && s.used == 0 && s.cursor == 18);
  CHECK(!oh_stack_free(&s, q, 1, 1) && oh_stack_free(&s, q, 0, 1));
  CHECK(oh_stack_resize(&s, p, 0, 1, 1) && !oh_stack_free(&s, p, 0, 1));
  CHECK(oh_stack_free(&s, p, 1, 1) && s.peak_used == 1);
}

static void only_the_newest_block_is_freed(void) {
  oh_stack_t s = stack_over(memory, 4096);
  char *const first = oh_stack_alloc(&s, 100, 16);
  char *const second = oh_stack_alloc(&s, 50, 64);
  oh_stack_t const before = s;
  CHECK(!oh_stack_free(&s, first, 100, 16));
  CHECK(!oh_stack_free(&s, second, 49, 64) && !oh_stack_free(&s, second, 51, 64));
  CHECK(!oh_stack_free(&s, second, 50, 4096) && !oh_stack_free(&s, second, 50, 0));
  CHECK(!oh_stack_free(&s, second, 50, 3) && !oh_stack_free(&s, second + 1, 50, 1));
  CHECK(!oh_stack_free(&s, NULL, 50, 1) && !oh_stack_free(&s, &s, 50, 1));
  CHECK(same(&s, &before));
  CHECK(oh_stack_free(&s, second, 50, 64) && !oh_stack_free(&s, second, 50, 64));
  CHECK(oh_stack_free(&s, first, 100, 16) && s.used == 0 && s.cursor == 0);
}

static void an_older_block_only_keeps_its_size(void) {
  oh_stack_t s = stack_over(memory, 4096);
  char *const first = oh_stack_alloc(&s, 100, 16);
  char *const second = oh_stack_alloc(&s, 0, 1);
  CHECK(oh_stack_alloc(&s, 10, 128) != NULL);
  oh_stack_t const before = s;
  CHECK(oh_stack_resize(&s, first, 100, 16, 100) && oh_stack_resize(&s, second, 0, 1, 0));
  CHECK(!oh_stack_resize(&s, first, 100, 16, 99) && !oh_stack_resize(&s, first, 99, 16, 99));
  CHECK(!oh_stack_resize(&s, first + 1, 100, 1, 100) && !oh_stack_resize(&s, second, 1, 1, 1));
  CHECK(!oh_stack_resize(&s, first, 100, 4096, 100) && !oh_stack_resize(&s, first, 100, 0, 100));
  CHECK(same(&s, &before));
}

/* Whatever a header is overwritten with, nothing outside the payload is read, and no address comes
   of it. */
static void an_overwritten_header_is_refused(void) {
  size_t const sizes[] = {20, 0, 7, 1, 30};
  for (size_t broken = 0; broken < 5; broken++) {
    for (size_t at = 0; at < 8; at++) {
      for (int bits = 1; bits < 256; bits++) {
        char *const heap = malloc(256);
        oh_stack_t s = stack_over(heap, 256);
        char *blocks[5];
        for (size_t i = 0; i < 5; i++) blocks[i] = oh_stack_alloc(&s, sizes[i], (size_t)1 << i);
        blocks[broken][(int)at - 8] ^= (char)bits;
        size_t freed = 0;
        while (oh_stack_pop(&s)) freed++;
        /* The block above reads the size of the broken one, if it is not known from before. */
        CHECK(freed <= 4 - broken && freed + 1 >= 4 - broken);
        CHECK(s.top == (size_t)(blocks[4 - freed] - heap));
        oh_stack_t const before = s;
        CHECK(!oh_stack_free(&s, blocks[broken], sizes[broken], 1));
        /* To resize the newest block it is enough that its size is whole. */
        bool const resized = oh_stack_resize(&s, blocks[broken], sizes[broken], 1, sizes[broken]);
        CHECK(resized == (at >= 4 && freed == 4 - broken));
        for (size_t i = 0; i < broken; i++) {
          CHECK(!oh_stack_resize(&s, blocks[i], sizes[i], 1, sizes[i]));
        }
        CHECK(s.top == before.top && s.cursor == before.cursor && s.used == before.used);
        char *const above = oh_stack_alloc(&s, 3, 1);
        CHECK(above != NULL && oh_stack_free(&s, above, 3, 1));
        oh_stack_reset(&s);
        CHECK(s.top == 0 && s.used == 0 && oh_stack_alloc(&s, 20, 1) == heap + 8);
        free(heap);
      }
    }
  }
}

/* A block of 1 byte is as long as one of 0, so that its header is asked: it must not be believed
   that the block is longer. */
static void a_short_block_is_as_long_as_it_is(void) {
  for (uint32_t size = 2; size < 2000; size++) {
    oh_stack_t s = stack_over(memory, 4096);
    char *const p = oh_stack_alloc(&s, 1, 1);
    uint32_t const word = (size + 1) * OH_STACK_FACTOR;
    memcpy(p - 8, &word, sizeof word);
    oh_stack_t const before = s;
    CHECK(!oh_stack_resize(&s, p, size, 1, 3) && !oh_stack_resize(&s, p, 1, 1, 3));
    CHECK(!oh_stack_free(&s, p, size, 1) && !oh_stack_free(&s, p, 1, 1) && !oh_stack_pop(&s));
    CHECK(same(&s, &before));
  }
}

/* The low word wraps inside the payload. Where the addresses are not there, nothing is written. */
static void payloads_may_lie_anywhere(void) {
#if UINTPTR_MAX > 0xffffffffu
  char *const base = (char *)((uintptr_t)0x7fff00000000 - 100);
  oh_stack_t s = stack_over(base, SIZE_MAX);
  CHECK(s.limit == OH_MAX_CAPACITY && s.base_lo == 0xffffff9cu && s.base_hi == 0x7ffe);
  CHECK(oh_stack_alloc(&s, OH_MAX_CAPACITY - 7, 1) == NULL);
  CHECK(oh_stack_alloc(&s, 1, (size_t)1 << 46) == NULL);
  CHECK(!oh_stack_free(&s, base, 1, 1) && !oh_stack_resize(&s, base, 1, 1, 1));
#else
  SKIP("32-bit addresses");
#endif
}

static void peaks_are_the_most_there_was(void) {
  oh_stack_t s = stack_over(memory, 4096);
  char *p = oh_stack_alloc(&s, 100, 1);
  CHECK(s.peak_used == 0 && s.peak_offset == 0); /* not written while they rise */
  CHECK(oh_stack_resize(&s, p, 100, 1, 10) && s.peak_used == 100 && s.peak_offset == 108);
  p = oh_stack_alloc(&s, 200, 1);
  oh_stack_reset(&s);
  CHECK(s.peak_used == 210 && s.peak_offset == 226 && s.used == 0 && s.cursor == 0);
  CHECK(!oh_stack_free(&s, p, 200, 1));
}

static void the_table_works_on_the_same_state(void) {
  oh_stack_t s = stack_over(memory, 1024);
  oh_valloc_t const v = {&s, &oh_stack_vtable};
  CHECK(!oh_is_null(v));
  char *const below = oh_malloc(v, 8, 100);
  char *const p = oh_malloc(v, 0, 100);
  CHECK(below == memory + 8 && p == memory + 128);
  CHECK(v.vt->resize(v.self, p, 100, 16, 120) && !v.vt->resize(v.self, p, 100, 16, 120));
  CHECK(v.vt->remap(v.self, p, 120, 16, 200) == p);
  CHECK(v.vt->remap(v.self, p, 200, 16, 2000) == NULL);
  v.vt->free(v.self, p, 199, 16);
  v.vt->free(v.self, below, 100, 8);
  CHECK(s.used == 300);
  v.vt->free(v.self, p, 200, 16);
  CHECK(s.used == 100 && s.top == 8);
}

/* C libraries keep neither size nor alignment: oh_free says 16 of a block at a multiple of 8. */
static void a_size_that_is_not_known_is_looked_up(void) {
  oh_stack_t s = stack_over(memory, 1024);
  oh_valloc_t const v = {&s, &oh_stack_vtable};
  char *const older = oh_malloc(v, 8, 100);
  char *const p = oh_malloc(v, 4, 10);
  CHECK((uintptr_t)p % 16 != 0);
  oh_free(v, older);
  oh_free(v, p + 1);
  oh_free(v, memory);
  CHECK(s.used == 110);
  CHECK(v.vt->resize(v.self, p, 0, 16, 30) && s.used == 130);
  CHECK(v.vt->remap(v.self, p, 0, 16, 0) == p && s.used == 100);
  CHECK(v.vt->resize(v.self, p, 0, 16, 5) && s.used == 105);
  CHECK(v.vt->resize(v.self, older, 0, 16, 100) && !v.vt->resize(v.self, older, 0, 16, 99));
  CHECK(!v.vt->resize(v.self, p + 1, 0, 16, 5) && v.vt->remap(v.self, NULL, 0, 16, 5) == NULL);
  oh_free(v, p);
  CHECK(s.used == 100);
  oh_free(v, p);
  oh_free(v, older);
  oh_free(v, memory); /* where the newest block would be of which there is none */
  CHECK(s.used == 0 && s.cursor == 0);
}

int main(void) {
  RUN(addresses_are_aligned_whatever_the_base);
  RUN(capacity_is_exact);
  RUN(what_cannot_fit_gives_null);
  RUN(size_0_has_an_address_of_its_own);
  RUN(only_the_newest_block_is_freed);
  RUN(an_older_block_only_keeps_its_size);
  RUN(an_overwritten_header_is_refused);
  RUN(a_short_block_is_as_long_as_it_is);
  RUN(payloads_may_lie_anywhere);
  RUN(peaks_are_the_most_there_was);
  RUN(the_table_works_on_the_same_state);
  RUN(a_size_that_is_not_known_is_looked_up);
  return 0;
}
