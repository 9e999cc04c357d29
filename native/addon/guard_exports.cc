// guard_exports.cc: blocks on guarded pages, for lib/native/guard.ts.

#include "env_state.h"

extern "C" {
#include "guard.h"
}

namespace offheap {

static int64_t IntegerAt(Napi::CallbackInfo const &info, size_t i) {
  return info[i].As<Napi::Number>().Int64Value();
}

static void *PointerAt(Napi::CallbackInfo const &info, size_t i) {
  return reinterpret_cast<void *>(static_cast<intptr_t>(IntegerAt(info, i)));
}

static oh_guard_text_t const *TextAt(Napi::CallbackInfo const &info, size_t i) {
  return static_cast<oh_guard_text_t const *>(PointerAt(info, i));
}

static Napi::Value Address(Napi::CallbackInfo const &info, void const *ptr) {
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(ptr)));
}

// (text) -> its address, or 0
static Napi::Value Text(Napi::CallbackInfo const &info) {
  std::string text = info[0].As<Napi::String>().Utf8Value();
  return Address(info, oh_guard_text(text.data(), text.size()));
}

// (size, align, fresh, owner, where) -> address, or 0
static Napi::Value Alloc(Napi::CallbackInfo const &info) {
  size_t size = static_cast<size_t>(IntegerAt(info, 0));
  size_t align = static_cast<size_t>(IntegerAt(info, 1));
  unsigned char fresh = static_cast<unsigned char>(IntegerAt(info, 2));
  return Address(info, oh_guard_alloc(size, align, fresh, TextAt(info, 3), TextAt(info, 4)));
}

// (ptr, where) -> was it a live block?
static Napi::Value Free(Napi::CallbackInfo const &info) {
  return Napi::Boolean::New(info.Env(), oh_guard_free(PointerAt(info, 0), TextAt(info, 1)));
}

// (ptr) -> was it a freed block?
static Napi::Value Release(Napi::CallbackInfo const &info) {
  return Napi::Boolean::New(info.Env(), oh_guard_release(PointerAt(info, 0)));
}

// (ptr) -> {offset, length, found} of what was overwritten, or null
static Napi::Value Check(Napi::CallbackInfo const &info) {
  oh_guard_damage_t damage;
  if (!oh_guard_check(PointerAt(info, 0), &damage)) return info.Env().Null();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("offset", static_cast<double>(damage.offset));
  result.Set("length", static_cast<double>(damage.length));
  result.Set("found", damage.found);
  return result;
}

static Napi::Value Live(Napi::CallbackInfo const &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(oh_guard_live()));
}

void ExportGuard(Napi::Env env, Napi::Object exports) {
  Napi::Object guard = Napi::Object::New(env);
  guard.Set("supported", oh_guard_supported());
  guard.Set("text", Napi::Function::New<Text>(env, "text"));
  guard.Set("alloc", Napi::Function::New<Alloc>(env, "alloc"));
  guard.Set("free", Napi::Function::New<Free>(env, "free"));
  guard.Set("release", Napi::Function::New<Release>(env, "release"));
  guard.Set("check", Napi::Function::New<Check>(env, "check"));
  guard.Set("live", Napi::Function::New<Live>(env, "live"));
  exports.Set("guard", guard);
}

}  // namespace offheap
