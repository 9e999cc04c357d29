// heap_calls.h: the raw operations of a native heap as functions of JavaScript, called millions of
// times a second.
//
// Raw Node-API: a call that takes and returns nothing costs 8 to 10 ns, each number converted 3 to
// 5 more. Arguments and results therefore pass through the box, which JS sees as a Float64Array.

#ifndef OH_HEAP_CALLS_H
#define OH_HEAP_CALLS_H

#include "env_state.h"

extern "C" {
#include "status.h"
}

namespace offheap {

inline void *CallbackData(napi_env env, napi_callback_info info) {
  void *data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  return data;
}

// Where the data of a function is the state of its environment.
inline EnvState *CallbackState(napi_env env, napi_callback_info info) {
  return static_cast<EnvState *>(CallbackData(env, info));
}

// Context::Of(env, info) gives what a function works with: its `heap`, and the `state` of the
// environment.
template <typename Context>
struct Calls {
  static napi_value Alloc(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    s->set_pointer(kResult, at.heap.Alloc(s->bytes(kSize), s->bytes(kAlign)));
    return nullptr;
  }

  // undefined when the block is freed; null when it is refused, and why is in kStatus.
  static napi_value Free(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    oh_status_t status = at.heap.Free(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign));
    if (status == OH_OK) return nullptr;
    s->box[kStatus] = status;
    napi_value refused = nullptr;
    napi_get_null(env, &refused);
    return refused;
  }

  static napi_value Resize(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    bool resized = false;
    s->box[kStatus] = at.heap.Resize(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign),
                                   s->bytes(kNewSize), &resized);
    s->box[kResult] = resized;
    return nullptr;
  }

  static napi_value Remap(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    void *moved = nullptr;
    s->box[kStatus] = at.heap.Remap(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign),
                                  s->bytes(kNewSize), &moved);
    s->set_pointer(kResult, moved);
    return nullptr;
  }

  static napi_value UsableSize(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    s->box[kResult] = static_cast<double>(at.heap.UsableSize(s->pointer(kPtr)));
    return nullptr;
  }

  static napi_value Owns(napi_env env, napi_callback_info info) {
    Context const at = Context::Of(env, info);
    EnvState *s = at.state;
    s->box[kResult] = at.heap.Owns(s->pointer(kPtr));
    return nullptr;
  }
};

// A function of raw Node-API; data is what CallbackData finds.
inline void SetCall(Napi::Object target, char const *name, napi_callback call, void *data) {
  Napi::Env env = target.Env();
  napi_value function = nullptr;
  napi_status status =
      napi_create_function(env, name, NAPI_AUTO_LENGTH, call, data, &function);
  if (status != napi_ok) throw Napi::Error::New(env);
  target.Set(name, Napi::Value(env, function));
}

// An object with these functions; data is what Context::Of finds.
template <typename Context>
Napi::Object ExportCalls(Napi::Env env, void *data) {
  using Call = Calls<Context>;
  Napi::Object heap = Napi::Object::New(env);
  SetCall(heap, "alloc", Call::Alloc, data);
  SetCall(heap, "free", Call::Free, data);
  SetCall(heap, "resize", Call::Resize, data);
  SetCall(heap, "remap", Call::Remap, data);
  SetCall(heap, "usableSize", Call::UsableSize, data);
  SetCall(heap, "owns", Call::Owns, data);
  return heap;
}

}  // namespace offheap

#endif
