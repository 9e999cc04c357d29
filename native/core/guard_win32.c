/* guard_win32.c: no guarded blocks on Windows. What a vectored handler sees comes before those of
   V8's, and there is no previous one to pass a fault on to. */

#ifdef _WIN32

#include "guard.h"

bool oh_guard_supported(void) {
  return false;
}

bool oh_guard_watch(void) {
  return false;
}

#else
typedef int oh_guard_win32_is_for_windows;
#endif
