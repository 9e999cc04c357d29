// heaps.cc: the native heaps behind the calls of heap_calls.h.
//
// Asking Node-API for the state of the calling environment costs 2.5 ns. The first environment that
// loads the addon, the main thread's as a rule, therefore gets functions that know it already: they
// are its own, so nobody else can call them, and nobody does after it has ended. The functions of a
// dynamic heap ask in every environment, because they must be told their heap anyway.

#include <atomic>

#include "heap_calls.h"

extern "C" {
#include "dynamic.h"
#include "libc.h"
#include "pages.h"
}

namespace offheap {

namespace {

struct Libc {
  static void *Alloc(size_t size, size_t align) { return oh_libc_alloc(size, align); }
  static constexpr auto Free = oh_libc_free;
  static constexpr auto Resize = oh_libc_resize;
  static constexpr auto Remap = oh_libc_remap;
  static constexpr auto UsableSize = oh_libc_usable_size;
  static constexpr auto Owns = oh_libc_owns;
};

struct RawLibc : Libc {
  static void *Alloc(size_t size, size_t) { return oh_libc_alloc_raw(size); }
};

struct Pages {
  static void *Alloc(size_t size, size_t align) { return oh_pages_alloc(size, align, nullptr); }
  static constexpr auto Free = oh_pages_free;
  static constexpr auto Resize = oh_pages_resize;
  static constexpr auto Remap = oh_pages_remap;
  static constexpr auto UsableSize = oh_pages_usable_size;
  static bool Owns(void const *ptr) { return oh_pages_usable_size(ptr) > 0; }
};

EnvState *first_state = nullptr;

// What the functions of the three are called with.
template <typename Heap, bool kFirst>
struct Fixed {
  static constexpr Heap heap{};
  EnvState *state;

  static Fixed Of(napi_env env, napi_callback_info info) {
    return {kFirst ? first_state : CallbackState(env, info)};
  }
};

// And those of a heap in a shared library.
struct Dynamic {
  oh_dynamic_t *self;

  void *Alloc(size_t size, size_t align) const { return oh_dynamic_alloc(self, size, align); }
  oh_status_t Free(void *ptr, size_t size, size_t align) const {
    return oh_dynamic_free(self, ptr, size, align);
  }
  oh_status_t Resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) const {
    return oh_dynamic_resize(self, ptr, size, align, new_size, resized);
  }
  oh_status_t Remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved) const {
    return oh_dynamic_remap(self, ptr, size, align, new_size, moved);
  }
  size_t UsableSize(void *ptr) const { return oh_dynamic_usable_size(self, ptr); }
  bool Owns(void *ptr) const { return oh_dynamic_owns(self, ptr); }
};

struct BoundHeap {
  Dynamic heap;
  EnvState *state;

  static BoundHeap Of(napi_env env, napi_callback_info info) {
    return *static_cast<BoundHeap *>(CallbackData(env, info));
  }
};

}  // namespace

template <bool kFirst>
static void Export(Napi::Env env, Napi::Object exports, EnvState *state) {
  exports.Set("libc", ExportCalls<Fixed<Libc, kFirst>>(env, state));
  exports.Set("rawLibc", ExportCalls<Fixed<RawLibc, kFirst>>(env, state));
  exports.Set("pages", ExportCalls<Fixed<Pages, kFirst>>(env, state));
}

Napi::Object ExportDynamicHeap(Napi::Env env, EnvState *state, oh_dynamic_t *heap) {
  // Kept as long as its functions can be called: until the environment ends.
  auto bound = std::make_shared<BoundHeap>(BoundHeap{{heap}, state});
  state->Keep(bound);
  return ExportCalls<BoundHeap>(env, bound.get());
}

void ExportHeaps(Napi::Env env, Napi::Object exports, EnvState *state) {
  static std::atomic<bool> taken{false};
  if (taken.exchange(true)) {
    Export<false>(env, exports, state);
  } else {
    first_state = state;
    Export<true>(env, exports, state);
  }
}

}  // namespace offheap
