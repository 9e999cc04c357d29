/* pages_test.c: whole pages as an allocator. What must never happen is that somebody else's memory
   is unmapped, or that memory is taken which nobody has touched. */

#include "check.h"
#include "child.h"
#include "os.h"
#include "pages.h"

#define MIB ((size_t)1 << 20)

static void every_alignment_is_kept(void) {
  for (size_t align = 1; align <= MIB; align *= 2) {
    for (int guard = 0; guard <= 1; guard++) {
      oh_pages_options_t const options = {guard != 0, false, NULL};
      size_t const page = os_page_size();
      char *const p = oh_pages_alloc(page + 1, align, &options);
      CHECK(p != NULL && (uintptr_t)p % align == 0 && (uintptr_t)p % page == 0);
      CHECK(oh_pages_usable_size(p) == 2 * page);
      CHECK(check_zeros(p, 2 * page));
      check_fill(p, 2 * page, 1);
      CHECK(oh_pages_free(p, page + 1, align) == OH_OK);
    }
  }
}

static void large_alignments_are_granted(void) {
#if UINTPTR_MAX > 0xffffffffu
  size_t const align = (size_t)1 << 36;
  char *const p = oh_pages_alloc(1, align, NULL);
  if (p == NULL) SKIP("the system has not that much address space");
  CHECK((uintptr_t)p % align == 0);
  p[0] = 1;
  CHECK(oh_pages_free(p, 1, align) == OH_OK);
#else
  SKIP("32-bit addresses");
#endif
}

static void what_cannot_be_gives_null(void) {
  oh_pages_options_t const guard = {true, true, NULL};
  size_t const page = os_page_size();
  for (size_t below = 0; below < 4 * page; below += page / 2 - 1) {
    CHECK(oh_pages_alloc(SIZE_MAX - below, 16, NULL) == NULL);
    CHECK(oh_pages_alloc(SIZE_MAX - below, MIB, NULL) == NULL);
    CHECK(oh_pages_alloc(SIZE_MAX - below, 16, &guard) == NULL);
    CHECK(oh_pages_alloc(SIZE_MAX - below, MIB, &guard) == NULL);
  }
  CHECK(oh_pages_alloc(1, (SIZE_MAX >> 1) + 1, NULL) == NULL);
  CHECK(oh_pages_alloc(1, (SIZE_MAX >> 1) + 1, &guard) == NULL);
  CHECK(oh_pages_alloc((SIZE_MAX >> 1) + 1, (SIZE_MAX >> 1) + 1, &guard) == NULL);
  CHECK(oh_pages_alloc(1, 0, NULL) == NULL);
  CHECK(oh_pages_alloc(1, 12, NULL) == NULL);
}

static void size_0_is_a_page(void) {
  char *const p = oh_pages_alloc(0, 1, NULL);
  CHECK(p != NULL && oh_pages_usable_size(p) == os_page_size());
  p[0] = 1;
  CHECK(oh_pages_free(p, 0, 1) == OH_OK);
}

/* Which of the two it is depends on whether a block that is freed now has once started there. */
static bool is_not_live(oh_status_t status) {
  return status == OH_INVALID_POINTER || status == OH_DOUBLE_FREE;
}

static void wrong_pointers_are_refused(void) {
  size_t const page = os_page_size();
  char local;
  oh_pages_options_t const guard = {true, false, NULL};
  char *const p = oh_pages_alloc(4 * page, 16, &guard);
  void *const foreign = os_pages_reserve(os_page_granularity(), os_page_granularity());
  void *const heap = malloc(100);
  void *const wrong[] = {NULL, &local, p + 1, p + page, p + 3 * page, p - page, foreign, heap};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    bool resized;
    void *moved;
    size_t given;
    CHECK(is_not_live(oh_pages_free(wrong[i], 0, 0)));
    CHECK(is_not_live(oh_pages_free_shown(wrong[i])));
    CHECK(is_not_live(oh_pages_resize(wrong[i], 0, 0, 1, &resized)) && !resized);
    CHECK(is_not_live(oh_pages_remap(wrong[i], 0, 0, 1, &moved)) && moved == NULL);
    CHECK(is_not_live(oh_pages_decommit(wrong[i], 0, page, &given)) && given == 0);
    CHECK(is_not_live(oh_pages_protect(wrong[i], 0, page, OS_ACCESS_NONE)));
    CHECK(oh_pages_usable_size(wrong[i]) == 0);
    CHECK(!oh_pages_show(wrong[i]));
  }
  CHECK(oh_pages_free(p, 0, 0) == OH_OK);
  CHECK(oh_pages_free(p, 0, 0) == OH_DOUBLE_FREE);
  CHECK(oh_pages_free_shown(p) == OH_DOUBLE_FREE);
  CHECK(oh_pages_usable_size(p) == 0);
  os_pages_release(foreign, os_page_granularity());
  free(heap);
}

static void wrong_sizes_and_alignments_are_refused(void) {
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(page, 64, NULL);
  bool resized;
  void *moved;
  CHECK(oh_pages_free(p, page + 1, 64) == OH_INVALID_SIZE);
  CHECK(oh_pages_resize(p, page + 1, 64, 1, &resized) == OH_INVALID_SIZE);
  CHECK(oh_pages_free(p, page, 16) == OH_INVALID_ALIGN);
  CHECK(oh_pages_remap(p, page, page, 1, &moved) == OH_INVALID_ALIGN);
  CHECK(oh_pages_free(p, page, 64) == OH_OK);
}

static void shown_runs_are_freed_by_their_region_only(void) {
  char *const p = oh_pages_alloc(100000, 16, NULL);
  bool resized;
  void *moved;
  CHECK(oh_pages_free_shown(p) == OH_INVALID_POINTER);
  CHECK(oh_pages_show(p) && !oh_pages_show(p));
  CHECK(oh_pages_free(p, 0, 0) == OH_SHOWN);
  CHECK(oh_pages_resize(p, 0, 0, 1, &resized) == OH_SHOWN && !resized);
  CHECK(oh_pages_remap(p, 0, 0, 1, &moved) == OH_SHOWN && moved == NULL);
  p[99999] = 1;
  CHECK(oh_pages_unshow(p) && !oh_pages_unshow(p));
  CHECK(oh_pages_show(p));
  CHECK(oh_pages_free_shown(p) == OH_OK);
  CHECK(oh_pages_free_shown(p) == OH_DOUBLE_FREE);
}

/* ---- Resizing -------------------------------------------------------------------------------- */

static void resizing_in_place_keeps_the_bytes(void) {
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(64 * page, 16, NULL);
  bool resized;
  check_fill(p, 64 * page, 2);
  CHECK(oh_pages_resize(p, 64 * page, 16, 64 * page - 1, &resized) == OH_OK && resized);
  CHECK(oh_pages_usable_size(p) == 64 * page);
  CHECK(oh_pages_resize(p, 64 * page, 16, 10 * page + 1, &resized) == OH_OK && resized);
  CHECK(oh_pages_usable_size(p) == 11 * page);
  CHECK(check_filled(p, 11 * page, 2));
  /* Nothing has been mapped since where the tail was. */
  CHECK(oh_pages_resize(p, 11 * page, 16, 40 * page, &resized) == OH_OK);
#ifdef __linux__
  CHECK(resized);
#endif
  if (resized) {
    CHECK(oh_pages_usable_size(p) == 40 * page);
    CHECK(check_filled(p, 11 * page, 2) && check_zeros(p + 11 * page, 29 * page));
    check_fill(p, 40 * page, 3);
  }
  CHECK(oh_pages_resize(p, 0, 0, SIZE_MAX, &resized) == OH_OK && !resized);
  CHECK(oh_pages_resize(p, 0, 0, SIZE_MAX / 2, &resized) == OH_OK && !resized);
  CHECK(oh_pages_free(p, 0, 0) == OH_OK);
}

static void the_tail_of_a_shrunk_run_is_gone(void) {
  if (!CHILD_SUPPORTED) SKIP("no fork here");
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(4 * page, 16, NULL);
  bool resized;
  CHECK(oh_pages_resize(p, 0, 0, page, &resized) == OH_OK && resized);
  CHECK(child_faults(p + 3 * page, 1));
  CHECK(oh_pages_free(p, 0, 0) == OH_OK);
}

static void remap_moves_and_keeps_the_bytes(void) {
  size_t const page = os_page_size();
  size_t const size = 16 * page;
  /* Runs are often placed side by side, so that one of the two cannot grow where it lies. */
  char *const runs[] = {oh_pages_alloc(size, page, NULL), oh_pages_alloc(size, page, NULL)};
  for (unsigned i = 0; i < 2; i++) {
    void *moved;
    check_fill(runs[i], size, i);
    CHECK(oh_pages_remap(runs[i], size, page, 50 * size, &moved) == OH_OK);
    if (moved == NULL) {
      CHECK(check_filled(runs[i], size, i));
      CHECK(oh_pages_free(runs[i], size, page) == OH_OK);
      continue;
    }
    char *const at = moved;
    CHECK((uintptr_t)at % page == 0 && oh_pages_usable_size(at) == 50 * size);
    CHECK(check_filled(at, size, i) && check_zeros(at + size, 49 * size));
    if (at != runs[i]) CHECK(oh_pages_free(runs[i], 0, 0) == OH_DOUBLE_FREE);
    CHECK(oh_pages_remap(at, 0, 0, SIZE_MAX - page, &moved) == OH_OK && moved == NULL);
    CHECK(check_filled(at, size, i));
    CHECK(oh_pages_free(at, 50 * size, page) == OH_OK);
  }
}

/* The system moves by the page: a larger alignment would be lost. */
static void remap_does_not_move_what_is_aligned_to_more_than_a_page(void) {
  size_t const page = os_page_size();
  oh_pages_options_t const huge = {false, true, NULL};
  for (int i = 0; i < 2; i++) {
    size_t const align = i == 0 ? MIB : 16;
    char *const p = oh_pages_alloc(page, align, i == 0 ? NULL : &huge);
    void *moved;
    for (size_t size = page; size < 64 * MIB; size *= 4) {
      CHECK(oh_pages_remap(p, 0, 0, size, &moved) == OH_OK);
      CHECK(moved == NULL || moved == p);
    }
    CHECK(oh_pages_free(p, 0, 0) == OH_OK);
  }
}

/* ---- Protection ------------------------------------------------------------------------------ */

static void guard_pages_fault(void) {
  if (!CHILD_SUPPORTED) SKIP("no fork here");
  size_t const page = os_page_size();
  oh_pages_options_t const options = {true, false, NULL};
  for (size_t align = 1; align <= MIB; align *= 1024) {
    char *const p = oh_pages_alloc(3 * page, align, &options);
    CHECK(!child_faults(p, 1) && !child_faults(p + 3 * page - 1, 1));
    CHECK(child_faults(p - 1, 1) && child_faults(p - page, 0));
    CHECK(child_faults(p + 3 * page, 1) && child_faults(p + 4 * page - 1, 0));
    CHECK(oh_pages_free(p, 3 * page, align) == OH_OK);
    CHECK(child_faults(p, 0));
  }
}

static void guarded_runs_keep_their_ends(void) {
  size_t const page = os_page_size();
  oh_pages_options_t const options = {true, false, NULL};
  char *const p = oh_pages_alloc(3 * page, 16, &options);
  bool resized;
  void *moved;
  CHECK(oh_pages_resize(p, 3 * page, 16, 3 * page + 1, &resized) == OH_OK && !resized);
  CHECK(oh_pages_remap(p, 3 * page, 16, 3 * page + 1, &moved) == OH_OK && moved == NULL);
  CHECK(oh_pages_resize(p, 3 * page, 16, page, &resized) == OH_OK && resized);
  if (CHILD_SUPPORTED) CHECK(child_faults(p + 3 * page, 1));
  CHECK(oh_pages_free(p, page, 16) == OH_OK);
}

static void protection_covers_whole_pages_of_the_run(void) {
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(4 * page, 16, NULL);
  CHECK(oh_pages_protect(p, 1, page, OS_ACCESS_NONE) == OH_INVALID_SIZE);
  CHECK(oh_pages_protect(p, 0, page - 1, OS_ACCESS_NONE) == OH_INVALID_SIZE);
  CHECK(oh_pages_protect(p, 0, 5 * page, OS_ACCESS_NONE) == OH_INVALID_SIZE);
  CHECK(oh_pages_protect(p, 5 * page, 0, OS_ACCESS_NONE) == OH_INVALID_SIZE);
  CHECK(oh_pages_protect(p, page, SIZE_MAX - page + 1, OS_ACCESS_NONE) == OH_INVALID_SIZE);
  CHECK(oh_pages_protect(p, 4 * page, 0, OS_ACCESS_NONE) == OH_OK);
  check_fill(p, 4 * page, 4);
  CHECK(oh_pages_protect(p, page, page, OS_ACCESS_READ) == OH_OK);
  CHECK(oh_pages_protect(p, 2 * page, page, OS_ACCESS_NONE) == OH_OK);
  CHECK(check_filled(p, 2 * page, 4));
  if (CHILD_SUPPORTED) {
    CHECK(!child_faults(p + page, 0) && child_faults(p + page, 1));
    CHECK(child_faults(p + 2 * page, 0) && !child_faults(p + 3 * page, 1));
  }
  CHECK(oh_pages_protect(p, 0, 4 * page, OS_ACCESS_READ_WRITE) == OH_OK);
  CHECK(check_filled(p, 4 * page, 4));
  CHECK(oh_pages_free(p, 4 * page, 16) == OH_OK);
}

/* ---- The table ------------------------------------------------------------------------------- */

/* Enough runs to rebuild the table several times, freed in another order than they were made. */
static void many_runs_are_told_apart(void) {
  enum { COUNT = 3000 };
  static char *runs[COUNT];
  for (int round = 0; round < 3; round++) {
    for (unsigned i = 0; i < COUNT; i++) {
      runs[i] = oh_pages_alloc((i % 3 + 1) * os_page_size(), 16, NULL);
      CHECK(runs[i] != NULL);
      runs[i][0] = (char)i;
    }
    for (unsigned i = 0; i < COUNT; i++) {
      unsigned const at = i * 1999 % COUNT;
      CHECK(runs[at][0] == (char)at);
      CHECK(oh_pages_usable_size(runs[at]) == (at % 3 + 1) * os_page_size());
      CHECK(oh_pages_free(runs[at], 0, 0) == OH_OK);
      CHECK(oh_pages_free(runs[at], 0, 0) == OH_DOUBLE_FREE);
    }
  }
}

int main(void) {
  RUN(every_alignment_is_kept);
  RUN(large_alignments_are_granted);
  RUN(what_cannot_be_gives_null);
  RUN(size_0_is_a_page);
  RUN(wrong_pointers_are_refused);
  RUN(wrong_sizes_and_alignments_are_refused);
  RUN(shown_runs_are_freed_by_their_region_only);
  RUN(resizing_in_place_keeps_the_bytes);
  RUN(the_tail_of_a_shrunk_run_is_gone);
  RUN(remap_moves_and_keeps_the_bytes);
  RUN(remap_does_not_move_what_is_aligned_to_more_than_a_page);
  RUN(guard_pages_fault);
  RUN(guarded_runs_keep_their_ends);
  RUN(protection_covers_whole_pages_of_the_run);
  RUN(many_runs_are_told_apart);
  return 0;
}
