/* offheap.h is what C and C++ users include, with their warnings and nothing else of ours. This
   file is compiled as C11 and as C++17, with -pedantic. */

#include "offheap.h"

int main(void) {
  oh_valloc_t const none = oh_null();
  void *const p = oh_malloc(none, 0, 64);
  oh_free(none, p);
  return oh_is_null(none) && p == NULL && oh_is_pow2(64) && sizeof(oh_bump_t) == 32 ? 0 : 1;
}
