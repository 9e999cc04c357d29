/* door_test.c: the C door as its users see it: oh_malloc and oh_free over every table there is, and
   the tables that must not be called. */

#include "bump.h"
#include "check.h"
#include "door.h"
#include "libc.h"
#include "offheap.h"
#include "pages.h"

/* A library that gets no allocator, or one of another version, must fail cleanly, not jump to 0. */
static void null_allocators_are_recognised(void) {
  oh_valloc_t v = oh_null();
  CHECK(oh_is_null(v));

  oh_vtable_t table = oh_libc_vtable;
  v.vt = &table;
  CHECK(!oh_is_null(v));

  table.abi_version = OH_ABI_VERSION + 1;
  CHECK(oh_is_null(v));
  CHECK(oh_malloc(v, 16, 64) == NULL);

  table = oh_libc_vtable;
  table.size = sizeof table - 1;
  CHECK(oh_is_null(v));
  table.size = sizeof table + 64; /* a later version appends */
  CHECK(!oh_is_null(v));

  table = oh_libc_vtable;
  table.alloc = NULL;
  CHECK(oh_is_null(v));

  v.vt = &oh_null_vtable;
  CHECK(oh_is_null(v));
  CHECK(oh_malloc(v, 16, 64) == NULL);
  oh_free(v, &table);
}

/* The defaults of oh_malloc: no alignment means malloc's, no size means a byte, NULL frees
   nothing. */
static void oh_malloc_has_the_defaults_of_malloc(void) {
  oh_valloc_t const v = {NULL, &oh_libc_vtable};
  char *const p = oh_malloc(v, 0, 0);
  CHECK(p != NULL && (uintptr_t)p % OH_DEFAULT_ALIGN == 0);
  p[0] = 1;
  oh_free(v, p);
  CHECK(oh_malloc(v, 24, 64) == NULL); /* no power of two */
  uint64_t const refused = oh_refused_calls();
  oh_free(v, NULL);
  CHECK(oh_refused_calls() == refused);
}

/* oh_free names neither size nor alignment, and must free whatever oh_malloc has given. */
static void oh_free_frees_over_aligned_blocks(void) {
  oh_vtable_t const *const tables[] = {&oh_libc_vtable, &oh_pages_vtable};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
    oh_valloc_t const v = {NULL, tables[t]};
    uint64_t const refused = oh_refused_calls();
    for (size_t align = 1; align <= 65536; align *= 2) {
      void *const p = oh_malloc(v, align, 100);
      CHECK(p != NULL && (uintptr_t)p % align == 0);
      oh_free(v, p);
    }
    CHECK(oh_refused_calls() == refused);
  }
}

/* C code has nobody to throw to: what it frees wrongly is refused, and can be counted. */
static void refusals_are_counted(void) {
  char local[64];
  uint64_t const before = oh_refused_calls();

  void *const p = oh_libc_vtable.alloc(NULL, 64, 16);
  oh_libc_vtable.free(NULL, p, 64, 16);
  oh_libc_vtable.free(NULL, p, 64, 16);
  oh_libc_vtable.free(NULL, local, 64, 16);
  CHECK(!oh_libc_vtable.resize(NULL, p, 64, 16, 32));
  CHECK(oh_libc_vtable.remap(NULL, p, 64, 16, 128) == NULL);
  CHECK(oh_refused_calls() == before + 4);

  void *const q = oh_pages_vtable.alloc(NULL, 64, 16);
  oh_pages_vtable.free(NULL, q, 64, 16);
  oh_pages_vtable.free(NULL, q, 64, 16);
  oh_pages_vtable.free(NULL, local, 64, 16);
  CHECK(!oh_pages_vtable.resize(NULL, q, 64, 16, 32));
  CHECK(oh_pages_vtable.remap(NULL, q, 64, 16, 128) == NULL);
  CHECK(oh_refused_calls() == before + 8);
}

/* The four operations of a table do what the functions behind it do. */
static void tables_resize_and_remap(void) {
  oh_vtable_t const *const tables[] = {&oh_libc_vtable, &oh_libc_raw_vtable, &oh_pages_vtable};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
    oh_vtable_t const *const vt = tables[t];
    char *p = vt->alloc(NULL, 1000, 8);
    CHECK(p != NULL);
    check_fill(p, 1000, 1);
    CHECK(vt->resize(NULL, p, 1000, 8, 500));
    char *const moved = vt->remap(NULL, p, 500, 8, 100000);
    CHECK(moved != NULL || vt == &oh_pages_vtable); /* not every system can move pages */
    size_t const size = moved != NULL ? 100000 : 500;
    if (moved != NULL) p = moved;
    CHECK(check_filled(p, 500, 1));
    CHECK(!vt->resize(NULL, p, size, 8, SIZE_MAX));
    CHECK(vt->remap(NULL, p, size, 8, SIZE_MAX) == NULL);
    CHECK(check_filled(p, 500, 1));
    vt->free(NULL, p, size, 8);
  }
}

/* malloc cannot be told an alignment, so its table must not pretend. */
static void the_raw_table_refuses_what_malloc_cannot_align(void) {
  CHECK(oh_libc_raw_vtable.alloc(NULL, 64, 64) == NULL);
  CHECK(oh_libc_raw_vtable.alloc(NULL, 64, 3) == NULL);
  void *const p = oh_libc_raw_vtable.alloc(NULL, 64, 1);
  CHECK(p != NULL);
  uint64_t const refused = oh_refused_calls();
  oh_libc_raw_vtable.free(NULL, p, 64, 1);
  CHECK(oh_refused_calls() == refused);
}

int main(void) {
  RUN(null_allocators_are_recognised);
  RUN(oh_malloc_has_the_defaults_of_malloc);
  RUN(oh_free_frees_over_aligned_blocks);
  RUN(refusals_are_counted);
  RUN(tables_resize_and_remap);
  RUN(the_raw_table_refuses_what_malloc_cannot_align);
  return 0;
}
