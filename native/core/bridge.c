/* bridge.c: malloc, realloc and free over an oh_valloc_t, counted.

   An allocator that keeps sizes is asked for them. A bump does not: there, each block has a header with
   its size and a check word, which is the size mixed with the block's address. Before a header is
   read, the bump is asked whether that place was handed out (a resize to the same size, which changes
   nothing); before it is believed, the check word is looked at, and a free takes it away.

   Costs: what the allocator takes, one lookup of the size per call, and some additions. Memory: 16
   bytes a block over a bump. */

#include "bridge.h"

#include <stdlib.h>

#include "bump.h"
#include "door.h"
#include "free_list.h"
#include "pool.h"
#include "slab.h"
#include "stack.h"

struct oh_bridge {
  oh_valloc_t v; /* without a table when it is closed                                             */
  bool headers;  /* the allocator keeps no sizes                                                  */
  bool shared;   /* it may be used from several threads at once                                   */
  _Atomic(uint64_t) allocations;
  _Atomic(uint64_t) blocks;
  _Atomic(uint64_t) bytes;
  _Atomic(uint64_t) peak_bytes;
  _Atomic(uint64_t) failures;
  _Atomic(uint64_t) refused;
};

typedef struct header {
  size_t size;
  size_t check;
} header_t;

#define HEADER ((size_t)16)
_Static_assert(sizeof(header_t) <= HEADER, "a header fits before a block");

/* The most that an object may have, less what is put before it. */
#define MOST ((size_t)PTRDIFF_MAX - HEADER)

/* ---- Opening and closing --------------------------------------------------------------------- */

/* Tables whose allocators have no lock: they are used by one thread at a time. */
static bool is_unlocked(oh_vtable_t const *vt) {
  return vt == &oh_bump_vtable || vt == &oh_slab_vtable || vt == &oh_pool_vtable ||
         vt == &oh_stack_vtable || vt == &oh_free_list_vtable;
}

oh_bridge_t *oh_bridge_open(oh_valloc_t v) {
  oh_bridge_t *const bridge = calloc(1, sizeof *bridge);
  if (bridge == NULL) return NULL;
  bridge->v = oh_is_null(v) ? oh_null() : v;
  bridge->headers = v.vt != NULL && v.vt->usable_size == NULL;
  bridge->shared = !is_unlocked(v.vt);
  return bridge;
}

void oh_bridge_close(oh_bridge_t *bridge) {
  if (bridge != NULL) bridge->v = oh_null();
}

void oh_bridge_delete(oh_bridge_t *bridge) {
  free(bridge);
}

size_t oh_bridge_header(oh_bridge_t const *bridge) {
  return bridge != NULL && bridge->headers ? HEADER : 0;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static uint64_t read_count(_Atomic(uint64_t) const *count) {
  return atomic_load_explicit(count, memory_order_relaxed);
}

static inline void write_count(_Atomic(uint64_t) *count, uint64_t value) {
  atomic_store_explicit(count, value, memory_order_relaxed);
}

/* An addition that locks the bus costs as much as an allocation: only where threads may meet. */
static inline uint64_t add(oh_bridge_t *bridge, _Atomic(uint64_t) *count, uint64_t n) {
  if (bridge->shared) return atomic_fetch_add_explicit(count, n, memory_order_relaxed) + n;
  uint64_t const sum = read_count(count) + n;
  write_count(count, sum);
  return sum;
}

/* Never below 0: blocks from before oh_bridge_forget may be freed behind it. */
static void take(_Atomic(uint64_t) *count, uint64_t n) {
  uint64_t before = read_count(count);
  while (!atomic_compare_exchange_weak_explicit(count, &before, before < n ? 0 : before - n,
                                                memory_order_relaxed, memory_order_relaxed)) {
  }
}

static inline void subtract(oh_bridge_t *bridge, _Atomic(uint64_t) *count, uint64_t n) {
  if (bridge->shared) {
    take(count, n);
    return;
  }
  uint64_t const before = read_count(count);
  write_count(count, before < n ? 0 : before - n);
}

static inline void grow(oh_bridge_t *bridge, uint64_t n) {
  uint64_t const bytes = add(bridge, &bridge->bytes, n);
  uint64_t peak = read_count(&bridge->peak_bytes);
  if (bytes <= peak) return;
  if (!bridge->shared) {
    write_count(&bridge->peak_bytes, bytes);
    return;
  }
  while (bytes > peak &&
         !atomic_compare_exchange_weak_explicit(&bridge->peak_bytes, &peak, bytes,
                                                memory_order_relaxed, memory_order_relaxed)) {
  }
}

static inline void *born(oh_bridge_t *bridge, void *ptr, size_t size) {
  add(bridge, &bridge->allocations, 1);
  add(bridge, &bridge->blocks, 1);
  grow(bridge, size);
  return ptr;
}

static inline void died(oh_bridge_t *bridge, size_t size) {
  subtract(bridge, &bridge->blocks, 1);
  subtract(bridge, &bridge->bytes, size);
}

static inline void *resized(oh_bridge_t *bridge, void *ptr, size_t size, size_t new_size) {
  if (new_size > size) grow(bridge, new_size - size);
  else subtract(bridge, &bridge->bytes, size - new_size);
  return ptr;
}

static void *failed(oh_bridge_t *bridge) {
  if (bridge != NULL) add(bridge, &bridge->failures, 1);
  return NULL;
}

static void refuse(oh_bridge_t *bridge) {
  oh_refuse();
  if (bridge != NULL) add(bridge, &bridge->refused, 1);
}

void oh_bridge_read(oh_bridge_t const *bridge, oh_bridge_stats_t *stats) {
  memset(stats, 0, sizeof *stats);
  if (bridge == NULL) return;
  stats->blocks = read_count(&bridge->blocks);
  stats->bytes = read_count(&bridge->bytes);
  stats->peak_bytes = read_count(&bridge->peak_bytes);
  stats->allocations = read_count(&bridge->allocations);
  stats->failures = read_count(&bridge->failures);
  stats->refused = read_count(&bridge->refused);
}

void oh_bridge_forget(oh_bridge_t *bridge) {
  if (bridge == NULL) return;
  write_count(&bridge->blocks, 0);
  write_count(&bridge->bytes, 0);
  write_count(&bridge->peak_bytes, 0);
}

/* ---- The allocator below --------------------------------------------------------------------- */

static inline bool is_open(oh_bridge_t const *bridge) {
  return bridge != NULL && bridge->v.vt != NULL;
}

static inline void *take_block(oh_bridge_t const *bridge, size_t size) {
  return bridge->v.vt->alloc(bridge->v.self, size, OH_DEFAULT_ALIGN);
}

/* A free of which is known whether the allocator refused it. Another thread's refusal at the same moment
   is taken for this one: a count is off then, and nothing else. */
static inline bool give_back(oh_bridge_t *bridge, void *ptr, size_t size) {
  oh_valloc_t const v = bridge->v;
  uint64_t const before = read_count(&oh_refused);
  if (v.vt->free != NULL) v.vt->free(v.self, ptr, size, OH_DEFAULT_ALIGN);
  if (read_count(&oh_refused) == before) return true;
  add(bridge, &bridge->refused, 1);
  return false;
}

static void *move(oh_bridge_t *bridge, void *ptr, size_t kept, size_t size, size_t new_size) {
  void *const to = take_block(bridge, new_size);
  if (to == NULL) return NULL;
  memcpy(to, ptr, kept);
  give_back(bridge, ptr, size);
  return to;
}

/* ---- Headers --------------------------------------------------------------------------------- */

static size_t check_of(void const *base, size_t size) {
  return ~size ^ ((size_t)(uintptr_t)base * (size_t)0x9e3779b1u);
}

static void *write_header(void *base, size_t size) {
  header_t *const header = base;
  header->size = size;
  header->check = check_of(base, size);
  return (char *)base + HEADER;
}

/* The header of a live block, or NULL. */
static header_t *header_of(oh_bridge_t const *bridge, void const *ptr) {
  uintptr_t const address = (uintptr_t)ptr;
  if (address < HEADER || address % OH_DEFAULT_ALIGN != 0) return NULL;
  header_t *const header = (header_t *)(address - HEADER);
  oh_valloc_t const v = bridge->v;
  if (!v.vt->resize(v.self, header, HEADER, OH_DEFAULT_ALIGN, HEADER)) return NULL;
  return header->check == check_of(header, header->size) ? header : NULL;
}

static void *headed_realloc(oh_bridge_t *bridge, void *ptr, size_t new_size) {
  oh_valloc_t const v = bridge->v;
  header_t *const header = header_of(bridge, ptr);
  if (header == NULL) {
    refuse(bridge);
    return NULL;
  }
  size_t const size = header->size, kept = size < new_size ? size : new_size;
  void *base = header;
  if (!v.vt->resize(v.self, base, HEADER + size, OH_DEFAULT_ALIGN, HEADER + new_size)) {
    base = move(bridge, header, HEADER + kept, HEADER + size, HEADER + new_size);
    if (base == NULL) return failed(bridge);
    header->check = 0;
  }
  return resized(bridge, write_header(base, new_size), size, new_size);
}

static void headed_free(oh_bridge_t *bridge, void *ptr) {
  header_t *const header = header_of(bridge, ptr);
  if (header == NULL) {
    refuse(bridge);
    return;
  }
  size_t const size = header->size;
  header->check = 0;
  if (give_back(bridge, header, HEADER + size)) died(bridge, size);
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_bridge_alloc(oh_bridge_t *bridge, size_t size) {
  if (!is_open(bridge) || size > MOST) return failed(bridge);
  size_t const taken = (bridge->headers ? HEADER : 0) + size;
  void *const base = take_block(bridge, taken + (taken == 0));
  if (base == NULL) return failed(bridge);
  if (bridge->headers) return born(bridge, write_header(base, size), size);
  return born(bridge, base, oh_usable_size(bridge->v, base));
}

void *oh_bridge_alloc_array(oh_bridge_t *bridge, size_t n, size_t size) {
  if (size != 0 && n > SIZE_MAX / size) return failed(bridge);
  return oh_bridge_alloc(bridge, n * size);
}

void *oh_bridge_calloc(oh_bridge_t *bridge, size_t n, size_t size) {
  void *const ptr = oh_bridge_alloc_array(bridge, n, size);
  if (ptr != NULL) memset(ptr, 0, n * size);
  return ptr;
}

void oh_bridge_free(oh_bridge_t *bridge, void *ptr) {
  if (ptr == NULL) return;
  if (!is_open(bridge)) {
    refuse(bridge);
  } else if (bridge->headers) {
    headed_free(bridge, ptr);
  } else {
    size_t const size = oh_usable_size(bridge->v, ptr);
    if (size == 0) refuse(bridge);
    else if (give_back(bridge, ptr, 0)) died(bridge, size);
  }
}

void *oh_bridge_realloc(oh_bridge_t *bridge, void *ptr, size_t size) {
  if (ptr == NULL) return oh_bridge_alloc(bridge, size);
  if (!is_open(bridge)) {
    refuse(bridge);
    return NULL;
  }
  if (size > MOST) return failed(bridge);
  if (bridge->headers) return headed_realloc(bridge, ptr, size);
  size_t const before = oh_usable_size(bridge->v, ptr);
  if (before == 0) {
    refuse(bridge);
    return NULL;
  }
  void *const there = oh_realloc(bridge->v, OH_DEFAULT_ALIGN, ptr, size + (size == 0));
  if (there == NULL) return failed(bridge);
  return resized(bridge, there, before, oh_usable_size(bridge->v, there));
}

size_t oh_bridge_size(oh_bridge_t *bridge, void const *ptr) {
  if (ptr == NULL || !is_open(bridge)) return 0;
  if (!bridge->headers) return oh_usable_size(bridge->v, ptr);
  header_t const *const header = header_of(bridge, ptr);
  return header == NULL ? 0 : header->size;
}

/* ---- With sizes ------------------------------------------------------------------------------ */

void *oh_bridge_sized_alloc(oh_bridge_t *bridge, size_t size) {
  void *ptr = NULL;
  if (is_open(bridge) && size <= MOST) ptr = take_block(bridge, size);
  return ptr == NULL ? failed(bridge) : born(bridge, ptr, size);
}

/* What an allocator that keeps sizes is told: a block that could not shrink has another than its user
   thinks. */
static size_t told(oh_bridge_t const *bridge, size_t size) {
  return bridge->headers ? size + (size == 0) : 0;
}

void oh_bridge_sized_free(oh_bridge_t *bridge, void *ptr, size_t size) {
  if (ptr == NULL) return;
  if (!is_open(bridge)) refuse(bridge);
  else if (give_back(bridge, ptr, told(bridge, size))) died(bridge, size);
}

/* Bytes of the block that can be copied; false: it is none, as far as the allocator knows. */
static bool measure(oh_bridge_t const *bridge, void *ptr, size_t size, size_t *held) {
  oh_valloc_t const v = bridge->v;
  *held = bridge->headers ? size : oh_usable_size(v, ptr);
  if (!bridge->headers) return *held != 0;
  return v.vt->resize(v.self, ptr, told(bridge, size), OH_DEFAULT_ALIGN, told(bridge, size));
}

void *oh_bridge_sized_realloc(oh_bridge_t *bridge, void *ptr, size_t size, size_t new_size) {
  if (ptr == NULL) return oh_bridge_sized_alloc(bridge, new_size);
  size_t kept = 0;
  if (!is_open(bridge) || !measure(bridge, ptr, size, &kept)) {
    refuse(bridge);
    return NULL;
  }
  if (new_size > MOST) return failed(bridge);
  if (kept > new_size) kept = new_size;
  oh_valloc_t const v = bridge->v;
  size_t const now = told(bridge, size);
  void *there = NULL;
  if (v.vt->remap != NULL) there = v.vt->remap(v.self, ptr, now, OH_DEFAULT_ALIGN, new_size);
  if (there == NULL) there = move(bridge, ptr, kept, now, new_size);
  if (there == NULL && new_size <= size) there = ptr;
  return there == NULL ? failed(bridge) : resized(bridge, there, size, new_size);
}
