// addon.cc: what the addon exports to lib/native/binding.ts, made once for each environment.

#include "env_state.h"
#include "sentinels.h"

extern "C" {
#include "os.h"
}

namespace offheap {

// Raised with every change of the exports; lib/native/binding.ts expects the same.
static constexpr double kAbi = 4;

// (box, movable): the memory that hot calls pass their arguments through, and whether buffers can be
// moved away from a span here (ArrayBuffer.prototype.transfer). Returns the box that is used: the
// first one, whichever copy of the library brought it.
static Napi::Value SetUp(Napi::CallbackInfo const &info) {
  EnvState *state = StateOf(info);
  if (state->box == nullptr) {
    state->SetBox(info[0].As<Napi::Float64Array>());
    if (info[1].As<Napi::Boolean>()) SetMovable();
  }
  return state->BoxArray();
}

static void Drop(Napi::Env env, EnvState *state) {
  ForgetSentinels(env);
  EndGc(state);
  delete state;
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // The table of live blocks must not go with the last worker that used the library: its blocks live
  // on, and the main thread may free them.
  os_keep_loaded(reinterpret_cast<void const *>(&Drop));
  EnvState *state = new EnvState();
  env.SetInstanceData<EnvState, Drop>(state);
  exports.Set("abi", kAbi);
  exports.Set("init", Napi::Function::New<SetUp>(env, "init"));
  ExportBridges(env, exports);
  ExportDoors(env, exports);
  ExportHeaps(env, exports, state);
  ExportDynamic(env, exports);
  ExportGc(env, exports, state);
  ExportLedgers(env, exports, state);
  ExportGuard(env, exports);
  ExportPages(env, exports);
  ExportSharedHeaps(env, exports, state);
  ExportSpans(env, exports);
  return exports;
}

NODE_API_MODULE(offheap, Init)

}  // namespace offheap
