// spans.cc: native blocks shown to JavaScript as external ArrayBuffers, and when they are freed.
//
// A block is freed exactly once, by whichever of these comes first:
//   release(id)    JS has detached the buffer and is done: freed at once.
//   the finalizer  the buffer was collected, or its thread ended: freed then, if the span owns it.
// Taking the span out of the table decides which. The finalizer always runs, a tick or more after a
// release, and then finds nothing.
//
// What makes this hard is that others can take the buffer away. ArrayBuffer.prototype.transfer()
// moves the memory, at the same address, into a new ArrayBuffer, which may be posted to another
// thread. Then dispose must leave the memory alone (lib/native/shown.ts looks whether the buffer was
// detached by somebody else), and the finalizer frees it when the new owner is collected. But when
// the creating thread ends first, its finalizer runs although another thread may hold the memory. At
// that moment the span frees only what nobody can hold: a buffer that is there and not detached, or
// one that was collected before (sentinels.h). Anything else is abandoned and counted: a leak is
// better than a use after free. Where the runtime has no transfer (Node 20), and a transfer list
// copies, nobody can take a buffer away.

#include <atomic>

#include "env_state.h"
#include "sentinels.h"
#include "shown_heaps.h"
#include "span_table.h"


namespace offheap {

// Asked for by finalizers, which may come when the state of their environment has gone.
static std::atomic<bool> movable{false};

void SetMovable() {
  movable = true;
}

// Blocks whose memory was left alone for safety when their thread ended.
static std::atomic<uint64_t> abandoned{0};

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
  return !movable || CanRunJs(env) || HasBuffer(env, span) || WasCollected(env, span->age);
}

static void DropReference(napi_env env, Span const *span) {
  if (span->buffer != nullptr) napi_delete_reference(env, span->buffer);
}

static void Finalize(napi_env env, void *, void *hint) {
  SpanId id = reinterpret_cast<uintptr_t>(hint);
  Span span;
  if (!Spans().Get(id, &span) || span.creating || !Spans().Take(id, &span)) return;
  if (!IsUnreachable(env, &span))
    abandoned++;
  else if (span.owned)
    FreeShown(span.heap, span.ptr);
  else
    Unshow(span.heap, span.ptr);
  DropReference(env, &span);
}

static SpanId IdAt(Napi::CallbackInfo const &info, size_t i) {
  return static_cast<SpanId>(info[i].As<Napi::Number>().Int64Value());
}

// (heap, ptr, size, owned) -> ArrayBuffer, kResult: id; null: not a live block, or shown already;
// undefined: the runtime makes no external buffer of this size, or none at all. size 0: the whole
// block, which nobody can free or shrink once it is marked as shown.
static Napi::Value Show(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  Span span = {};
  span.heap = static_cast<Heap>(info[0].As<Napi::Number>().Int32Value());
  span.ptr = reinterpret_cast<void *>(info[1].As<Napi::Number>().Int64Value());
  span.size = static_cast<size_t>(info[2].As<Napi::Number>().Int64Value());
  span.owned = info[3].As<Napi::Boolean>();
  span.env = env;
  span.creating = true;
  if (!MarkShown(span.heap, span.ptr)) return env.Null();
  if (span.size == 0) span.size = UsableSize(span.heap, span.ptr);

  if (movable) span.age = NextAge(env);
  SpanId id = Spans().Add(span);
  napi_value buffer = nullptr;
  napi_status status = napi_create_external_arraybuffer(
      env, span.ptr, span.size, Finalize, reinterpret_cast<void *>(static_cast<uintptr_t>(id)),
      &buffer);
  if (status != napi_ok) {
    // Node 20 has run the finalizer of a buffer that it then refuses to make.
    if (env.IsExceptionPending()) env.GetAndClearPendingException();
    if (Spans().Take(id, &span)) Unshow(span.heap, span.ptr);
    return env.Undefined();
  }
  Spans().Update(id, [](Span &made) { made.creating = false; });
  StateOf(info)->box[kResult] = static_cast<double>(id);
  return Napi::Value(env, buffer);
}

// (id, buffer): the buffer that shows the span from now on
static void SetBuffer(Napi::CallbackInfo const &info) {
  napi_env env = info.Env();
  napi_ref reference = nullptr;
  napi_create_reference(env, info[1], 0, &reference);
  Span old = {};
  bool found = Spans().Update(IdAt(info, 0), [&](Span &span) {
    old = span;
    span.buffer = reference;
  });
  if (!found) old.buffer = reference;
  DropReference(env, &old);
}

// (id) -> false when there is nothing to free any more. The buffer has been detached by the caller.
static Napi::Value Release(Napi::CallbackInfo const &info) {
  Span span;
  bool found = Spans().Take(IdAt(info, 0), &span);
  if (found) {
    FreeShown(span.heap, span.ptr);
    DropReference(info.Env(), &span);
  }
  return Napi::Boolean::New(info.Env(), found);
}

// (id) -> is it still shown, by whoever holds its buffer?
static Napi::Value IsShown(Napi::CallbackInfo const &info) {
  Span span;
  return Napi::Boolean::New(info.Env(), Spans().Get(IdAt(info, 0), &span));
}

// (id): JS is done, but somebody else holds the buffer: the finalizer frees the block.
static void Abandon(Napi::CallbackInfo const &info) {
  Spans().Update(IdAt(info, 0), [](Span &span) { span.owned = true; });
}

// (id, pins)
static void SetPins(Napi::CallbackInfo const &info) {
  uint32_t pins = info[1].As<Napi::Number>().Uint32Value();
  Spans().Update(IdAt(info, 0), [=](Span &span) { span.pins = pins; });
}

// (buffer) -> detached? For runtimes without ArrayBuffer.prototype.transfer.
static Napi::Value Detach(Napi::CallbackInfo const &info) {
  napi_status status = napi_detach_arraybuffer(info.Env(), info[0]);
  return Napi::Boolean::New(info.Env(), status == napi_ok);
}

// (ptr, size) -> the buffer whose span holds them, kResult: the address of its first byte
static Napi::Value Find(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  uintptr_t start = static_cast<uintptr_t>(info[0].As<Napi::Number>().Int64Value());
  size_t size = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  Span span;
  napi_value buffer = nullptr;
  if (!Spans().FindAround(env, start, size, &span) || !HasBuffer(env, &span))
    return env.Undefined();
  napi_get_reference_value(env, span.buffer, &buffer);
  StateOf(info)->set_pointer(kResult, span.ptr);
  return Napi::Value(env, buffer);
}

// (Uint8Array) -> address of its first byte
static Napi::Value AddressOf(Napi::CallbackInfo const &info) {
  void *data = info[0].As<Napi::Uint8Array>().Data();
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(data)));
}

// () -> {shown, abandoned}
static Napi::Value Counters(Napi::CallbackInfo const &info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("shown", static_cast<double>(Spans().Count(info.Env())));
  result.Set("abandoned", static_cast<double>(abandoned.load()));
  return result;
}

void ExportSpans(Napi::Env env, Napi::Object exports) {
  exports.Set("show", Napi::Function::New<Show>(env, "show"));
  exports.Set("setBuffer", Napi::Function::New<SetBuffer>(env, "setBuffer"));
  exports.Set("release", Napi::Function::New<Release>(env, "release"));
  exports.Set("isShown", Napi::Function::New<IsShown>(env, "isShown"));
  exports.Set("abandon", Napi::Function::New<Abandon>(env, "abandon"));
  exports.Set("setPins", Napi::Function::New<SetPins>(env, "setPins"));
  exports.Set("detach", Napi::Function::New<Detach>(env, "detach"));
  exports.Set("find", Napi::Function::New<Find>(env, "find"));
  exports.Set("addressOf", Napi::Function::New<AddressOf>(env, "addressOf"));
  exports.Set("counters", Napi::Function::New<Counters>(env, "counters"));
}

}  // namespace offheap
