/* door.c: counts the calls through a table that were refused. */

#include "door.h"

_Atomic(uint64_t) oh_refused;

bool oh_refuse(void) {
  atomic_fetch_add_explicit(&oh_refused, 1, memory_order_relaxed);
  return false;
}

uint64_t oh_refused_calls(void) {
  return atomic_load_explicit(&oh_refused, memory_order_relaxed);
}
