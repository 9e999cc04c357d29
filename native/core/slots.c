/* slots.c: functions for libraries that pass no context.

   Each slot has functions of its own, which know their number and so the bridge that has the slot now.
   A slot is taken with a compare-and-swap, so that threads do not get the same. Functions of a slot
   that nobody has behave as over a closed bridge. */

#include <limits.h>
#include <stdatomic.h>

#include "hooks.h"

static _Atomic(oh_bridge_t *) slots[OH_SLOTS];

static oh_bridge_t *holder(int slot) {
  return atomic_load_explicit(&slots[slot], memory_order_acquire);
}

/* SQLite counts in int, and never asks for less than a byte. */
static size_t size_from(int size) {
  return size < 0 ? SIZE_MAX : (size_t)size;
}

static int sqlite_size(oh_bridge_t *bridge, void *ptr) {
  size_t const size = oh_bridge_size(bridge, ptr);
  return size > INT_MAX ? INT_MAX : (int)size;
}

static int sqlite_roundup(int size) {
  return size > INT_MAX - 7 ? size : (size + 7) & ~7;
}

static int sqlite_init(void *data) {
  (void)data;
  return 0; /* SQLITE_OK */
}

static void sqlite_shutdown(void *data) {
  (void)data;
}

#define SLOT(n) \
  static void *malloc_##n(size_t size) { \
    return oh_bridge_alloc(holder(n), size); \
  } \
  static void *realloc_##n(void *ptr, size_t size) { \
    return oh_bridge_realloc(holder(n), ptr, size); \
  } \
  static void free_##n(void *ptr) { \
    oh_bridge_free(holder(n), ptr); \
  } \
  static void *sqlite_malloc_##n(int size) { \
    return oh_bridge_alloc(holder(n), size_from(size)); \
  } \
  static void *sqlite_realloc_##n(void *ptr, int size) { \
    return oh_bridge_realloc(holder(n), ptr, size_from(size)); \
  } \
  static int sqlite_size_##n(void *ptr) { \
    return sqlite_size(holder(n), ptr); \
  }

SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)

#define EXPAT(n) {malloc_##n, realloc_##n, free_##n}
#define SQLITE(n) \
  {sqlite_malloc_##n, free_##n,    sqlite_realloc_##n, sqlite_size_##n, \
   sqlite_roundup,    sqlite_init, sqlite_shutdown,    NULL}

static oh_expat_hooks_t const expat_hooks[] = {EXPAT(0), EXPAT(1), EXPAT(2), EXPAT(3),
                                               EXPAT(4), EXPAT(5), EXPAT(6), EXPAT(7)};
static oh_sqlite_hooks_t const sqlite_hooks[] = {SQLITE(0), SQLITE(1), SQLITE(2), SQLITE(3),
                                                 SQLITE(4), SQLITE(5), SQLITE(6), SQLITE(7)};

_Static_assert(sizeof expat_hooks / sizeof *expat_hooks == OH_SLOTS, "functions for each slot");
_Static_assert(sizeof sqlite_hooks / sizeof *sqlite_hooks == OH_SLOTS, "functions for each slot");

bool oh_slots_fill(oh_hooks_t *hooks, oh_library_t library, oh_bridge_t *bridge) {
  for (int slot = 0; bridge != NULL && slot < OH_SLOTS; slot++) {
    oh_bridge_t *nobody = NULL;
    if (!atomic_compare_exchange_strong(&slots[slot], &nobody, bridge)) continue;
    if (library == OH_EXPAT) hooks->expat = expat_hooks[slot];
    else hooks->sqlite = sqlite_hooks[slot];
    return true;
  }
  return false;
}

void oh_slots_release(oh_bridge_t *bridge) {
  for (int slot = 0; bridge != NULL && slot < OH_SLOTS; slot++) {
    oh_bridge_t *held = bridge;
    if (atomic_compare_exchange_strong(&slots[slot], &held, NULL)) return;
  }
}
