// span_table.h: the native blocks that are shown to JavaScript, by id.
//
// One table for the process, behind a lock: cleanup at the end of an environment comes in no fixed
// order, so what a finalizer needs must not belong to the environment. A finalizer is given an id
// and not a pointer; when its span has been released it finds nothing, and nothing is kept for it.
// An id is a slot and the slot's generation, so a stale one never finds a later span. Ids are exact
// in a double and fit a pointer.

#ifndef OH_SPAN_TABLE_H
#define OH_SPAN_TABLE_H

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <node_api.h>

#include "shown_heaps.h"

namespace offheap {

struct Span {
  void *ptr;
  size_t size;
  napi_env env;     // where it is shown
  napi_ref buffer;  // weak, to the buffer that shows it now
  uint64_t age;     // among the buffers of its environment; 0: not kept
  uint32_t pins;
  Heap heap;
  bool owned;     // freed by the finalizer; otherwise the block lives on
  bool creating;  // its buffer is not there yet
};

using SpanId = uint64_t;

class SpanTable {
 public:
  SpanId Add(Span const &span);
  // false: no such span (any more). Otherwise *span is a copy of it.
  bool Get(SpanId id, Span *span);
  // The same, and takes it out.
  bool Take(SpanId id, Span *span);

  // Calls change(Span &) under the lock; false as above.
  template <typename Change>
  bool Update(SpanId id, Change change) {
    std::lock_guard<std::mutex> hold(lock_);
    Slot *slot = At(id);
    if (slot == nullptr) return false;
    change(slot->span);
    return true;
  }

  // The span of an environment that holds [start, start + size). O(spans).
  bool FindAround(napi_env env, uintptr_t start, size_t size, Span *span);
  size_t Count(napi_env env);

 private:
  struct Slot {
    Span span;
    uint32_t generation;
    bool used;
  };

  Slot *At(SpanId id);

  std::mutex lock_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

// Never destroyed: finalizers may come when static objects have gone.
SpanTable &Spans();

}  // namespace offheap

#endif
