// env_state.h: what the addon keeps for one JavaScript environment (the main thread or a worker).

#ifndef OH_ENV_STATE_H
#define OH_ENV_STATE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <napi.h>

extern "C" {
#include "dynamic.h"
}

namespace offheap {

// Slots of the box, as in lib/native/binding.ts.
enum BoxSlot { kPtr, kSize, kAlign, kNewSize, kStatus, kResult, kOperation, kSelf, kBoxLength = 8 };

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

  // Keeps something until the environment ends.
  void Keep(std::shared_ptr<void> thing) { kept_.push_back(std::move(thing)); }

 private:
  Napi::ObjectReference box_reference_;
  std::vector<std::shared_ptr<void>> kept_;
};

// The state of the environment that calls.
inline EnvState *StateOf(Napi::CallbackInfo const &info) {
  return info.Env().GetInstanceData<EnvState>();
}

void ExportBridges(Napi::Env env, Napi::Object exports);
void ExportDoors(Napi::Env env, Napi::Object exports);
void ExportHeaps(Napi::Env env, Napi::Object exports, EnvState *state);
// The functions of one dynamic heap.
Napi::Object ExportDynamicHeap(Napi::Env env, EnvState *state, oh_dynamic_t *heap);
void ExportDynamic(Napi::Env env, Napi::Object exports);
// The collected heap; at the end of an environment its handles are gone.
void ExportGc(Napi::Env env, Napi::Object exports, EnvState *state);
void EndGc(EnvState *state);
// Ledgers of live blocks, and stacks.
void ExportLedgers(Napi::Env env, Napi::Object exports, EnvState *state);
// Blocks on guarded pages.
void ExportGuard(Napi::Env env, Napi::Object exports);
void ExportPages(Napi::Env env, Napi::Object exports);
void ExportSharedHeaps(Napi::Env env, Napi::Object exports, EnvState *state);
void ExportSpans(Napi::Env env, Napi::Object exports);
// This runtime can move the memory of an ArrayBuffer into another (ArrayBuffer.prototype.transfer).
void SetMovable();

}  // namespace offheap

#endif
