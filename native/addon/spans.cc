// spans.cc: native blocks shown to JavaScript as external ArrayBuffers, and when they are freed.
//
// A block is freed exactly once, by whichever of these comes first:
//   release(id)    JS has detached the buffer and is done: freed at once.
//   the finalizer  the buffer was collected, or its thread ended: freed then, if the span owns it.
// The finalizer always runs, once, a tick or more after the first; the Span struct goes with it.
//
// What makes this hard is that others can take the buffer away. ArrayBuffer.prototype.transfer()
// moves the memory, at the same address, into a new ArrayBuffer, which may be posted to another
// thread. Then dispose must leave the memory alone (lib/native/shown.ts looks whether the buffer was
// detached by somebody else), and the finalizer frees it when the new owner is collected. But when
// the creating thread ends first, its finalizer runs although another thread may hold the memory. At
// that moment the span frees only what nobody can hold: a buffer that is there and not detached.
// Anything else is abandoned and counted: a leak is better than a use after free. Where the runtime
// has no transfer (Node 20), and a transfer list copies, nobody can take a buffer away.

#include <new>

#include "env_state.h"

extern "C" {
#include "libc.h"
#include "pages.h"
}

namespace offheap {

enum class Heap : uint8_t { kLibc = 0, kPages = 1, kBorrowed = 2 };

struct Span {
  EnvState *state;
  void *ptr;
  size_t size;
  napi_ref buffer;  // weak, to the buffer that shows the block now
  double id;
  uint32_t pins;
  Heap heap;
  bool owned;      // freed by the finalizer; otherwise the block lives on
  bool released;   // by JS: nothing is left to free
  bool creating;   // Node 20 runs the finalizer of a buffer that it then refuses to make
  bool finalized;
};

static bool MarkShown(Heap heap, void *ptr) {
  if (heap == Heap::kLibc) return oh_libc_show(ptr);
  if (heap == Heap::kPages) return oh_pages_show(ptr);
  return true;
}

static void Unshow(Span const *span) {
  if (span->heap == Heap::kLibc) oh_libc_unshow(span->ptr);
  if (span->heap == Heap::kPages) oh_pages_unshow(span->ptr);
}

static void FreeBlock(Span const *span) {
  if (span->heap == Heap::kLibc) oh_libc_free_shown(span->ptr);
  if (span->heap == Heap::kPages) oh_pages_free_shown(span->ptr);
}

static void DropReference(napi_env env, Span *span) {
  if (span->buffer != nullptr) napi_delete_reference(env, span->buffer);
  span->buffer = nullptr;
}

// False while the environment is being torn down: Node-API then refuses every call that could run JS.
static bool CanRunJs(napi_env env) {
  napi_value undefined = nullptr, result = nullptr;
  return napi_get_undefined(env, &undefined) == napi_ok &&
         napi_coerce_to_bool(env, undefined, &result) == napi_ok;
}

static bool HasBuffer(napi_env env, Span const *span) {
  napi_value buffer = nullptr;
  bool detached = true;
  if (span->buffer == nullptr) return false;
  if (napi_get_reference_value(env, span->buffer, &buffer) != napi_ok || buffer == nullptr)
    return false;
  return napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && !detached;
}

// Can nobody, in any thread, still reach the block? See the head of this file.
static bool IsUnreachable(napi_env env, Span const *span) {
  if (span->pins > 0) return false;
  return !span->state->movable || CanRunJs(env) || HasBuffer(env, span);
}

static void Finalize(napi_env env, void *, void *hint) {
  Span *span = static_cast<Span *>(hint);
  span->finalized = true;
  if (span->creating) return;
  EnvState *state = span->state;
  if (!span->released) {
    if (!IsUnreachable(env, span))
      state->abandoned++;
    else if (span->owned)
      FreeBlock(span);
    else
      Unshow(span);
    state->RemoveSpan(span->id);
  }
  DropReference(env, span);
  delete span;
  state->Release();
}

// (heap, ptr, size, owned) -> ArrayBuffer, kResult: id; null: not a live block, or shown already;
// undefined: the runtime makes no external buffer of this size, or none at all.
static Napi::Value Show(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  EnvState *state = StateOf(info);
  Heap heap = static_cast<Heap>(info[0].As<Napi::Number>().Int32Value());
  uintptr_t address = static_cast<uintptr_t>(info[1].As<Napi::Number>().DoubleValue());
  size_t size = static_cast<size_t>(info[2].As<Napi::Number>().DoubleValue());
  void *ptr = reinterpret_cast<void *>(address);
  if (!MarkShown(heap, ptr)) return env.Null();

  Span *span = new Span{state, ptr, size, nullptr, 0, 0, heap, info[3].As<Napi::Boolean>(),
                        false, true, false};
  napi_value buffer = nullptr;
  napi_status status = napi_create_external_arraybuffer(env, ptr, size, Finalize, span, &buffer);
  span->creating = false;
  if (status != napi_ok) {
    if (env.IsExceptionPending()) env.GetAndClearPendingException();
    Unshow(span);
    // If its finalizer is still to come, it must find a span with nothing to free.
    span->released = true;
    if (span->finalized) delete span;
    else state->Retain();
    return env.Undefined();
  }
  state->Retain();
  span->id = state->AddSpan(span);
  state->box[kResult] = span->id;
  return Napi::Value(env, buffer);
}

static Span *SpanAt(Napi::CallbackInfo const &info, size_t i) {
  return StateOf(info)->FindSpan(info[i].As<Napi::Number>().DoubleValue());
}

// (id, buffer): the buffer that shows the span from now on
static void SetBuffer(Napi::CallbackInfo const &info) {
  Span *span = SpanAt(info, 0);
  if (span == nullptr) return;
  DropReference(info.Env(), span);
  napi_create_reference(info.Env(), info[1], 0, &span->buffer);
}

// (id) -> false when there is nothing to free any more. The buffer has been detached by the caller.
static Napi::Value Release(Napi::CallbackInfo const &info) {
  Span *span = SpanAt(info, 0);
  if (span == nullptr) return Napi::Boolean::New(info.Env(), false);
  FreeBlock(span);
  span->released = true;
  span->state->RemoveSpan(span->id);
  DropReference(info.Env(), span);
  return Napi::Boolean::New(info.Env(), true);
}

// (id): JS is done, but somebody else holds the buffer: the finalizer frees the block.
static void Abandon(Napi::CallbackInfo const &info) {
  Span *span = SpanAt(info, 0);
  if (span != nullptr) span->owned = true;
}

// (id, pins)
static void SetPins(Napi::CallbackInfo const &info) {
  Span *span = SpanAt(info, 0);
  if (span != nullptr) span->pins = info[1].As<Napi::Number>().Uint32Value();
}

// (buffer) -> detached? For runtimes without ArrayBuffer.prototype.transfer.
static Napi::Value Detach(Napi::CallbackInfo const &info) {
  napi_status status = napi_detach_arraybuffer(info.Env(), info[0]);
  return Napi::Boolean::New(info.Env(), status == napi_ok);
}

// (ptr, size) -> the buffer whose span holds them, kResult: the address of its first byte
static Napi::Value Find(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  uintptr_t start = static_cast<uintptr_t>(info[0].As<Napi::Number>().DoubleValue());
  size_t size = static_cast<size_t>(info[1].As<Napi::Number>().DoubleValue());
  Span *found = nullptr;
  StateOf(info)->EachSpan([&](Span *span) {
    uintptr_t base = reinterpret_cast<uintptr_t>(span->ptr);
    if (start >= base && size <= span->size && start - base <= span->size - size) found = span;
  });
  if (found == nullptr || !HasBuffer(env, found)) return env.Undefined();
  napi_value buffer = nullptr;
  napi_get_reference_value(env, found->buffer, &buffer);
  StateOf(info)->set_pointer(kResult, found->ptr);
  return Napi::Value(env, buffer);
}

// (Uint8Array) -> address of its first byte
static Napi::Value AddressOf(Napi::CallbackInfo const &info) {
  void *data = info[0].As<Napi::Uint8Array>().Data();
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(data)));
}

// () -> {shown, abandoned}
static Napi::Value Counters(Napi::CallbackInfo const &info) {
  EnvState *state = StateOf(info);
  double shown = 0;
  state->EachSpan([&](Span *) { shown++; });
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("shown", shown);
  result.Set("abandoned", static_cast<double>(state->abandoned));
  return result;
}

void ExportSpans(Napi::Env env, Napi::Object exports) {
  exports.Set("show", Napi::Function::New<Show>(env, "show"));
  exports.Set("setBuffer", Napi::Function::New<SetBuffer>(env, "setBuffer"));
  exports.Set("release", Napi::Function::New<Release>(env, "release"));
  exports.Set("abandon", Napi::Function::New<Abandon>(env, "abandon"));
  exports.Set("setPins", Napi::Function::New<SetPins>(env, "setPins"));
  exports.Set("detach", Napi::Function::New<Detach>(env, "detach"));
  exports.Set("find", Napi::Function::New<Find>(env, "find"));
  exports.Set("addressOf", Napi::Function::New<AddressOf>(env, "addressOf"));
  exports.Set("counters", Napi::Function::New<Counters>(env, "counters"));
}

}  // namespace offheap
