/* guard_memory_test.c: how much of the system guarded blocks take: mappings, of which a process has
   few, and addresses. Not under valgrind, which has fewer mappings than the system. */

#include "check.h"
#include "guard.h"
#include "os.h"

#ifdef __linux__
static size_t mappings(void) {
  size_t lines = 0;
  FILE *const file = fopen("/proc/self/maps", "r");
  CHECK(file != NULL);
  for (int c = fgetc(file); c != EOF; c = fgetc(file)) lines += c == '\n';
  fclose(file);
  return lines;
}

static void freed_blocks_take_no_mappings(void) {
  size_t const before = mappings();
  for (int i = 0; i < 20000; i++) {
    char *const p = oh_guard_alloc(100 + (size_t)i % 9000, 16, 0, NULL, NULL);
    CHECK(p != NULL && oh_guard_free(p, NULL));
  }
  CHECK(mappings() < before + 20);
}

static void there_are_fewer_blocks_than_the_system_has_mappings(void) {
  static char *blocks[200000];
  size_t count = 0;
  while (count < 200000 && (blocks[count] = oh_guard_alloc(1, 1, 0, NULL, NULL)) != NULL) count++;
  size_t const most = os_pages_most_mappings();
  if (most / 4 < 200000) CHECK(count == most / 4);
  CHECK(oh_guard_live() == count);
  for (size_t i = 0; i < count; i++) {
    CHECK(oh_guard_free(blocks[i], NULL) && oh_guard_release(blocks[i]));
  }
  char *const again = oh_guard_alloc(1, 1, 0, NULL, NULL);
  CHECK(again != NULL && oh_guard_free(again, NULL));
}
#endif

static void large_blocks_have_addresses_of_their_own(void) {
  size_t const size = (size_t)1 << (sizeof(void *) > 4 ? 32 : 24);
  char *const p = oh_guard_alloc(size, 16, 0, NULL, NULL);
  if (p == NULL) SKIP("no memory for a large block");
  p[size - 1] = 1;
  CHECK(oh_guard_free(p, NULL));
  oh_guard_block_t block;
  CHECK(oh_guard_find(p + 5, &block) && block.state == OH_GUARD_FREED && block.size == size);
  CHECK(oh_guard_find(p + size, &block) && block.ptr == (uintptr_t)p);
  CHECK(oh_guard_release(p));
}

int main(void) {
  if (!oh_guard_supported()) return 0;
#ifdef __linux__
  RUN(freed_blocks_take_no_mappings);
  RUN(there_are_fewer_blocks_than_the_system_has_mappings);
#endif
  RUN(large_blocks_have_addresses_of_their_own);
  return 0;
}
