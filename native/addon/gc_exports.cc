// gc_exports.cc: the collected heap. What is called for each block passes its numbers through the
// box, as heap_calls.h says.

#include <string>
#include <vector>

#include "heap_calls.h"

extern "C" {
#include "gc.h"
}

namespace offheap {

namespace {

struct Gc {
  EnvState *state;

  // kNewSize: the owner. kStatus: records that wait for it.
  void *Alloc(size_t size, size_t align) const {
    uint32_t owner = static_cast<uint32_t>(state->bytes(kNewSize));
    void *ptr = oh_gc_alloc(owner, size, align);
    state->box[kStatus] = static_cast<double>(oh_gc_record_count(owner));
    return ptr;
  }
  static constexpr auto Free = oh_gc_free;
  static constexpr auto Resize = oh_gc_resize;
  static constexpr auto Remap = oh_gc_remap;
  static constexpr auto UsableSize = oh_gc_usable_size;
  static constexpr auto Owns = oh_gc_owns;
};

struct AtGc {
  Gc heap;
  EnvState *state;

  static AtGc Of(napi_env env, napi_callback_info info) {
    EnvState *state = CallbackState(env, info);
    return {{state}, state};
  }
};

napi_value Adopt(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  int64_t change = 0;
  int64_t ignored = 0;
  s->box[kResult] = static_cast<double>(oh_gc_adopt(s->pointer(kPtr), &change));
  // Handles are small: what tells V8 to collect them is how much memory they stand for.
  if (change != 0) napi_adjust_external_memory(env, change, &ignored);
  return nullptr;
}

napi_value Hold(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  s->box[kResult] = static_cast<double>(oh_gc_hold(s->pointer(kPtr)));
  return nullptr;
}

napi_value LetGo(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  s->box[kResult] = oh_gc_let_go(s->pointer(kPtr));
  return nullptr;
}

uint64_t Integer(Napi::CallbackInfo const &info, size_t i) {
  return static_cast<uint64_t>(info[i].As<Napi::Number>().Int64Value());
}

void *Pointer(Napi::CallbackInfo const &info, size_t i) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(Integer(info, i)));
}

uint32_t Owner(Napi::CallbackInfo const &info) {
  return info[0].As<Napi::Number>().Uint32Value();
}

Napi::Value Number(Napi::CallbackInfo const &info, double value) {
  return Napi::Number::New(info.Env(), value);
}

// (name or undefined) -> oh_gc_state_t
Napi::Value Open(Napi::CallbackInfo const &info) {
  if (!info[0].IsString()) return Number(info, oh_gc_open(nullptr));
  return Number(info, oh_gc_open(info[0].As<Napi::String>().Utf8Value().c_str()));
}

// (pointerFree, notify, findLeaks) -> owner, or -1
Napi::Value AddOwner(Napi::CallbackInfo const &info) {
  oh_gc_options_t options = {};
  options.thread = StateOf(info);
  options.pointer_free = info[0].As<Napi::Boolean>();
  options.notify = info[1].As<Napi::Boolean>();
  options.find_leaks = info[2].As<Napi::Boolean>();
  uint32_t owner = oh_gc_owner_new(&options);
  return Number(info, owner == OH_GC_NO_OWNER ? -1 : static_cast<double>(owner));
}

void EndOwner(Napi::CallbackInfo const &info) {
  oh_gc_owner_end(Owner(info));
}

void ForgetOwner(Napi::CallbackInfo const &info) {
  int64_t ignored = 0;
  int64_t reported = static_cast<int64_t>(oh_gc_owner_forget(Owner(info)));
  if (reported != 0) napi_adjust_external_memory(info.Env(), -reported, &ignored);
}

// (ptr, serial)
void Drop(Napi::CallbackInfo const &info) {
  oh_gc_drop(Pointer(info, 0), Integer(info, 1));
}

// (ptr, serial)
void Unhold(Napi::CallbackInfo const &info) {
  oh_gc_unhold(Pointer(info, 0), Integer(info, 1));
}

// (address, size) -> number of the roots, or 0
Napi::Value AddRoots(Napi::CallbackInfo const &info) {
  size_t size = static_cast<size_t>(Integer(info, 1));
  return Number(info, static_cast<double>(oh_gc_roots_add(Pointer(info, 0), size, StateOf(info))));
}

void RemoveRoots(Napi::CallbackInfo const &info) {
  oh_gc_roots_remove(Integer(info, 0));
}

// (unmap)
void Collect(Napi::CallbackInfo const &info) {
  oh_gc_collect(info[0].As<Napi::Boolean>());
}

void FindLeaks(Napi::CallbackInfo const &info) {
  oh_gc_find_leaks(Owner(info));
}

Napi::Value HeapSize(Napi::CallbackInfo const &info) {
  return Number(info, static_cast<double>(oh_gc_heap_size()));
}

// (owner) -> address, size, address, size ...
Napi::Value TakeRecords(Napi::CallbackInfo const &info) {
  std::vector<oh_gc_record_t> records(oh_gc_record_count(Owner(info)));
  size_t count = oh_gc_take_records(Owner(info), records.data(), records.size());
  Napi::Float64Array result = Napi::Float64Array::New(info.Env(), 2 * count);
  for (size_t i = 0; i < count; i++) {
    result[2 * i] = static_cast<double>(reinterpret_cast<uintptr_t>(records[i].ptr));
    result[2 * i + 1] = static_cast<double>(records[i].size);
  }
  return result;
}

// (owner) -> oh_gc_stats_t
Napi::Value Stats(Napi::CallbackInfo const &info) {
  oh_gc_stats_t stats;
  oh_gc_stats(Owner(info), &stats);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("blocks", static_cast<double>(stats.blocks));
  result.Set("used", static_cast<double>(stats.used));
  result.Set("peak", static_cast<double>(stats.peak));
  result.Set("footprint", static_cast<double>(stats.footprint));
  result.Set("peakFootprint", static_cast<double>(stats.peak_footprint));
  result.Set("reclaimedBlocks", static_cast<double>(stats.reclaimed_blocks));
  result.Set("reclaimedBytes", static_cast<double>(stats.reclaimed_bytes));
  return result;
}

template <typename Call>
void SetFunction(Napi::Object target, char const *name, Call call) {
  target.Set(name, Napi::Function::New(target.Env(), call, name));
}

}  // namespace

void ExportGc(Napi::Env env, Napi::Object exports, EnvState *state) {
  Napi::Object gc = ExportCalls<AtGc>(env, state);
  SetCall(gc, "adopt", Adopt, state);
  SetCall(gc, "hold", Hold, state);
  SetCall(gc, "letGo", LetGo, state);
  SetFunction(gc, "open", Open);
  SetFunction(gc, "addOwner", AddOwner);
  SetFunction(gc, "endOwner", EndOwner);
  SetFunction(gc, "forgetOwner", ForgetOwner);
  SetFunction(gc, "drop", Drop);
  SetFunction(gc, "unhold", Unhold);
  SetFunction(gc, "addRoots", AddRoots);
  SetFunction(gc, "removeRoots", RemoveRoots);
  SetFunction(gc, "collect", Collect);
  SetFunction(gc, "findLeaks", FindLeaks);
  SetFunction(gc, "heapSize", HeapSize);
  SetFunction(gc, "takeRecords", TakeRecords);
  SetFunction(gc, "stats", Stats);
  exports.Set("gc", gc);
}

void EndGc(EnvState *state) {
  oh_gc_thread_end(state);
}

}  // namespace offheap
