// shared_heaps.cc: heaps that several environments hold, each through an External of its own.
//
// An environment lets go of a heap once: when JavaScript says so, when it has forgotten the
// External, or when the environment ends, terminated or not. The heap and the blocks in it live on
// while another one holds it.
//
// The raw operations pass their arguments through the box, as those of heaps.cc do; kSelf is the
// heap.

#include <random>
#include <string>

#include "env_state.h"

extern "C" {
#include "shared_heap.h"
}

namespace offheap {

namespace {

struct Holder {
  oh_shared_t *heap;  // null: let go
  napi_env env;
};

// ---- Holding and letting go ---------------------------------------------------------------------

void EnvEnds(void *data) {
  Holder *holder = static_cast<Holder *>(data);
  oh_shared_let_go(holder->heap);
  holder->heap = nullptr;
}

void LetGoOf(Holder *holder) {
  if (holder->heap == nullptr) return;
  napi_remove_env_cleanup_hook(holder->env, EnvEnds, holder);
  EnvEnds(holder);
}

void Finalize(napi_env, void *data, void *) {
  Holder *holder = static_cast<Holder *>(data);
  LetGoOf(holder);
  delete holder;
}

// The External of a heap that is held. kSelf: its address; kResult: its number; kPtr: where the
// payload is; kSize: how long.
Napi::Value Held(Napi::CallbackInfo const &info, oh_shared_t *heap) {
  Napi::Env env = info.Env();
  Holder *holder = new Holder{heap, env};
  napi_value external = nullptr;
  if (napi_create_external(env, holder, Finalize, nullptr, &external) != napi_ok) {
    delete holder;
    oh_shared_let_go(heap);
    throw Napi::Error::New(env);
  }
  napi_add_env_cleanup_hook(env, EnvEnds, holder);
  EnvState *state = StateOf(info);
  state->set_pointer(kSelf, heap);
  state->set_pointer(kPtr, heap->base);
  state->box[kSize] = static_cast<double>(heap->capacity);
  state->box[kResult] = heap->number;
  return Napi::Value(env, external);
}

// (table, state as bytes, address, length) -> External, or null: no memory
Napi::Value Create(Napi::CallbackInfo const &info) {
  auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int64Value(); };
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  oh_shared_t *heap = oh_shared_create(
      reinterpret_cast<oh_vtable_t const *>(static_cast<uintptr_t>(number(0))), bytes.Data(),
      bytes.ByteLength(), reinterpret_cast<void *>(static_cast<uintptr_t>(number(2))),
      static_cast<size_t>(number(3)));
  return heap == nullptr ? info.Env().Null() : Held(info, heap);
}

// (number, memory as bytes) -> External; null: nobody holds it any more; undefined: none in there
Napi::Value Attach(Napi::CallbackInfo const &info) {
  Napi::Uint8Array memory = info[1].As<Napi::Uint8Array>();
  bool ended = false;
  oh_shared_t *heap = oh_shared_attach(info[0].As<Napi::Number>().DoubleValue(), memory.Data(),
                                       memory.ByteLength(), &ended);
  if (heap != nullptr) return Held(info, heap);
  return ended ? info.Env().Null() : info.Env().Undefined();
}

// (External)
void LetGo(Napi::CallbackInfo const &info) {
  LetGoOf(info[0].As<Napi::External<Holder>>().Data());
}

// kSelf -> kStatus; [capacity, used, peak, footprint, peak footprint]
Napi::Value Read(Napi::CallbackInfo const &info) {
  EnvState *state = StateOf(info);
  oh_figures_t figures = {};
  state->box[kStatus] =
      oh_shared_read(static_cast<oh_shared_t *>(state->pointer(kSelf)), &figures);
  uint64_t const all[] = {figures.capacity, figures.used, figures.peak, figures.footprint,
                          figures.peak_footprint};
  Napi::Float64Array result = Napi::Float64Array::New(info.Env(), 5);
  for (size_t i = 0; i < 5; i++) result[i] = static_cast<double>(all[i]);
  return result;
}

// What tokens of this process, and of no other, carry.
std::string const &ProcessName() {
  static std::string const name = [] {
    std::random_device random;
    std::string words;
    for (int i = 0; i < 4; i++) words += std::to_string(random()) + (i < 3 ? "-" : "");
    return words;
  }();
  return name;
}

// () -> { heaps, holders } of the process
Napi::Value Count(Napi::CallbackInfo const &info) {
  uint32_t heaps = 0, holders = 0;
  oh_shared_count(&heaps, &holders);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("heaps", heaps);
  result.Set("holders", holders);
  return result;
}

// ---- Operations ---------------------------------------------------------------------------------

EnvState *StateOfCall(napi_env env, napi_callback_info info) {
  void *state = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &state);
  return static_cast<EnvState *>(state);
}

oh_shared_t *HeapOf(EnvState *s) {
  return static_cast<oh_shared_t *>(s->pointer(kSelf));
}

napi_value Alloc(napi_env env, napi_callback_info info) {
  EnvState *s = StateOfCall(env, info);
  void *block = nullptr;
  s->box[kStatus] = oh_shared_alloc(HeapOf(s), s->bytes(kSize), s->bytes(kAlign), &block);
  s->set_pointer(kResult, block);
  return nullptr;
}

// undefined when the block is freed; null when it is refused, and why is in kStatus.
napi_value Free(napi_env env, napi_callback_info info) {
  EnvState *s = StateOfCall(env, info);
  oh_status_t status =
      oh_shared_free(HeapOf(s), s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign));
  if (status == OH_OK) return nullptr;
  s->box[kStatus] = status;
  napi_value refused = nullptr;
  napi_get_null(env, &refused);
  return refused;
}

napi_value Resize(napi_env env, napi_callback_info info) {
  EnvState *s = StateOfCall(env, info);
  bool resized = false;
  s->box[kStatus] = oh_shared_resize(HeapOf(s), s->pointer(kPtr), s->bytes(kSize),
                                     s->bytes(kAlign), s->bytes(kNewSize), &resized);
  s->box[kResult] = resized;
  return nullptr;
}

napi_value UsableSize(napi_env env, napi_callback_info info) {
  EnvState *s = StateOfCall(env, info);
  size_t size = 0;
  s->box[kStatus] = oh_shared_usable_size(HeapOf(s), s->pointer(kPtr), &size);
  s->box[kResult] = static_cast<double>(size);
  return nullptr;
}

}  // namespace

void ExportSharedHeaps(Napi::Env env, Napi::Object exports, EnvState *state) {
  Napi::Object shared = Napi::Object::New(env);
  struct {
    char const *name;
    napi_callback call;
  } const calls[] = {
      {"alloc", Alloc}, {"free", Free}, {"resize", Resize}, {"usableSize", UsableSize}};
  for (auto const &entry : calls) {
    napi_value function = nullptr;
    napi_status status =
        napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.call, state, &function);
    if (status != napi_ok) throw Napi::Error::New(env);
    shared.Set(entry.name, Napi::Value(env, function));
  }
  shared.Set("create", Napi::Function::New<Create>(env, "create"));
  shared.Set("attach", Napi::Function::New<Attach>(env, "attach"));
  shared.Set("letGo", Napi::Function::New<LetGo>(env, "letGo"));
  shared.Set("read", Napi::Function::New<Read>(env, "read"));
  shared.Set("count", Napi::Function::New<Count>(env, "count"));
  shared.Set("process", ProcessName());
  exports.Set("shared", shared);
}

}  // namespace offheap
