// bridges.cc: an allocator's door, bridged to what a C library wants to be given.
//
// While a bridge is open its struct stays where it is, and so does one that nobody closed: C may still
// go through it. When its thread ends it has no memory any more.

#include <climits>

#include "env_state.h"

extern "C" {
#include "hooks.h"
}

namespace offheap {

namespace {

struct Held {
  oh_hooks_t hooks;  // first: the address of a Held is that of the library's struct
  oh_bridge_t *bridge = nullptr;
  napi_env env = nullptr;
  bool open = true;
};

void Shut(void *data) {
  Held *held = static_cast<Held *>(data);
  held->open = false;
  oh_slots_release(held->bridge);
  oh_bridge_close(held->bridge);
}

void Delete(Held *held) {
  oh_bridge_delete(held->bridge);
  delete held;
}

void Finalize(napi_env, void *data, void *) {
  Held *held = static_cast<Held *>(data);
  if (!held->open) Delete(held);
}

oh_valloc_t VallocAt(Napi::Value address) {
  double const ptr = address.As<Napi::Number>().DoubleValue();
  return *reinterpret_cast<oh_valloc_t const *>(static_cast<uintptr_t>(ptr));
}

// (library, address of an oh_valloc_t) -> External, or null when every slot is taken. kPtr: the address of
// the library's struct.
Napi::Value OpenBridge(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  auto library = static_cast<oh_library_t>(info[0].As<Napi::Number>().Int32Value());
  Held *held = new Held();
  held->env = env;
  held->bridge = oh_bridge_open(VallocAt(info[1]));
  if (held->bridge == nullptr || !oh_hooks_fill(&held->hooks, library, held->bridge)) {
    Delete(held);
    return env.Null();
  }
  napi_value external = nullptr;
  if (napi_create_external(env, held, Finalize, nullptr, &external) != napi_ok) {
    Shut(held);
    Delete(held);
    throw Napi::Error::New(env);
  }
  napi_add_env_cleanup_hook(env, Shut, held);
  StateOf(info)->set_pointer(kPtr, held);
  return Napi::Value(env, external);
}

Held *HeldOf(Napi::CallbackInfo const &info) {
  return info[0].As<Napi::External<Held>>().Data();
}

// (External)
void CloseBridge(Napi::CallbackInfo const &info) {
  Held *held = HeldOf(info);
  if (!held->open) return;
  napi_remove_env_cleanup_hook(held->env, Shut, held);
  Shut(held);
}

// (External)
void ForgetBridge(Napi::CallbackInfo const &info) {
  oh_bridge_forget(HeldOf(info)->bridge);
}

// (External) The counts, in the order of oh_bridge_stats_t, from the first slot of the box on.
void ReadBridge(Napi::CallbackInfo const &info) {
  oh_bridge_stats_t stats;
  oh_bridge_read(HeldOf(info)->bridge, &stats);
  uint64_t const counts[] = {stats.blocks,      stats.bytes,    stats.peak_bytes,
                             stats.allocations, stats.failures, stats.refused};
  double *box = StateOf(info)->box;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    box[i] = static_cast<double>(counts[i]);
  }
}

void const *AddressOf(Napi::Value value) {
  double const ptr = value.As<Napi::Number>().DoubleValue();
  return reinterpret_cast<void const *>(static_cast<uintptr_t>(ptr));
}

// (address, Uint8Array): copies as many bytes from the address into the array.
void ReadMemory(Napi::CallbackInfo const &info) {
  Napi::Uint8Array into = info[1].As<Napi::Uint8Array>();
  if (into.ByteLength() > 0) memcpy(into.Data(), AddressOf(info[0]), into.ByteLength());
}

// (address, limit) -> bytes before the first 0, at most limit
Napi::Value StringLength(Napi::CallbackInfo const &info) {
  char const *const text = static_cast<char const *>(AddressOf(info[0]));
  double const limit = info[1].As<Napi::Number>().DoubleValue();
  void const *const end = memchr(text, 0, static_cast<size_t>(limit));
  double const length = end == nullptr ? limit : static_cast<char const *>(end) - text;
  return Napi::Number::New(info.Env(), length);
}

}  // namespace

void ExportBridges(Napi::Env env, Napi::Object exports) {
  exports.Set("longSize", static_cast<double>(sizeof(long)));
  exports.Set("openBridge", Napi::Function::New<OpenBridge>(env, "openBridge"));
  exports.Set("closeBridge", Napi::Function::New<CloseBridge>(env, "closeBridge"));
  exports.Set("forgetBridge", Napi::Function::New<ForgetBridge>(env, "forgetBridge"));
  exports.Set("readBridge", Napi::Function::New<ReadBridge>(env, "readBridge"));
  exports.Set("readMemory", Napi::Function::New<ReadMemory>(env, "readMemory"));
  exports.Set("stringLength", Napi::Function::New<StringLength>(env, "stringLength"));
}

}  // namespace offheap
