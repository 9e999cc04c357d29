// env_state.cc: the table of spans by id. An id is a slot and the slot's generation.

#include "env_state.h"

namespace offheap {

static constexpr double kSlots = 1 << 24;

double EnvState::AddSpan(Span *span) {
  uint32_t index;
  if (free_slots_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.push_back({nullptr, 1});
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[index].span = span;
  return slots_[index].generation * kSlots + index;
}

Span *EnvState::FindSpan(double id) const {
  double generation = static_cast<double>(static_cast<uint32_t>(id / kSlots));
  double index = id - generation * kSlots;
  if (!(index >= 0) || index >= static_cast<double>(slots_.size())) return nullptr;
  Slot const &slot = slots_[static_cast<size_t>(index)];
  return slot.generation == static_cast<uint32_t>(generation) ? slot.span : nullptr;
}

void EnvState::RemoveSpan(double id) {
  if (FindSpan(id) == nullptr) return;
  uint32_t index = static_cast<uint32_t>(id - static_cast<uint32_t>(id / kSlots) * kSlots);
  slots_[index].span = nullptr;
  slots_[index].generation++;
  free_slots_.push_back(index);
}

EnvState *StateOf(Napi::CallbackInfo const &info) {
  return info.Env().GetInstanceData<EnvState>();
}

}  // namespace offheap
