/* gc_taken_test.c: somebody else in the process has set up libgc. Its threads and stacks are then
   scanned as he wants it, so that this library must leave it alone. */

#include "check.h"
#include "gc.h"

static void another_user_keeps_it(void) {
  oh_gc_library_t library;
  void *handle;
  CHECK(oh_gc_library_find(NULL, &library, &handle) == OH_GC_OPEN);
  library.init();
  CHECK(oh_gc_open(NULL) == OH_GC_IN_USE && oh_gc_open(NULL) == OH_GC_IN_USE);
  CHECK(oh_gc_alloc(0, 16, 16) == NULL && oh_gc_heap_size() == 0);
  void **const theirs = library.malloc(16);
  library.gcollect();
  CHECK(theirs != NULL && *theirs == NULL);
}

int main(void) {
  oh_gc_library_t library;
  void *handle;
  if (oh_gc_library_find(NULL, &library, &handle) == OH_GC_NOT_FOUND && getenv("CI") == NULL) {
    printf("skip another user of libgc: libgc.so.1 not installed\n");
    return 0;
  }
  RUN(another_user_keeps_it);
  return 0;
}
