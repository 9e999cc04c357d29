/* door.c: counts the calls through a table that were refused. */

#include "door.h"

#include <stdatomic.h>

static _Atomic(uint64_t) refused;

bool oh_refuse(void) {
  atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
  return false;
}

uint64_t oh_refused_calls(void) {
  return atomic_load_explicit(&refused, memory_order_relaxed);
}
