// shared_heaps.cc: heaps that several environments hold, each through an External of its own.
//
// An environment lets go of a heap once: when JavaScript says so, when it has forgotten the
// External, or when the environment ends, terminated or not. The heap and the blocks in it live on
// while another one holds it.
//
// The raw operations pass their arguments through the box, as heap_calls.h says; kSelf is the
// heap.

#include <random>
#include <string>

#include "heap_calls.h"

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

struct Shared {
  EnvState *state;
  oh_shared_t *self;

  void *Alloc(size_t size, size_t align) const {
    void *block = nullptr;
    state->box[kStatus] = oh_shared_alloc(self, size, align, &block);
    return block;
  }
  oh_status_t Free(void *ptr, size_t size, size_t align) const {
    return oh_shared_free(self, ptr, size, align);
  }
  oh_status_t Resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) const {
    return oh_shared_resize(self, ptr, size, align, new_size, resized);
  }
  size_t UsableSize(void *ptr) const {
    size_t size = 0;
    state->box[kStatus] = oh_shared_usable_size(self, ptr, &size);
    return size;
  }
};

struct AtShared {
  Shared heap;
  EnvState *state;

  static AtShared Of(napi_env env, napi_callback_info info) {
    EnvState *state = CallbackState(env, info);
    return {{state, static_cast<oh_shared_t *>(state->pointer(kSelf))}, state};
  }
};

}  // namespace

void ExportSharedHeaps(Napi::Env env, Napi::Object exports, EnvState *state) {
  Napi::Object shared = Napi::Object::New(env);
  using Call = Calls<AtShared>;
  SetCall(shared, "alloc", Call::Alloc, state);
  SetCall(shared, "free", Call::Free, state);
  SetCall(shared, "resize", Call::Resize, state);
  SetCall(shared, "usableSize", Call::UsableSize, state);
  shared.Set("create", Napi::Function::New<Create>(env, "create"));
  shared.Set("attach", Napi::Function::New<Attach>(env, "attach"));
  shared.Set("letGo", Napi::Function::New<LetGo>(env, "letGo"));
  shared.Set("read", Napi::Function::New<Read>(env, "read"));
  shared.Set("count", Napi::Function::New<Count>(env, "count"));
  shared.Set("process", ProcessName());
  exports.Set("shared", shared);
}

}  // namespace offheap
