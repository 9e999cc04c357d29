/* libc_test.c: the C heap as an allocator. What must never happen is that a wrong pointer reaches
   free(): each way of being wrong is tried. */

#include "check.h"
#include "libc.h"
#include "live_map.h"
#include "os.h"

static void every_alignment_is_kept(void) {
  for (size_t align = 1; align <= (size_t)1 << 20; align *= 2) {
    for (size_t size = 0; size <= 3 * align && size < 100000; size = size * 3 + 1) {
      char *const p = oh_libc_alloc(size, align);
      CHECK(p != NULL && (uintptr_t)p % align == 0);
      CHECK(oh_libc_usable_size(p) >= (size == 0 ? 1 : size));
      check_fill(p, size == 0 ? 1 : size, (unsigned)align);
      CHECK(oh_libc_free(p, size, align) == OH_OK);
    }
  }
}

static void what_is_no_alignment_gives_null(void) {
  size_t const wrong[] = {0, 3, 24, 100, SIZE_MAX, SIZE_MAX - 1};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(oh_libc_alloc(64, wrong[i]) == NULL);
  }
  /* Powers of two that no heap grants; their tags must not be taken for others. */
  CHECK(oh_libc_alloc(64, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_libc_alloc(64, (SIZE_MAX >> 2) + 1) == NULL);
}

/* A size computed wrongly is often close to SIZE_MAX; rounding it up must not wrap to a small
   one. */
static void sizes_near_the_end_give_null(void) {
  for (size_t below = 0; below < 70; below++) {
    CHECK(oh_libc_alloc(SIZE_MAX - below, 1) == NULL);
    CHECK(oh_libc_alloc(SIZE_MAX - below, 16) == NULL);
    CHECK(oh_libc_alloc(SIZE_MAX - below, 64) == NULL);
    CHECK(oh_libc_alloc(SIZE_MAX - below, 4096) == NULL);
    CHECK(oh_libc_alloc_raw(SIZE_MAX - below) == NULL);
  }
  CHECK(oh_libc_alloc(SIZE_MAX / 2 + 1, 4096) == NULL);
}

/* Two blocks of nothing are two blocks. */
static void size_0_is_a_block_of_its_own(void) {
  char *const a = oh_libc_alloc(0, 1);
  char *const b = oh_libc_alloc(0, 1);
  char *const c = oh_libc_alloc_raw(0);
  CHECK(a != NULL && b != NULL && c != NULL && a != b && b != c && a != c);
  a[0] = b[0] = c[0] = 1;
  CHECK(oh_libc_free(a, 0, 1) == OH_OK);
  CHECK(oh_libc_free(b, 0, 0) == OH_OK);
  CHECK(oh_libc_free(c, 0, 0) == OH_OK);
}

/* Which of the two it is depends on whether a block that is freed now has once started there. */
static bool is_not_live(oh_status_t status) {
  return status == OH_INVALID_POINTER || status == OH_DOUBLE_FREE;
}

static void wrong_pointers_are_refused(void) {
  char local[64];
  static char global[64];
  char *const p = oh_libc_alloc(256, 16);
  void *const foreign = malloc(256);
  bool resized;
  void *moved;
  void *const wrong[] = {
      NULL, local, global, p + 1, p + 8, p + 16, p + 128, p - 16, foreign, (void *)(uintptr_t)16,
      (void *)UINTPTR_MAX, (void *)(UINTPTR_MAX - 15), (void *)((uintptr_t)p ^ ~(UINTPTR_MAX >> 1)),
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(is_not_live(oh_libc_free(wrong[i], 0, 0)));
    CHECK(is_not_live(oh_libc_free_shown(wrong[i])));
    CHECK(is_not_live(oh_libc_resize(wrong[i], 0, 0, 8, &resized)) && !resized);
    CHECK(is_not_live(oh_libc_remap(wrong[i], 0, 0, 8, &moved)) && moved == NULL);
    CHECK(oh_libc_usable_size(wrong[i]) == 0);
    CHECK(!oh_libc_show(wrong[i]));
    CHECK(!oh_libc_unshow(wrong[i]));
  }
  CHECK(oh_libc_free(p, 256, 16) == OH_OK);
  free(foreign);
}

static void freed_pointers_are_refused(void) {
  void *const blocks[] = {oh_libc_alloc(100, 16), oh_libc_alloc(100, 256), oh_libc_alloc_raw(100)};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    void *const p = blocks[i];
    bool resized;
    void *moved;
    CHECK(oh_libc_free(p, 100, 0) == OH_OK);
    CHECK(oh_libc_free(p, 100, 0) == OH_DOUBLE_FREE);
    CHECK(oh_libc_free_shown(p) == OH_DOUBLE_FREE);
    CHECK(oh_libc_resize(p, 100, 0, 8, &resized) == OH_DOUBLE_FREE && !resized);
    CHECK(oh_libc_remap(p, 100, 0, 8, &moved) == OH_DOUBLE_FREE && moved == NULL);
    CHECK(oh_libc_usable_size(p) == 0);
    CHECK(!oh_libc_show(p));
  }
}

/* A caller that is wrong about the size or the alignment is probably wrong about the block. */
static void wrong_sizes_and_alignments_are_refused(void) {
  char *const p = oh_libc_alloc(100, 64);
  size_t const usable = oh_libc_usable_size(p);
  bool resized;
  void *moved;
  check_fill(p, 100, 3);
  CHECK(oh_libc_free(p, usable + 1, 64) == OH_INVALID_SIZE);
  CHECK(oh_libc_free(p, SIZE_MAX, 64) == OH_INVALID_SIZE);
  CHECK(oh_libc_resize(p, usable + 1, 64, 50, &resized) == OH_INVALID_SIZE && !resized);
  CHECK(oh_libc_remap(p, usable + 1, 64, 50, &moved) == OH_INVALID_SIZE && moved == NULL);
  CHECK(oh_libc_free(p, 100, 16) == OH_INVALID_ALIGN);
  CHECK(oh_libc_free(p, 100, 128) == OH_INVALID_ALIGN);
  CHECK(oh_libc_free(p, 100, 65) == OH_INVALID_ALIGN);
  CHECK(oh_libc_resize(p, 100, 32, 50, &resized) == OH_INVALID_ALIGN && !resized);
  CHECK(oh_libc_remap(p, 100, 32, 50, &moved) == OH_INVALID_ALIGN && moved == NULL);
  /* Each refusal has left it alive. */
  CHECK(check_filled(p, 100, 3));
  CHECK(oh_libc_free(p, 100, 64) == OH_OK);

  char *const raw = oh_libc_alloc_raw(100);
  CHECK(oh_libc_free(raw, 100, 4096) == OH_INVALID_ALIGN);
  CHECK(oh_libc_free(raw, 100, 3) == OH_INVALID_ALIGN);
  CHECK(oh_libc_free(raw, 100, 8) == OH_OK);
}

static void resize_happens_in_place_or_not_at_all(void) {
  char *const p = oh_libc_alloc(1000, 32);
  size_t const usable = oh_libc_usable_size(p);
  bool resized;
  check_fill(p, 1000, 5);
  CHECK(oh_libc_resize(p, 1000, 32, usable, &resized) == OH_OK && resized);
  CHECK(oh_libc_resize(p, 1000, 32, 10, &resized) == OH_OK && resized);
  CHECK(oh_libc_resize(p, 0, 0, 0, &resized) == OH_OK && resized);
  CHECK(oh_libc_resize(p, 1000, 32, usable + 1, &resized) == OH_OK && !resized);
  CHECK(oh_libc_resize(p, 1000, 32, SIZE_MAX, &resized) == OH_OK && !resized);
  CHECK(check_filled(p, 1000, 5));
  CHECK(oh_libc_free(p, 10, 32) == OH_OK);
}

/* realloc alone would lose the alignment: every alignment, up and down, known size and unknown. */
static void remap_keeps_bytes_and_alignment(void) {
  size_t const steps[] = {5000, 100, 64, 200000, 3000000, 1, 0, 70};
  for (size_t align = 1; align <= 65536; align *= 2) {
    for (int known = 0; known <= 1; known++) {
      size_t size = 70;
      char *p = oh_libc_alloc(size, align);
      check_fill(p, size, 9);
      for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        void *moved;
        size_t const kept = steps[i] < size ? steps[i] : size;
        CHECK(oh_libc_remap(p, known ? size : 0, known ? align : 0, steps[i], &moved) == OH_OK);
        CHECK(moved != NULL && (uintptr_t)moved % align == 0);
        CHECK(check_filled(moved, kept, 9));
        if (moved != p) CHECK(oh_libc_usable_size(p) == 0);
        p = moved;
        size = steps[i];
        check_fill(p, size, 9);
      }
      CHECK(oh_libc_free(p, size, align) == OH_OK);
    }
  }
}

/* What was raw goes to the raw functions again: on Windows the others would corrupt the heap. */
static void remap_keeps_raw_blocks_raw(void) {
  void *p = oh_libc_alloc_raw(100);
  CHECK((oh_live_get(&oh_live_libc, p) & OH_TAG_RAW) != 0);
  for (size_t size = 10; size < 1000000; size *= 7) {
    CHECK(oh_libc_remap(p, 0, 0, size, &p) == OH_OK && p != NULL);
    CHECK((oh_live_get(&oh_live_libc, p) & OH_TAG_RAW) != 0);
  }
  CHECK(oh_libc_free(p, 0, 0) == OH_OK);
  void *q = oh_libc_alloc(100, 16);
  CHECK(oh_libc_remap(q, 100, 16, 100000, &q) == OH_OK);
  CHECK((oh_live_get(&oh_live_libc, q) & OH_TAG_RAW) == 0);
  CHECK(oh_libc_free(q, 100000, 16) == OH_OK);
}

/* Out of memory leaves a block that is as alive as before. */
static void a_remap_that_fails_changes_nothing(void) {
  size_t const aligns[] = {16, 4096};
  for (size_t i = 0; i < 2; i++) {
    char *const p = oh_libc_alloc(100, aligns[i]);
    void *moved = p;
    check_fill(p, 100, 11);
    CHECK(oh_libc_remap(p, 100, aligns[i], SIZE_MAX, &moved) == OH_OK && moved == NULL);
    CHECK(oh_libc_remap(p, 100, aligns[i], SIZE_MAX / 2, &moved) == OH_OK && moved == NULL);
    CHECK(check_filled(p, 100, 11));
    CHECK(oh_libc_free(p, 100, aligns[i]) == OH_OK);
  }
}

/* Memory that an ArrayBuffer shows must not be freed under it by whoever knows the address. */
static void shown_blocks_are_freed_by_their_region_only(void) {
  void *const p = oh_libc_alloc(100, 32);
  bool resized;
  void *moved;
  CHECK(oh_libc_free_shown(p) == OH_INVALID_POINTER);
  CHECK(!oh_libc_unshow(p));
  CHECK(oh_libc_show(p));
  CHECK(!oh_libc_show(p));
  CHECK(oh_libc_usable_size(p) >= 100);
  CHECK(oh_libc_free(p, 100, 32) == OH_SHOWN);
  CHECK(oh_libc_resize(p, 100, 32, 10, &resized) == OH_SHOWN && !resized);
  CHECK(oh_libc_remap(p, 100, 32, 10, &moved) == OH_SHOWN && moved == NULL);
  CHECK(oh_libc_unshow(p));
  CHECK(!oh_libc_unshow(p));
  CHECK(oh_libc_show(p));
  CHECK(oh_libc_free_shown(p) == OH_OK);
  CHECK(oh_libc_free_shown(p) == OH_DOUBLE_FREE);
  CHECK(oh_libc_free(p, 100, 32) == OH_DOUBLE_FREE);
}

/* An address that comes back from the heap is a live block again, whatever it was before. */
static void freed_addresses_live_again(void) {
  for (int i = 0; i < 10000; i++) {
    size_t const align = (size_t)1 << (i % 8);
    void *const p = i % 3 == 0 ? oh_libc_alloc_raw(40) : oh_libc_alloc(40, align);
    CHECK(p != NULL);
    CHECK(oh_libc_free(p, 40, i % 3 == 0 ? 0 : align) == OH_OK);
  }
}

static void the_heap_can_be_asked(void) {
  os_heap_info_t info;
  if (!os_heap_get_info(&info)) SKIP("this C library does not tell");
  CHECK(info.in_use >= 0 && info.free >= 0 && info.mmapped >= 0 && info.arena >= 0);
  CHECK(info.mmapped <= info.in_use);
  CHECK(info.free_blocks >= 0);
  (void)os_heap_trim();
}

int main(void) {
  RUN(every_alignment_is_kept);
  RUN(what_is_no_alignment_gives_null);
  RUN(sizes_near_the_end_give_null);
  RUN(size_0_is_a_block_of_its_own);
  RUN(wrong_pointers_are_refused);
  RUN(freed_pointers_are_refused);
  RUN(wrong_sizes_and_alignments_are_refused);
  RUN(resize_happens_in_place_or_not_at_all);
  RUN(remap_keeps_bytes_and_alignment);
  RUN(remap_keeps_raw_blocks_raw);
  RUN(a_remap_that_fails_changes_nothing);
  RUN(shown_blocks_are_freed_by_their_region_only);
  RUN(freed_addresses_live_again);
  RUN(the_heap_can_be_asked);
  return 0;
}
