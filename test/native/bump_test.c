/* bump_test.c: the bump strategy, semantics that TypeScript has too. */

#include "bump.h"
#include "check.h"

static _Alignas(4096) char memory[16384];

static size_t offset_of(oh_bump_t const *b) {
  return b->cursor - b->base_lo;
}

static size_t used_of(oh_bump_t const *b) {
  return offset_of(b) - b->gaps;
}

static size_t peak_used_of(oh_bump_t const *b) {
  return b->peak_used > used_of(b) ? b->peak_used : used_of(b);
}

static size_t peak_offset_of(oh_bump_t const *b) {
  return b->peak_offset > offset_of(b) ? b->peak_offset : offset_of(b);
}

/* It is the address that must be aligned: the region may start anywhere. */
static void addresses_are_aligned_whatever_the_base(void) {
  for (size_t shift = 0; shift < 70; shift++) {
    oh_bump_t b;
    oh_bump_init(&b, memory + shift, 8192);
    size_t asked = 0;
    for (size_t align = 1; align <= 1024; align *= 2) {
      char *const p = oh_bump_alloc(&b, 3, align);
      asked += 3;
      CHECK(p != NULL && (uintptr_t)p % align == 0);
      CHECK(p >= memory + shift && p + 3 <= memory + shift + 8192);
      CHECK(offset_of(&b) == (size_t)(p + 3 - (memory + shift)));
      CHECK(used_of(&b) == asked);
    }
  }
}

static void capacity_is_exact(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 64);
  CHECK(oh_bump_alloc(&b, 65, 1) == NULL);
  CHECK(oh_bump_alloc(&b, 64, 1) == memory);
  CHECK(oh_bump_alloc(&b, 1, 1) == NULL);
  CHECK(oh_bump_alloc(&b, 0, 1) == NULL);
  CHECK(offset_of(&b) == 64 && used_of(&b) == 64);

  oh_bump_init(&b, memory + 1, 64); /* 15 bytes of padding do not fit twice */
  CHECK(oh_bump_alloc(&b, 49, 16) == memory + 16);
  oh_bump_init(&b, memory + 1, 64);
  CHECK(oh_bump_alloc(&b, 50, 16) == NULL);
  CHECK(offset_of(&b) == 0 && used_of(&b) == 0);
}

static void size_0_counts_as_a_byte(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 2);
  CHECK(oh_bump_alloc(&b, 0, 1) == memory);
  CHECK(oh_bump_alloc(&b, 0, 1) == memory + 1);
  CHECK(used_of(&b) == 2);
  CHECK(oh_bump_alloc(&b, 0, 1) == NULL);
}

/* Sums in here must not wrap: a request that wraps would be granted. */
static void what_cannot_fit_gives_null(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory + 8, 4096);
  CHECK(oh_bump_alloc(&b, 1, 1) != NULL);
  for (size_t i = 0; i < 20; i++) CHECK(oh_bump_alloc(&b, SIZE_MAX - i, 16) == NULL);
  CHECK(oh_bump_alloc(&b, (size_t)UINT32_MAX + (sizeof(size_t) > 4 ? 2 : 0), 1) == NULL);
  CHECK(oh_bump_alloc(&b, 1, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_bump_alloc(&b, SIZE_MAX, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_bump_alloc(&b, 1, 0) == NULL);
  CHECK(oh_bump_alloc(&b, 1, 12) == NULL);
  CHECK(used_of(&b) == 1);
}

/* Addresses are kept as low words: a payload across a multiple of 4 GiB, and one as large as can
   be. Nothing is touched, so nothing needs to be there. */
static void payloads_may_lie_across_4_gib(void) {
#if UINTPTR_MAX > 0xffffffffu
  oh_bump_t b;
  char *const base = (char *)((uintptr_t)0x7fff00000000 - 100);
  oh_bump_init(&b, base, 4096);
  CHECK(oh_bump_alloc(&b, 90, 1) == base);
  char *const across = oh_bump_alloc(&b, 50, 16);
  CHECK(across == base + 100);
  CHECK(oh_bump_resize(&b, across, 50, 60));
  CHECK(oh_bump_resize(&b, base, 90, 80));
  CHECK(offset_of(&b) == 160 && used_of(&b) == 140);
  oh_bump_free(&b, across, 60);
  CHECK(offset_of(&b) == 100 && used_of(&b) == 80);

  oh_bump_init(&b, base, SIZE_MAX);
  CHECK(oh_bump_alloc(&b, OH_MAX_CAPACITY + 1, 1) == NULL);
  CHECK(oh_bump_alloc(&b, OH_MAX_CAPACITY, 1) == base);
  CHECK(used_of(&b) == OH_MAX_CAPACITY);
  CHECK(oh_bump_alloc(&b, 1, 1) == NULL);
  CHECK(oh_bump_resize(&b, base, OH_MAX_CAPACITY, 1));
  CHECK(oh_bump_alloc(&b, 1, (size_t)1 << 32) == base + 100);
#else
  SKIP("32-bit addresses");
#endif
}

static void a_region_that_is_gone_gives_null(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 4096);
  void *const p = oh_bump_alloc(&b, 64, 16);
  b.limit = b.cursor;
  CHECK(oh_bump_alloc(&b, 1, 1) == NULL);
  CHECK(!oh_bump_resize(&b, p, 64, 65));
  oh_bump_init(&b, memory, 0);
  CHECK(oh_bump_alloc(&b, 0, 1) == NULL);
}

static void freeing_the_last_block_gives_room_back(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 4096);
  char *const first = oh_bump_alloc(&b, 10, 1);
  char *const second = oh_bump_alloc(&b, 100, 64);
  CHECK(second == memory + 64);
  oh_bump_free(&b, second, 100);
  CHECK(offset_of(&b) == 64); /* to the block's start: the padding stays */
  CHECK(used_of(&b) == 10);
  CHECK(oh_bump_alloc(&b, 20, 64) == second);
  oh_bump_free(&b, first, 10); /* not the last */
  CHECK(offset_of(&b) == 84 && used_of(&b) == 20);
  oh_bump_free(&b, second, 20);
  CHECK(offset_of(&b) == 64 && used_of(&b) == 0);
}

static void the_last_block_resizes_in_place(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 256);
  char *const p = oh_bump_alloc(&b, 100, 1);
  CHECK(oh_bump_resize(&b, p, 100, 256) && offset_of(&b) == 256 && used_of(&b) == 256);
  CHECK(!oh_bump_resize(&b, p, 256, 257));
  CHECK(!oh_bump_resize(&b, p, 256, SIZE_MAX));
  CHECK(oh_bump_resize(&b, p, 256, 50) && offset_of(&b) == 50 && used_of(&b) == 50);
  CHECK(oh_bump_resize(&b, p, 50, 0) && offset_of(&b) == 1 && used_of(&b) == 1);
}

static void another_block_only_shrinks(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  char *const p = oh_bump_alloc(&b, 100, 1);
  (void)oh_bump_alloc(&b, 1, 1);
  CHECK(!oh_bump_resize(&b, p, 100, 101));
  CHECK(oh_bump_resize(&b, p, 100, 100));
  CHECK(oh_bump_resize(&b, p, 100, 40));
  CHECK(offset_of(&b) == 101 && used_of(&b) == 41);
  CHECK(!oh_bump_resize(&b, p, 40, 41));
}

/* A rewind puts the cursor back to where the checkpoint was, whatever lies there. */
static void a_block_from_before_a_checkpoint_does_not_grow(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  char *const before = oh_bump_alloc(&b, 100, 1);
  b.floor = 100;
  CHECK(!oh_bump_resize(&b, before, 100, 101));
  CHECK(oh_bump_resize(&b, before, 100, 90) && !oh_bump_resize(&b, before, 90, 91));
  oh_bump_free(&b, before, 90);
  b.floor = 0;
  char *const after = oh_bump_alloc(&b, 10, 1);
  CHECK(oh_bump_resize(&b, after, 10, 20));
}

/* C callers often do not know the size, and then nothing can be told about the block. */
static void a_size_that_is_not_known_changes_nothing(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  char *const p = oh_bump_alloc(&b, 100, 1);
  oh_bump_t const before = b;
  oh_bump_free(&b, p, 0);
  CHECK(!oh_bump_resize(&b, p, 0, 50));
  CHECK(memcmp(&b, &before, sizeof b) == 0);
}

static void pointers_outside_change_nothing(void) {
  oh_bump_t b;
  char local[16];
  oh_bump_init(&b, memory + 64, 1024);
  char *const p = oh_bump_alloc(&b, 100, 1);
  oh_bump_t const before = b;
  void *const wrong[] = {NULL, local, memory, memory + 63, p + 100, p + 1000, p + 5000};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    oh_bump_free(&b, wrong[i], 1);
    CHECK(!oh_bump_resize(&b, wrong[i], 1, 1));
  }
  oh_bump_free(&b, p, 101); /* longer than all there is */
  oh_bump_free(&b, p, SIZE_MAX);
  CHECK(!oh_bump_resize(&b, p, 101, 1));
  CHECK(memcmp(&b, &before, sizeof b) == 0);
}

/* A second free is not noticed, but must not make the figures wrap. */
static void used_never_falls_below_0(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  char *const p = oh_bump_alloc(&b, 100, 1);
  char *const last = oh_bump_alloc(&b, 10, 1);
  oh_bump_free(&b, p, 100);
  oh_bump_free(&b, p, 100);
  CHECK(used_of(&b) == 0 && offset_of(&b) == 110);
  oh_bump_free(&b, last, 10);
  CHECK(used_of(&b) == 0 && offset_of(&b) == 100);
}

static void peaks_are_the_most_there_was(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  char *const p = oh_bump_alloc(&b, 100, 1);
  char *const q = oh_bump_alloc(&b, 200, 1);
  CHECK(b.peak_used == 0 && peak_used_of(&b) == 300); /* not written while it rises */
  oh_bump_free(&b, p, 100);
  CHECK(peak_used_of(&b) == 300 && peak_offset_of(&b) == 300);
  CHECK(oh_bump_resize(&b, q, 200, 250));
  CHECK(peak_used_of(&b) == 300 && peak_offset_of(&b) == 350);
  CHECK(oh_bump_resize(&b, q, 250, 10));
  CHECK(used_of(&b) == 10 && peak_used_of(&b) == 300 && peak_offset_of(&b) == 350);
  CHECK(oh_bump_alloc(&b, 500, 1) != NULL);
  CHECK(peak_used_of(&b) == 510 && peak_offset_of(&b) == 610);
}

static void the_table_works_on_the_same_state(void) {
  oh_bump_t b;
  oh_bump_init(&b, memory, 1024);
  oh_valloc_t const v = {&b, &oh_bump_vtable};
  CHECK(!oh_is_null(v));
  char *const p = oh_malloc(v, 0, 100);
  CHECK(p == memory);
  oh_free(v, p); /* size not known: nothing happens */
  CHECK(used_of(&b) == 100);
  CHECK(v.vt->resize(v.self, p, 100, 16, 120));
  CHECK(v.vt->remap(v.self, p, 120, 16, 200) == p);
  CHECK(v.vt->remap(v.self, p, 200, 16, 2000) == NULL);
  v.vt->free(v.self, p, 200, 16);
  CHECK(used_of(&b) == 0 && offset_of(&b) == 0);
}

int main(void) {
  RUN(addresses_are_aligned_whatever_the_base);
  RUN(capacity_is_exact);
  RUN(size_0_counts_as_a_byte);
  RUN(what_cannot_fit_gives_null);
  RUN(payloads_may_lie_across_4_gib);
  RUN(a_region_that_is_gone_gives_null);
  RUN(freeing_the_last_block_gives_room_back);
  RUN(the_last_block_resizes_in_place);
  RUN(another_block_only_shrinks);
  RUN(a_block_from_before_a_checkpoint_does_not_grow);
  RUN(a_size_that_is_not_known_changes_nothing);
  RUN(pointers_outside_change_nothing);
  RUN(used_never_falls_below_0);
  RUN(peaks_are_the_most_there_was);
  RUN(the_table_works_on_the_same_state);
  return 0;
}
