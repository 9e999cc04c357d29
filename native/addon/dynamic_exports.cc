// dynamic_exports.cc: heaps in shared libraries: opening one, and what is not on a hot path.

#include "env_state.h"

namespace offheap {

static constexpr size_t kLongestWhy = 512;

static oh_dynamic_t *HeapAt(Napi::CallbackInfo const &info, size_t i) {
  return oh_dynamic_at(info[i].As<Napi::Number>().Uint32Value());
}

// (library, prefix) -> the number of the heap, or a text: why there is none
static Napi::Value OpenDynamic(Napi::CallbackInfo const &info) {
  std::string library = info[0].As<Napi::String>().Utf8Value();
  std::string prefix = info[1].As<Napi::String>().Utf8Value();
  char why[kLongestWhy] = "";
  oh_dynamic_t *heap = oh_dynamic_open(library.c_str(), prefix.c_str(), why, sizeof why);
  if (heap == nullptr) return Napi::String::New(info.Env(), why);
  return Napi::Number::New(info.Env(), oh_dynamic_number(heap));
}

// (number) -> the functions of the heap, for this environment
static Napi::Value Functions(Napi::CallbackInfo const &info) {
  return ExportDynamicHeap(info.Env(), StateOf(info), HeapAt(info, 0));
}

// (number) -> was it asked, and did it not say that there was nothing?
static Napi::Value Trim(Napi::CallbackInfo const &info) {
  return Napi::Boolean::New(info.Env(), oh_dynamic_trim(HeapAt(info, 0)));
}

// (number) -> kPtr: self, kResult: the table, as in an oh_valloc_t
static void Door(Napi::CallbackInfo const &info) {
  EnvState *state = StateOf(info);
  state->set_pointer(kPtr, HeapAt(info, 0));
  state->set_pointer(kResult, const_cast<oh_vtable_t *>(&oh_dynamic_vtable));
}

void ExportDynamic(Napi::Env env, Napi::Object exports) {
  exports.Set("openDynamic", Napi::Function::New<OpenDynamic>(env, "openDynamic"));
  exports.Set("dynamicHeap", Napi::Function::New<Functions>(env, "dynamicHeap"));
  exports.Set("trimDynamic", Napi::Function::New<Trim>(env, "trimDynamic"));
  exports.Set("dynamicDoor", Napi::Function::New<Door>(env, "dynamicDoor"));
}

}  // namespace offheap
