// span_table.cc: see span_table.h.

#include "span_table.h"

namespace offheap {

static constexpr unsigned kIndexBits = 24;
static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;

SpanTable &Spans() {
  static SpanTable *table = new SpanTable();
  return *table;
}

SpanTable::Slot *SpanTable::At(SpanId id) {
  size_t index = id & kIndexMask;
  if (index >= slots_.size()) return nullptr;
  Slot &slot = slots_[index];
  return slot.used && slot.generation == id >> kIndexBits ? &slot : nullptr;
}

SpanId SpanTable::Add(Span const &span) {
  std::lock_guard<std::mutex> hold(lock_);
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.push_back({});
  }
  uint32_t index = free_.back();
  free_.pop_back();
  Slot &slot = slots_[index];
  // 28 bits, so that an id stays below 2^53; never 0, so that no id is.
  slot.generation = (slot.generation + 1) & 0xfffffff;
  slot.generation += slot.generation == 0;
  slot.span = span;
  slot.used = true;
  return static_cast<SpanId>(slot.generation) << kIndexBits | index;
}

bool SpanTable::Get(SpanId id, Span *span) {
  return Update(id, [&](Span const &found) { *span = found; });
}

bool SpanTable::Take(SpanId id, Span *span) {
  std::lock_guard<std::mutex> hold(lock_);
  Slot *slot = At(id);
  if (slot == nullptr) return false;
  *span = slot->span;
  slot->used = false;
  free_.push_back(static_cast<uint32_t>(id & kIndexMask));
  return true;
}

bool SpanTable::FindAround(napi_env env, uintptr_t start, size_t size, Span *span) {
  std::lock_guard<std::mutex> hold(lock_);
  for (Slot const &slot : slots_) {
    uintptr_t base = reinterpret_cast<uintptr_t>(slot.span.ptr);
    if (!slot.used || slot.span.env != env || start < base) continue;
    if (size > slot.span.size || start - base > slot.span.size - size) continue;
    *span = slot.span;
    return true;
  }
  return false;
}

size_t SpanTable::Count(napi_env env) {
  std::lock_guard<std::mutex> hold(lock_);
  size_t count = 0;
  for (Slot const &slot : slots_) count += slot.used && slot.span.env == env;
  return count;
}

}  // namespace offheap
