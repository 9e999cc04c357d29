/* dynamic_test.c: a malloc in a shared library as an allocator. The library is ours
   (fixtures/families.c) and ends the program at the first pointer that is none of its blocks: each
   way of being wrong is tried, over a malloc that has everything and over those that lack
   something. */

#include "check.h"
#include "door.h"
#include "dynamic.h"
#include "libc.h"
#include "os.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

/* The heaps that all tests are run over. */
static char const *const prefixes[] = {"full_", "bare_", "odd_"};
enum { HEAPS = sizeof prefixes / sizeof *prefixes };

static oh_dynamic_t *heaps[HEAPS];
static char why[256];

static oh_dynamic_t *open_heap(char const *prefix) {
  return oh_dynamic_open(FAMILIES, prefix, why, sizeof why);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void a_library_and_a_prefix_are_one_heap(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    heaps[i] = open_heap(prefixes[i]);
    CHECK(heaps[i] != NULL && open_heap(prefixes[i]) == heaps[i]);
    CHECK(oh_dynamic_at(oh_dynamic_number(heaps[i])) == heaps[i]);
    for (unsigned j = 0; j < i; j++) CHECK(heaps[i] != heaps[j]);
  }
  CHECK(oh_dynamic_at(HEAPS) == NULL && oh_dynamic_at(UINT32_MAX) == NULL);
}

static void what_is_missing_is_named(void) {
  struct {
    char const *prefix, *missing;
  } const wrong[] = {
      {"nofree_", "nofree_free"},       {"nomalloc_", "nomalloc_malloc"},
      {"unaligned_", "unaligned_posix"}, {"none_", "none_malloc"},
      {"full", "fullmalloc"},           {"full_m", "full_mmalloc"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(open_heap(wrong[i].prefix) == NULL);
    CHECK(strstr(why, wrong[i].missing) != NULL);
  }
  char longer[200];
  memset(longer, 'f', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  CHECK(open_heap(longer) == NULL);
  CHECK(oh_dynamic_at(HEAPS) == NULL);
}

static void a_library_that_is_not_there_is_named(void) {
  CHECK(oh_dynamic_open("liboffheap-none.so", "", why, sizeof why) == NULL);
  CHECK(strstr(why, "liboffheap-none.so") != NULL);
  char little[4];
  CHECK(oh_dynamic_open("liboffheap-none.so", "", little, sizeof little) == NULL);
  CHECK(strlen(little) == 3);
}

/* It depends on a C library, whose malloc would be found there and is none of its own. */
static void the_malloc_of_a_dependency_is_not_taken(void) {
  CHECK(open_heap("") == NULL);
  CHECK(strstr(why, "malloc") != NULL);
}

static void nobody_else_sees_the_functions(void) {
#ifdef _WIN32
  SKIP("Windows has no names that are everybody's");
#else
  CHECK(dlsym(RTLD_DEFAULT, "full_malloc") == NULL);
#endif
}

/* ---- The same over each heap ----------------------------------------------------------------- */

static void every_alignment_is_kept(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    for (size_t align = 1; align <= (size_t)1 << 20; align *= 2) {
      for (size_t size = 0; size <= 3 * align && size < 100000; size = size * 3 + 1) {
        char *const p = oh_dynamic_alloc(heaps[i], size, align);
        CHECK(p != NULL && (uintptr_t)p % align == 0 && (uintptr_t)p % OS_HEAP_ALIGN == 0);
        CHECK(oh_dynamic_owns(heaps[i], p));
        CHECK(oh_dynamic_usable_size(heaps[i], p) >= (size == 0 ? 1 : size));
        check_fill(p, oh_dynamic_usable_size(heaps[i], p), (unsigned)align);
        CHECK(oh_dynamic_free(heaps[i], p, size, align) == OH_OK);
        CHECK(!oh_dynamic_owns(heaps[i], p));
      }
    }
  }
}

static void what_cannot_be_had_is_null(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    size_t const wrong[] = {0, 3, 24, SIZE_MAX, (SIZE_MAX >> 1) + 1, (SIZE_MAX >> 2) + 1};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
      CHECK(oh_dynamic_alloc(heaps[i], 64, wrong[w]) == NULL);
    }
    for (size_t below = 0; below < 70; below++) {
      CHECK(oh_dynamic_alloc(heaps[i], SIZE_MAX - below, 1) == NULL);
      CHECK(oh_dynamic_alloc(heaps[i], SIZE_MAX - below, 4096) == NULL);
      CHECK(oh_dynamic_alloc(heaps[i], PTRDIFF_MAX - below, 16) == NULL);
    }
  }
}

/* A library whose blocks are not where they have to be has them back, and is out of memory. */
static void a_malloc_that_does_not_align_has_no_memory(void) {
  oh_dynamic_t *const skewed = open_heap("skewed_");
  CHECK(skewed != NULL);
  CHECK(oh_dynamic_alloc(skewed, 64, 16) == NULL && oh_dynamic_alloc(skewed, 64, 256) == NULL);
}

static bool is_not_live(oh_status_t status) {
  return status == OH_INVALID_POINTER || status == OH_DOUBLE_FREE;
}

static void check_refused(oh_dynamic_t *heap, void *ptr) {
  bool resized;
  void *moved;
  CHECK(is_not_live(oh_dynamic_free(heap, ptr, 0, 0)));
  CHECK(is_not_live(oh_dynamic_free_shown(heap, ptr)));
  CHECK(is_not_live(oh_dynamic_resize(heap, ptr, 0, 0, 8, &resized)) && !resized);
  CHECK(is_not_live(oh_dynamic_remap(heap, ptr, 0, 0, 8, &moved)) && moved == NULL);
  CHECK(oh_dynamic_usable_size(heap, ptr) == 0 && !oh_dynamic_owns(heap, ptr));
  CHECK(!oh_dynamic_show(heap, ptr) && !oh_dynamic_unshow(heap, ptr));
}

static void wrong_pointers_are_refused(void) {
  char local[64];
  static char global[64];
  for (unsigned i = 0; i < HEAPS; i++) {
    char *const p = oh_dynamic_alloc(heaps[i], 256, 16);
    void *const wrong[] = {NULL,   local,   global, p + 1, p + 8, p + 16, p + 128,
                           p - 16, &heaps, (void *)(uintptr_t)16, (void *)UINTPTR_MAX};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) check_refused(heaps[i], wrong[w]);
    CHECK(oh_dynamic_free(heaps[i], p, 256, 16) == OH_OK);
    check_refused(heaps[i], p);
    CHECK(oh_dynamic_free(heaps[i], p, 256, 16) == OH_DOUBLE_FREE);
  }
}

/* Of another heap, of the C heap, and the other way round. */
static void blocks_of_other_heaps_are_refused(void) {
  void *const of_c = oh_libc_alloc(100, 16);
  for (unsigned i = 0; i < HEAPS; i++) {
    void *const p = oh_dynamic_alloc(heaps[i], 100, 16);
    for (unsigned j = 0; j < HEAPS; j++) {
      if (j != i) check_refused(heaps[j], p);
    }
    check_refused(heaps[i], of_c);
    CHECK(is_not_live(oh_libc_free(p, 0, 0)) && !oh_libc_owns(p));
    CHECK(oh_dynamic_free(heaps[i], p, 100, 16) == OH_OK);
  }
  CHECK(oh_libc_free(of_c, 100, 16) == OH_OK);
}

static void wrong_sizes_and_alignments_are_refused(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    char *const p = oh_dynamic_alloc(heaps[i], 100, 64);
    size_t const usable = oh_dynamic_usable_size(heaps[i], p);
    bool resized;
    void *moved;
    check_fill(p, 100, 3);
    CHECK(oh_dynamic_free(heaps[i], p, usable + 1, 64) == OH_INVALID_SIZE);
    CHECK(oh_dynamic_resize(heaps[i], p, usable + 1, 64, 5, &resized) == OH_INVALID_SIZE);
    CHECK(oh_dynamic_remap(heaps[i], p, SIZE_MAX, 64, 5, &moved) == OH_INVALID_SIZE);
    CHECK(oh_dynamic_free(heaps[i], p, 100, 16) == OH_INVALID_ALIGN);
    CHECK(oh_dynamic_free(heaps[i], p, 100, 65) == OH_INVALID_ALIGN);
    CHECK(oh_dynamic_resize(heaps[i], p, 100, 32, 50, &resized) == OH_INVALID_ALIGN && !resized);
    CHECK(oh_dynamic_remap(heaps[i], p, 100, 32, 50, &moved) == OH_INVALID_ALIGN && !moved);
    CHECK(check_filled(p, 100, 3));
    CHECK(oh_dynamic_free(heaps[i], p, 100, 64) == OH_OK);
  }
}

static void blocks_are_resized_in_place_and_moved(void) {
  size_t const steps[] = {5000, 100, 64, 200000, 1, 0, 70};
  for (unsigned i = 0; i < HEAPS; i++) {
    for (size_t align = 1; align <= 4096; align *= 2) {
      size_t size = 70;
      void *p = oh_dynamic_alloc(heaps[i], size, align);
      check_fill(p, size, 9);
      for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        bool resized;
        size_t const usable = oh_dynamic_usable_size(heaps[i], p);
        CHECK(oh_dynamic_resize(heaps[i], p, size, align, usable, &resized) == OH_OK && resized);
        CHECK(oh_dynamic_resize(heaps[i], p, 0, 0, usable + 1, &resized) == OH_OK && !resized);
        void *moved;
        CHECK(oh_dynamic_remap(heaps[i], p, size, align, steps[s], &moved) == OH_OK);
        CHECK(moved != NULL && (uintptr_t)moved % align == 0);
        CHECK(check_filled(moved, steps[s] < size ? steps[s] : size, 9));
        if (moved != p) CHECK(!oh_dynamic_owns(heaps[i], p));
        p = moved;
        size = steps[s];
        check_fill(p, size, 9);
      }
      CHECK(oh_dynamic_free(heaps[i], p, size, align) == OH_OK);
    }
  }
}

static void a_remap_that_fails_changes_nothing(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    void *const p = oh_dynamic_alloc(heaps[i], 100, 64);
    void *moved = p;
    check_fill(p, 100, 1);
    CHECK(oh_dynamic_remap(heaps[i], p, 100, 64, SIZE_MAX, &moved) == OH_OK && moved == NULL);
    CHECK(oh_dynamic_owns(heaps[i], p) && check_filled(p, 100, 1));
    CHECK(oh_dynamic_free(heaps[i], p, 100, 64) == OH_OK);
  }
}

static void shown_blocks_are_freed_as_shown_only(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    void *const p = oh_dynamic_alloc(heaps[i], 100, 32);
    bool resized;
    void *moved;
    CHECK(oh_dynamic_free_shown(heaps[i], p) == OH_INVALID_POINTER);
    CHECK(oh_dynamic_show(heaps[i], p) && !oh_dynamic_show(heaps[i], p));
    CHECK(oh_dynamic_free(heaps[i], p, 100, 32) == OH_SHOWN);
    CHECK(oh_dynamic_resize(heaps[i], p, 100, 32, 10, &resized) == OH_SHOWN && !resized);
    CHECK(oh_dynamic_remap(heaps[i], p, 100, 32, 10, &moved) == OH_SHOWN && moved == NULL);
    CHECK(oh_dynamic_owns(heaps[i], p) && oh_dynamic_usable_size(heaps[i], p) >= 100);
    CHECK(oh_dynamic_unshow(heaps[i], p) && !oh_dynamic_unshow(heaps[i], p));
    CHECK(oh_dynamic_show(heaps[i], p));
    CHECK(oh_dynamic_free_shown(heaps[i], p) == OH_OK);
    CHECK(oh_dynamic_free_shown(heaps[i], p) == OH_DOUBLE_FREE);
  }
}

static void what_the_library_can_give_back_it_is_asked_for(void) {
  CHECK(oh_dynamic_trim(heaps[0]));  /* malloc_trim says that there was some */
  CHECK(!oh_dynamic_trim(heaps[1])); /* there is no such function            */
  CHECK(oh_dynamic_trim(heaps[2]));  /* mallctl takes the name               */
}

/* ---- Through the table ----------------------------------------------------------------------- */

static void the_table_works_on_the_same_heap(void) {
  for (unsigned i = 0; i < HEAPS; i++) {
    oh_valloc_t const v = {heaps[i], &oh_dynamic_vtable};
    uint64_t const refused = oh_refused_calls();
    char *const p = oh_malloc(v, 256, 100);
    CHECK(p != NULL && (uintptr_t)p % 256 == 0 && oh_dynamic_owns(heaps[i], p));
    CHECK(oh_usable_size(v, p) == oh_dynamic_usable_size(heaps[i], p));
    CHECK(v.vt->resize(v.self, p, 100, 256, 50) && !v.vt->resize(v.self, p, 0, 1, 100000));
    char *const q = oh_realloc(v, 256, p, 100000);
    CHECK(q != NULL && (uintptr_t)q % 256 == 0);
    CHECK(oh_refused_calls() == refused);
    v.vt->free(v.self, q, 100000, 16);
    v.vt->free(v.self, q, 200000, 256);
    oh_free(v, q + 16);
    CHECK(oh_refused_calls() == refused + 3 && oh_dynamic_owns(heaps[i], q));
    oh_free(v, q);
    oh_free(v, q);
    CHECK(oh_refused_calls() == refused + 4 && !oh_dynamic_owns(heaps[i], q));
  }
}

static void a_table_without_a_heap_refuses(void) {
  oh_valloc_t const v = {NULL, &oh_dynamic_vtable};
  char byte;
  uint64_t const refused = oh_refused_calls();
  CHECK(oh_malloc(v, 16, 64) == NULL && oh_usable_size(v, &byte) == 0);
  CHECK(!v.vt->resize(NULL, &byte, 1, 1, 1) && v.vt->remap(NULL, &byte, 1, 1, 1) == NULL);
  oh_free(v, &byte);
  CHECK(oh_refused_calls() == refused + 3);
}

int main(void) {
  RUN(a_library_and_a_prefix_are_one_heap);
  RUN(what_is_missing_is_named);
  RUN(a_library_that_is_not_there_is_named);
  RUN(the_malloc_of_a_dependency_is_not_taken);
  RUN(nobody_else_sees_the_functions);
  RUN(every_alignment_is_kept);
  RUN(what_cannot_be_had_is_null);
  RUN(a_malloc_that_does_not_align_has_no_memory);
  RUN(wrong_pointers_are_refused);
  RUN(blocks_of_other_heaps_are_refused);
  RUN(wrong_sizes_and_alignments_are_refused);
  RUN(blocks_are_resized_in_place_and_moved);
  RUN(a_remap_that_fails_changes_nothing);
  RUN(shown_blocks_are_freed_as_shown_only);
  RUN(what_the_library_can_give_back_it_is_asked_for);
  RUN(the_table_works_on_the_same_heap);
  RUN(a_table_without_a_heap_refuses);
  return 0;
}
