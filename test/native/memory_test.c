/* memory_test.c: what pages cost the system, as the system sees it: resident memory and the names
   of mappings. Linux only, where /proc tells. */

#include "check.h"
#include "os.h"
#include "pages.h"

#define MIB ((size_t)1 << 20)

#ifndef __linux__

static void memory(void) {
  SKIP("no /proc here");
}

int main(void) {
  RUN(memory);
  return 0;
}

#else

#include <unistd.h>

/* Bytes of this process in physical memory. */
static size_t resident(void) {
  unsigned long total = 0;
  unsigned long pages = 0;
  FILE *const file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%lu %lu", &total, &pages) == 2);
  fclose(file);
  return pages * os_page_size();
}

/* A large region costs nothing until it is used. */
static void memory_comes_when_it_is_touched(void) {
  size_t const before = resident();
  char *const p = oh_pages_alloc(1024 * MIB, 16, NULL);
  CHECK(p != NULL);
  CHECK(resident() < before + 8 * MIB);
  memset(p + 512 * MIB, 1, 64 * MIB);
  CHECK(resident() > before + 56 * MIB && resident() < before + 80 * MIB);
  CHECK(oh_pages_free(p, 1024 * MIB, 16) == OH_OK);
  CHECK(resident() < before + 8 * MIB);
}

static void decommitting_gives_memory_back_and_reads_as_zeros(void) {
  char *const p = oh_pages_alloc(64 * MIB, 16, NULL);
  size_t given;
  check_fill(p, 64 * MIB, 1);
  size_t const before = resident();
  CHECK(oh_pages_decommit(p, 16 * MIB, 48 * MIB, &given) == OH_OK && given == 48 * MIB);
  CHECK(resident() < before - 40 * MIB);
  CHECK(check_filled(p, 16 * MIB, 1) && check_zeros(p + 16 * MIB, 48 * MIB));
  check_fill(p, 64 * MIB, 2);
  CHECK(check_filled(p, 64 * MIB, 2));
  CHECK(oh_pages_free(p, 64 * MIB, 16) == OH_OK);
}

/* The bytes of a page that is only partly in the span are somebody's. */
static void decommitting_spares_pages_that_are_partly_in_the_span(void) {
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(8 * page, 16, NULL);
  size_t given;
  check_fill(p, 8 * page, 3);
  CHECK(oh_pages_decommit(p, 1, page - 1, &given) == OH_OK && given == 0);
  CHECK(oh_pages_decommit(p, page + 1, page, &given) == OH_OK && given == 0);
  CHECK(check_filled(p, 8 * page, 3));
  CHECK(oh_pages_decommit(p, page + 1, 3 * page, &given) == OH_OK && given == 2 * page);
  CHECK(check_filled(p, 2 * page, 3) && check_zeros(p + 2 * page, 2 * page));
  CHECK(oh_pages_decommit(p, 0, 8 * page + 1, &given) == OH_INVALID_SIZE && given == 0);
  CHECK(oh_pages_decommit(p, 9 * page, 0, &given) == OH_INVALID_SIZE && given == 0);
  CHECK(oh_pages_decommit(p, page, SIZE_MAX, &given) == OH_INVALID_SIZE && given == 0);
  CHECK(oh_pages_free(p, 8 * page, 16) == OH_OK);
}

/* A shown run is a region's: decommitting and protecting are how the region uses it. */
static void shown_runs_can_be_decommitted(void) {
  size_t const page = os_page_size();
  char *const p = oh_pages_alloc(2 * page, 16, NULL);
  size_t given;
  p[0] = 1;
  CHECK(oh_pages_show(p));
  CHECK(oh_pages_protect(p, 0, page, OS_ACCESS_READ) == OH_OK);
  CHECK(oh_pages_decommit(p, 0, 2 * page, &given) == OH_OK && given == 2 * page);
  CHECK(p[0] == 0);
  p[0] = 1; /* writable again */
  CHECK(oh_pages_free_shown(p) == OH_OK);
}

static void shrinking_gives_memory_back(void) {
  char *const p = oh_pages_alloc(64 * MIB, 16, NULL);
  bool resized;
  memset(p, 1, 64 * MIB);
  size_t const before = resident();
  CHECK(oh_pages_resize(p, 64 * MIB, 16, MIB, &resized) == OH_OK && resized);
  CHECK(resident() < before - 56 * MIB);
  CHECK(oh_pages_free(p, MIB, 16) == OH_OK);
}

/* Is there a mapping of this name that starts at ptr? */
static int is_named(void const *ptr, char const *name) {
  char line[512];
  char start[32];
  int found = 0;
  FILE *const file = fopen("/proc/self/maps", "r");
  CHECK(file != NULL);
  snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)ptr);
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, start, strlen(start)) == 0) found = strstr(line, name) != NULL;
  }
  fclose(file);
  return found;
}

static void names_are_seen_from_outside(void) {
  oh_pages_options_t const options = {true, false, "oh arena 7"};
  char *const p = oh_pages_alloc(MIB, 16, &options);
  bool const supported = os_pages_set_name(p, MIB, "oh arena 7");
  bool const named = is_named(p, "[anon:oh arena 7]");
  CHECK(oh_pages_free(p, MIB, 16) == OH_OK);
  if (!supported) SKIP("this kernel does not name anonymous memory");
  CHECK(named);
}

/* A name that the kernel refuses must not cost the caller his memory. */
static void names_and_huge_pages_are_hints(void) {
  oh_pages_options_t const options = {false, true, "no [such] name\x01"};
  char *const p = oh_pages_alloc(5 * MIB, 16, &options);
  CHECK(p != NULL && (uintptr_t)p % (2 * MIB) == 0);
  check_fill(p, 5 * MIB, 1);
  CHECK(oh_pages_free(p, 5 * MIB, 16) == OH_OK);
}

int main(void) {
  RUN(memory_comes_when_it_is_touched);
  RUN(decommitting_gives_memory_back_and_reads_as_zeros);
  RUN(decommitting_spares_pages_that_are_partly_in_the_span);
  RUN(shown_runs_can_be_decommitted);
  RUN(shrinking_gives_memory_back);
  RUN(names_are_seen_from_outside);
  RUN(names_and_huge_pages_are_hints);
  return 0;
}

#endif
