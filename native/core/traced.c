/* traced.c: see traced.h. */

#include "traced.h"

#include <stdatomic.h>
#include <string.h>

#include "os.h"
#include "sampling.h"
#include "stacks.h"

struct oh_traced {
  oh_valloc_t inner;
  oh_ledger_t *ledger;
  uint32_t heap;
  _Atomic(uint32_t) mode;
  _Atomic(uint32_t) frames;
  _Atomic(bool) missed; /* not all blocks that live are in the ledger                             */
  _Atomic(int64_t) left; /* bytes before the next one that is looked at                           */
  os_mutex_t lock;       /* of the sampler                                                        */
  oh_sampler_t sampler;
};

static _Thread_local uint32_t javascript;

uint32_t oh_traced_enter(uint32_t stack) {
  uint32_t const before = javascript;
  javascript = stack;
  return before;
}

oh_traced_t *oh_traced_make(oh_ledger_t *ledger, uint32_t heap, oh_valloc_t inner) {
  static os_mutex_t const unlocked = OS_MUTEX_INIT;
  oh_traced_t *const traced = (oh_traced_t *)os_heap_alloc(sizeof *traced, OS_HEAP_ALIGN);
  if (traced == NULL) return NULL;
  memset(traced, 0, sizeof *traced);
  oh_ledger_hold(ledger);
  traced->lock = unlocked;
  traced->ledger = ledger;
  traced->heap = heap;
  traced->inner = inner;
  return traced;
}

void oh_traced_end(oh_traced_t *traced) {
  oh_ledger_let_go(traced->ledger);
  os_heap_free(traced, false);
}

void oh_traced_set(oh_traced_t *traced, oh_traced_mode_t mode, double sample_bytes,
                   uint32_t frames) {
  os_mutex_lock(&traced->lock);
  oh_sampler_init(&traced->sampler, (uint64_t)(uintptr_t)traced ^ os_clock_ms(), sample_bytes);
  atomic_store(&traced->left, oh_sampler_next(&traced->sampler));
  atomic_store(&traced->frames,
               frames < OH_TRACED_MOST_FRAMES ? frames : OH_TRACED_MOST_FRAMES);
  if (mode != OH_TRACED_EXACT) atomic_store(&traced->missed, true);
  atomic_store(&traced->mode, (uint32_t)mode);
  os_mutex_unlock(&traced->lock);
}

/* ---- Writing down ---------------------------------------------------------------------------- */

/* Of a block: no block has more. */
#define MOST_BYTES ((int64_t)1 << 50)

/* What a block of this size stands for that is to be written down; 0: it is not. Who takes `left` below
   0 has the sample and says where the next one is. Others may come before that is said: for each of
   them the distance is drawn anew, as it does not matter to it where the last sample was. */
static double weight_of(oh_traced_t *traced, size_t size) {
  uint32_t const mode = atomic_load_explicit(&traced->mode, memory_order_relaxed);
  if (mode == OH_TRACED_OFF) return 0;
  if (mode == OH_TRACED_EXACT) return 1;
  int64_t const bytes = size > MOST_BYTES ? MOST_BYTES : (int64_t)size;
  int64_t const left = atomic_fetch_sub_explicit(&traced->left, bytes, memory_order_relaxed);
  if (left >= bytes) return 0;
  os_mutex_lock(&traced->lock);
  int64_t const next = oh_sampler_next(&traced->sampler);
  if (left >= 0) atomic_store_explicit(&traced->left, next, memory_order_relaxed);
  double const weight = oh_sampler_weight(traced->sampler.mean, (double)size);
  os_mutex_unlock(&traced->lock);
  return left >= 0 || next < bytes ? weight : 0;
}

/* The frames of this file that are on the stack inside of the caller's, where nothing was inlined. */
#define OWN_FRAMES 4

/* The stack of C that goes on at `caller`, on top of that of JavaScript. */
static uint32_t stack_at(oh_traced_t *traced, void const *caller) {
  void *addresses[OH_TRACED_MOST_FRAMES + OWN_FRAMES];
  uint32_t const frames = atomic_load_explicit(&traced->frames, memory_order_relaxed);
  size_t const count = os_backtrace(addresses, frames + OWN_FRAMES);
  size_t own = 0;
  while (own <= OWN_FRAMES && own < count && addresses[own] != caller) own++;
  if (own > OWN_FRAMES || own == count) own = 0;
  size_t const rest = count - own;
  return oh_stacks_of_code(javascript, addresses + own, rest < frames ? rest : frames);
}

static void write_down(oh_traced_t *traced, void const *block, size_t size, size_t align,
                       double weight, void const *caller) {
  oh_record_t const record = {
      .ptr = block,
      .size = size,
      .align = align,
      .heap = traced->heap,
      .stack = stack_at(traced, caller),
      .weight = weight,
  };
  (void)oh_ledger_add(traced->ledger, &record);
}

/* ---- Through the C door ---------------------------------------------------------------------- */

#ifdef _MSC_VER
#include <intrin.h>
#define CALLER() _ReturnAddress()
#else
#define CALLER() __builtin_return_address(0)
#endif

static void *traced_alloc(void *self, size_t size, size_t align) {
  oh_traced_t *const traced = (oh_traced_t *)self;
  oh_valloc_t const inner = traced->inner;
  void *const block = oh_is_null(inner) ? NULL : inner.vt->alloc(inner.self, size, align);
  double const weight = block == NULL ? 0 : weight_of(traced, size);
  if (weight != 0) write_down(traced, block, size, align, weight, CALLER());
  return block;
}

/* Takes the record of a block off its address; 0: it has none. */
static uint32_t lift(oh_traced_t *traced, void const *ptr) {
  if (!oh_ledger_may_have(traced->ledger, ptr)) return 0;
  return oh_ledger_lift(traced->ledger, traced->heap, ptr);
}

/* A block has another size now. While there are samples each size is one or not, independently: a
   small block that is one stands for many, and would stand for as many large ones. */
static void write_size(oh_traced_t *traced, uint32_t record, void const *block, size_t size,
                       size_t align, void const *caller) {
  if (atomic_load_explicit(&traced->mode, memory_order_relaxed) != OH_TRACED_SAMPLED) {
    if (record != 0) oh_ledger_put(traced->ledger, record, block, size);
    return;
  }
  if (record != 0) oh_ledger_strike(traced->ledger, record);
  double const weight = weight_of(traced, size);
  if (weight != 0) write_down(traced, block, size, align, weight, caller);
}

static bool traced_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_traced_t *const traced = (oh_traced_t *)self;
  oh_valloc_t const inner = traced->inner;
  if (oh_is_null(inner) || inner.vt->resize == NULL) return false;
  bool const done = inner.vt->resize(inner.self, ptr, size, align, new_size);
  uint32_t const record = done ? lift(traced, ptr) : 0;
  if (done) write_size(traced, record, ptr, new_size, align, CALLER());
  return done;
}

/* Where it cannot be moved, the record goes back with the size that it had. */
static void *traced_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_traced_t *const traced = (oh_traced_t *)self;
  oh_valloc_t const inner = traced->inner;
  if (oh_is_null(inner) || inner.vt->remap == NULL) return NULL;
  uint32_t const record = lift(traced, ptr);
  void *const moved = inner.vt->remap(inner.self, ptr, size, align, new_size);
  if (record != 0 && moved == NULL) oh_ledger_put_back(traced->ledger, record, ptr);
  if (moved != NULL) write_size(traced, record, moved, new_size, align, CALLER());
  return moved;
}

static bool knows_all(oh_traced_t *traced) {
  return atomic_load_explicit(&traced->mode, memory_order_relaxed) == OH_TRACED_EXACT &&
         !atomic_load_explicit(&traced->missed, memory_order_relaxed);
}

/* What is not in the ledger was freed already, or is no block, or was not looked at. */
static void traced_free(void *self, void *ptr, size_t size, size_t align) {
  oh_traced_t *const traced = (oh_traced_t *)self;
  oh_valloc_t const inner = traced->inner;
  if (oh_is_null(inner) || inner.vt->free == NULL) return;
  bool const known = oh_ledger_may_have(traced->ledger, ptr) &&
                     oh_ledger_remove(traced->ledger, traced->heap, ptr);
  if (!known && knows_all(traced)) oh_ledger_unknown(traced->ledger);
  inner.vt->free(inner.self, ptr, size, align);
}

static size_t traced_usable_size(void *self, void const *ptr) {
  return oh_usable_size(((oh_traced_t *)self)->inner, ptr);
}

oh_vtable_t const oh_traced_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), traced_alloc,       traced_resize,
    traced_remap,   traced_free,         traced_usable_size,
};

oh_vtable_t const oh_traced_vtable_without_sizes = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), traced_alloc, traced_resize, traced_remap, traced_free, NULL,
};
