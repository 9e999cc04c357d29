// pages_exports.cc: the page functions that are not on a hot path.

#include "env_state.h"

extern "C" {
#include "os.h"
#include "pages.h"
}

namespace offheap {

static double Number(Napi::CallbackInfo const &info, size_t i) {
  return info[i].As<Napi::Number>().DoubleValue();
}

static size_t Bytes(Napi::CallbackInfo const &info, size_t i) {
  return static_cast<size_t>(Number(info, i));
}

static void *Pointer(Napi::CallbackInfo const &info, size_t i) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(Number(info, i)));
}

// (size, align, guard, huge, name or undefined) -> address, or 0
static Napi::Value AllocPages(Napi::CallbackInfo const &info) {
  std::string name = info[4].IsString() ? info[4].As<Napi::String>().Utf8Value() : std::string();
  oh_pages_options_t options = {};
  options.guard = info[2].As<Napi::Boolean>();
  options.huge = info[3].As<Napi::Boolean>();
  options.name = name.empty() ? nullptr : name.c_str();
  void *ptr = oh_pages_alloc(Bytes(info, 0), Bytes(info, 1), &options);
  return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(ptr)));
}

// (ptr, offset, size) -> status; kResult: bytes given back
static Napi::Value DecommitPages(Napi::CallbackInfo const &info) {
  size_t given = 0;
  oh_status_t status = oh_pages_decommit(Pointer(info, 0), Bytes(info, 1), Bytes(info, 2), &given);
  StateOf(info)->box[kResult] = static_cast<double>(given);
  return Napi::Number::New(info.Env(), status);
}

static Napi::Value Trim(Napi::CallbackInfo const &info) {
  return Napi::Boolean::New(info.Env(), os_heap_trim());
}

// {inUse, free, mmapped, arena} in bytes and freeBlocks, or null where the C library cannot tell
static Napi::Value HeapInfo(Napi::CallbackInfo const &info) {
  os_heap_info_t heap;
  if (!os_heap_get_info(&heap)) return info.Env().Null();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("inUse", heap.in_use);
  result.Set("free", heap.free);
  result.Set("mmapped", heap.mmapped);
  result.Set("arena", heap.arena);
  result.Set("freeBlocks", heap.free_blocks);
  return result;
}

void ExportPages(Napi::Env env, Napi::Object exports) {
  exports.Set("pageSize", static_cast<double>(os_page_size()));
  exports.Set("pageGranularity", static_cast<double>(os_page_granularity()));
  exports.Set("allocPages", Napi::Function::New<AllocPages>(env, "allocPages"));
  exports.Set("decommitPages", Napi::Function::New<DecommitPages>(env, "decommitPages"));
  exports.Set("trim", Napi::Function::New<Trim>(env, "trim"));
  exports.Set("heapInfo", Napi::Function::New<HeapInfo>(env, "heapInfo"));
}

}  // namespace offheap
