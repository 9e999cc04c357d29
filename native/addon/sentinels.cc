// sentinels.cc: see sentinels.h. A record belongs to its environment's thread; the lock is for the map.

#include "sentinels.h"

#include <map>
#include <mutex>

namespace offheap {

namespace {

constexpr uint64_t kInterval = 16;

struct Sentinel {
  uint64_t age = 0;
  napi_ref buffer = nullptr;  // strong
};

struct Record {
  uint64_t age = 0;
  Sentinel oldest;
  Sentinel youngest;
  bool ending = false;
};

// Never destroyed: finalizers may come when static objects have gone.
std::mutex &lock = *new std::mutex();
std::map<napi_env, Record> &records = *new std::map<napi_env, Record>();

Record *Find(napi_env env) {
  std::lock_guard<std::mutex> hold(lock);
  auto found = records.find(env);
  return found == records.end() ? nullptr : &found->second;
}

// Of a sentinel that was replaced it says nothing: that one was collected in the ordinary way.
void Finalize(napi_env env, void *, void *hint) {
  uint64_t age = reinterpret_cast<uintptr_t>(hint);
  Record *record = Find(env);
  if (record == nullptr) return;
  if (age == record->oldest.age || age == record->youngest.age) record->ending = true;
}

Sentinel Make(napi_env env, uint64_t age) {
  static char byte;
  Sentinel made;
  napi_value buffer = nullptr;
  void *hint = reinterpret_cast<void *>(static_cast<uintptr_t>(age));
  if (napi_create_external_arraybuffer(env, &byte, 1, Finalize, hint, &buffer) != napi_ok)
    return made;
  if (napi_create_reference(env, buffer, 1, &made.buffer) == napi_ok) made.age = age;
  return made;
}

}  // namespace

uint64_t NextAge(napi_env env) {
  Record *record;
  {
    std::lock_guard<std::mutex> hold(lock);
    record = &records[env];
  }
  if (record->oldest.age == 0) record->oldest = Make(env, ++record->age);
  if (record->age - record->youngest.age >= kInterval) {
    napi_ref old = record->youngest.buffer;
    record->youngest = Make(env, ++record->age);
    if (old != nullptr) napi_delete_reference(env, old);
  }
  return ++record->age;
}

bool WasCollected(napi_env env, uint64_t age) {
  Record *record = Find(env);
  return record != nullptr && !record->ending && record->oldest.age != 0 &&
         age > record->oldest.age && age < record->youngest.age;
}

void ForgetSentinels(napi_env env) {
  std::lock_guard<std::mutex> hold(lock);
  records.erase(env);
}

}  // namespace offheap
