// doors.cc: allocators of JavaScript as oh_valloc_t, for C.
//
// A strategy's C works on the state that TypeScript works on: opening a door is to name the two.
// Any other allocator is called back, on its own thread only.
//
// While a door is open it keeps the state and the memory from being collected. What C has copied
// out of it by value is beyond reach; whoever goes through its address finds an allocator without
// memory once it is closed, or once its thread has ended.

#include <thread>

#ifdef _MSC_VER
#include <intrin.h>
#endif

#include "env_state.h"
#include "offheap_napi.h"

extern "C" {
#include "bump.h"
#include "concurrent_bump.h"
#include "door.h"
#include "free_list.h"
#include "gc.h"
#include "libc.h"
#include "os.h"
#include "pages.h"
#include "pool.h"
#include "shared_heap.h"
#include "slab.h"
#include "stack.h"
}

namespace offheap {

namespace {

struct Door {
  oh_valloc_t v = oh_null();  // first: the address of a door is that of its oh_valloc_t
  napi_env env = nullptr;
  napi_ref kept[3] = {};  // state, memory and what self is of; or the function to call
  std::thread::id thread;
  os_stack_t stack = {0, UINTPTR_MAX};
  EnvState *state = nullptr;
  oh_concurrent_bump_t bump = {};  // self, if it is one
  bool open = true;
};

// What a callback is asked for, in kOperation. As in lib/interop/callback.ts.
enum Operation { kAllocate, kResizeBlock, kRemap, kFreeBlock, kUsableSize };

constexpr uint64_t kSafeInteger = (uint64_t{1} << 53) - 1;

// ---- An allocator that is called back -----------------------------------------------------------

struct Request {
  Operation operation;
  void const *ptr = nullptr;
  size_t size = 0, align = 0, new_size = 0;
};

bool IsNumber(Request const &request) {
  return request.size <= kSafeInteger && request.align <= kSafeInteger &&
         request.new_size <= kSafeInteger;
}

// Runs the function of a door, whose arguments are in the box. false: it threw, or no JavaScript
// can run now.
bool RunJs(Door const *door) {
  napi_env env = door->env;
  napi_handle_scope scope = nullptr;
  napi_value function = nullptr, undefined = nullptr, result = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  bool done = napi_get_reference_value(env, door->kept[0], &function) == napi_ok &&
              napi_get_undefined(env, &undefined) == napi_ok &&
              napi_call_function(env, undefined, function, 0, nullptr, &result) == napi_ok;
  bool pending = false;
  if (!done && napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_get_and_clear_last_exception(env, &result);
  }
  napi_close_handle_scope(env, scope);
  return done;
}

// V8 runs on its thread's own stack and, from Node 22 on, ends the process on any other. koffi calls C on
// a stack that it makes, coroutines do so too.
bool IsOnOwnStack(Door const *door) {
#ifdef _MSC_VER
  uintptr_t const here = reinterpret_cast<uintptr_t>(_AddressOfReturnAddress());
#else
  uintptr_t const here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
#endif
  return here >= door->stack.low && here < door->stack.high;
}

// What the allocator answers: an address, a number of bytes, yes or no. 0 for what is refused.
double Ask(void *self, Request const &request) {
  Door *door = static_cast<Door *>(self);
  bool here = door != nullptr && door->thread == std::this_thread::get_id() && door->open;
  if (!here || !IsOnOwnStack(door) || !IsNumber(request)) return oh_refuse();
  double *box = door->state->box;
  box[kPtr] = static_cast<double>(reinterpret_cast<uintptr_t>(request.ptr));
  box[kSize] = static_cast<double>(request.size);
  box[kAlign] = static_cast<double>(request.align);
  box[kNewSize] = static_cast<double>(request.new_size);
  box[kOperation] = request.operation;
  box[kResult] = 0;
  return RunJs(door) ? box[kResult] : oh_refuse();
}

void *AsPointer(double answer) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(answer));
}

void *CallbackAlloc(void *self, size_t size, size_t align) {
  return AsPointer(Ask(self, {kAllocate, nullptr, size, align}));
}

bool CallbackResize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return Ask(self, {kResizeBlock, ptr, size, align, new_size}) != 0;
}

void *CallbackRemap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return AsPointer(Ask(self, {kRemap, ptr, size, align, new_size}));
}

void CallbackFree(void *self, void *ptr, size_t size, size_t align) {
  Ask(self, {kFreeBlock, ptr, size, align});
}

size_t CallbackUsableSize(void *self, void const *ptr) {
  return static_cast<size_t>(Ask(self, {kUsableSize, ptr}));
}

oh_vtable_t const callback_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), CallbackAlloc,      CallbackResize,
    CallbackRemap,  CallbackFree,        CallbackUsableSize,
};

// ---- Opening and closing ------------------------------------------------------------------------

void Shut(void *data) {
  Door *door = static_cast<Door *>(data);
  door->open = false;
  door->v = oh_null();
}

void Close(Door *door) {
  if (!door->open) return;
  Shut(door);
  napi_remove_env_cleanup_hook(door->env, Shut, door);
  for (napi_ref kept : door->kept) {
    if (kept != nullptr) napi_delete_reference(door->env, kept);
  }
}

// One that nobody closed stays: C may still go through it.
void Finalize(napi_env, void *data, void *) {
  Door *door = static_cast<Door *>(data);
  if (!door->open) delete door;
}

void Keep(Door *door, size_t i, Napi::Value value) {
  if (value.IsNull()) return;
  if (napi_create_reference(door->env, value, 1, &door->kept[i]) != napi_ok)
    throw Napi::Error::New(door->env);
}

// The External of a door. kPtr: its address; kResult: self; kNewSize: the table.
Napi::Value Opened(Napi::CallbackInfo const &info, Door *door) {
  Napi::Env env = info.Env();
  napi_value external = nullptr;
  napi_status status = napi_create_external(env, door, Finalize, nullptr, &external);
  if (status == napi_ok) status = napi_type_tag_object(env, external, &oh_valloc_type_tag);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_add_env_cleanup_hook(env, Shut, door);
  EnvState *state = StateOf(info);
  state->set_pointer(kPtr, door);
  state->set_pointer(kResult, door->v.self);
  state->set_pointer(kNewSize, const_cast<oh_vtable_t *>(door->v.vt));
  return Napi::Value(env, external);
}

Door *NewDoor(Napi::CallbackInfo const &info) {
  Door *door = new Door();
  door->env = info.Env();
  door->state = StateOf(info);
  door->thread = std::this_thread::get_id();
  return door;
}

// (table, self or address of the memory, state or null, buffer of the memory or null, its length,
// what keeps self or null) -> External. With a state, that is self, unless other threads may write
// to it.
Napi::Value OpenDoor(Napi::CallbackInfo const &info) {
  Door *door = NewDoor(info);
  auto address = [&](size_t i) { return AsPointer(info[i].As<Napi::Number>().DoubleValue()); };
  door->v.vt = static_cast<oh_vtable_t const *>(address(0));
  door->v.self = info[2].IsNull() ? address(1) : info[2].As<Napi::Int32Array>().Data();
  if (door->v.vt == oh_shared_table(nullptr)) {
    door->v.vt = oh_shared_table(static_cast<oh_shared_t const *>(door->v.self));
  }
  if (door->v.vt == &oh_concurrent_bump_vtable) {
    size_t length = static_cast<size_t>(info[4].As<Napi::Number>().Int64Value());
    door->bump = {static_cast<uint32_t *>(door->v.self), address(1), length};
    door->v.self = &door->bump;
  }
  Keep(door, 0, info[2]);
  Keep(door, 1, info[3]);
  Keep(door, 2, info[5]);
  return Opened(info, door);
}

// (function) -> External
Napi::Value OpenCallback(Napi::CallbackInfo const &info) {
  Door *door = NewDoor(info);
  door->v = {door, &callback_vtable};
  door->stack = os_thread_stack();
  Keep(door, 0, info[0]);
  return Opened(info, door);
}

// (External)
void CloseDoor(Napi::CallbackInfo const &info) {
  Close(info[0].As<Napi::External<Door>>().Data());
}

// () -> calls through the tables that were refused since the process started
Napi::Value RefusedCalls(Napi::CallbackInfo const &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(oh_refused_calls()));
}

Napi::Object Tables(Napi::Env env) {
  struct {
    char const *name;
    oh_vtable_t const *table;
  } const tables[] = {
      {"bump", &oh_bump_vtable},     {"concurrentBump", &oh_concurrent_bump_vtable},
      {"freeList", &oh_free_list_vtable}, {"gc", &oh_gc_vtable},
      {"libc", &oh_libc_vtable},     {"null", &oh_null_vtable},
      {"pages", &oh_pages_vtable},   {"pool", &oh_pool_vtable},
      {"rawLibc", &oh_libc_raw_vtable}, {"shared", oh_shared_table(nullptr)},
      {"slab", &oh_slab_vtable},     {"stack", &oh_stack_vtable},
  };
  Napi::Object result = Napi::Object::New(env);
  for (auto const &entry : tables) {
    result.Set(entry.name, static_cast<double>(reinterpret_cast<uintptr_t>(entry.table)));
  }
  return result;
}

}  // namespace

void ExportDoors(Napi::Env env, Napi::Object exports) {
  exports.Set("tables", Tables(env));
  exports.Set("openDoor", Napi::Function::New<OpenDoor>(env, "openDoor"));
  exports.Set("openCallback", Napi::Function::New<OpenCallback>(env, "openCallback"));
  exports.Set("closeDoor", Napi::Function::New<CloseDoor>(env, "closeDoor"));
  exports.Set("refusedCalls", Napi::Function::New<RefusedCalls>(env, "refusedCalls"));
}

}  // namespace offheap
