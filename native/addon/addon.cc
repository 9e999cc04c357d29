// addon.cc: what the addon exports to lib/native/binding.ts, made once for each environment.

#include "env_state.h"

namespace offheap {

// Raised with every change of the exports; lib/native/binding.ts expects the same.
static constexpr double kAbi = 1;

// (Float64Array): the box
static void SetBox(Napi::CallbackInfo const &info) {
  StateOf(info)->SetBox(info[0].As<Napi::Float64Array>());
}

static void Drop(Napi::Env, EnvState *state) {
  state->Release();
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  EnvState *state = new EnvState();
  env.SetInstanceData<EnvState, Drop>(state);
  exports.Set("abi", kAbi);
  exports.Set("init", Napi::Function::New<SetBox>(env, "init"));
  ExportHeaps(env, exports, state);
  ExportPages(env, exports);
  ExportSpans(env, exports);
  return exports;
}

NODE_API_MODULE(offheap, Init)

}  // namespace offheap
