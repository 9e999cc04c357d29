// env_state.h: what the addon keeps for one JavaScript environment (the main thread or a worker).
//
// Cleanup at the end of an environment comes in no fixed order: the instance data may be dropped
// before or after the finalizers of buffers that still live. So the state counts who refers to it,
// the environment and each span, and goes with the last.

#ifndef OH_ENV_STATE_H
#define OH_ENV_STATE_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include <napi.h>

namespace offheap {

struct Span;

// Slots of the box, as in lib/native/binding.ts.
enum BoxSlot { kPtr, kSize, kAlign, kNewSize, kStatus, kResult, kBoxLength = 8 };

class EnvState {
 public:
  // Arguments and results of the hot calls. Memory of V8's, kept alive by box_reference_.
  double *box = nullptr;

  void SetBox(Napi::Float64Array array) {
    box = array.Data();
    box_reference_ = Napi::Persistent(static_cast<Napi::Object>(array));
    box_reference_.SuppressDestruct();
  }
  Napi::Value BoxArray() const { return box_reference_.Value(); }

  // Through int64_t, one instruction: JS writes nothing that is not an integer below 2^53.
  void *pointer(BoxSlot slot) const {
    return reinterpret_cast<void *>(static_cast<intptr_t>(box[slot]));
  }
  size_t bytes(BoxSlot slot) const {
    return static_cast<size_t>(static_cast<int64_t>(box[slot]));
  }
  void set_pointer(BoxSlot slot, void *ptr) {
    box[slot] = static_cast<double>(reinterpret_cast<uintptr_t>(ptr));
  }

  // A span gets an id that no later span of this environment shares, so that a stale one finds
  // nothing. Ids are exact in a double.
  double AddSpan(Span *span);
  Span *FindSpan(double id) const;
  void RemoveSpan(double id);

  template <typename Visit>
  void EachSpan(Visit visit) const {
    for (Slot const &slot : slots_)
      if (slot.span != nullptr) visit(slot.span);
  }

  void Retain() { references_++; }
  void Release() {
    if (--references_ == 0) delete this;
  }

  bool movable = true;   // can a buffer be taken from its span?
  size_t abandoned = 0;  // blocks whose memory was left alone for safety when the thread ended

 private:
  struct Slot {
    Span *span;
    uint32_t generation;
  };

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  Napi::ObjectReference box_reference_;
  size_t references_ = 1;
};

// The state of the environment that calls.
EnvState *StateOf(Napi::CallbackInfo const &info);

void ExportHeaps(Napi::Env env, Napi::Object exports, EnvState *state);
void ExportPages(Napi::Env env, Napi::Object exports);
void ExportSpans(Napi::Env env, Napi::Object exports);

}  // namespace offheap

#endif
