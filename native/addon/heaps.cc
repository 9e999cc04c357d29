// heaps.cc: the raw operations of the native heaps, called millions of times a second.
//
// Raw Node-API: a call that takes and returns nothing costs 8 to 10 ns, each number converted 3 to 5
// more. Arguments and results therefore pass through the box, which JS sees as a Float64Array.
//
// Asking Node-API for the state of the calling environment costs 2.5 ns. The first environment that
// loads the addon, the main thread's as a rule, therefore gets functions that know it already: they
// are its own, so nobody else can call them, and nobody does after it has ended.

#include <atomic>

#include "env_state.h"

extern "C" {
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

template <typename Heap, bool kFirst>
struct Calls {
  static EnvState *State(napi_env env, napi_callback_info info) {
    if (kFirst) return first_state;
    void *state = nullptr;
    napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &state);
    return static_cast<EnvState *>(state);
  }

  static napi_value Alloc(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    s->set_pointer(kResult, Heap::Alloc(s->bytes(kSize), s->bytes(kAlign)));
    return nullptr;
  }

  // undefined when the block is freed; null when it is refused, and why is in kStatus.
  static napi_value Free(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    oh_status_t status = Heap::Free(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign));
    if (status == OH_OK) return nullptr;
    s->box[kStatus] = status;
    napi_value refused = nullptr;
    napi_get_null(env, &refused);
    return refused;
  }

  static napi_value Resize(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    bool resized = false;
    s->box[kStatus] = Heap::Resize(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign),
                                   s->bytes(kNewSize), &resized);
    s->box[kResult] = resized;
    return nullptr;
  }

  static napi_value Remap(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    void *moved = nullptr;
    s->box[kStatus] = Heap::Remap(s->pointer(kPtr), s->bytes(kSize), s->bytes(kAlign),
                                  s->bytes(kNewSize), &moved);
    s->set_pointer(kResult, moved);
    return nullptr;
  }

  static napi_value UsableSize(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    s->box[kResult] = static_cast<double>(Heap::UsableSize(s->pointer(kPtr)));
    return nullptr;
  }

  static napi_value Owns(napi_env env, napi_callback_info info) {
    EnvState *s = State(env, info);
    s->box[kResult] = Heap::Owns(s->pointer(kPtr));
    return nullptr;
  }

  static Napi::Object Export(Napi::Env env, EnvState *state) {
    Napi::Object heap = Napi::Object::New(env);
    struct {
      char const *name;
      napi_callback call;
    } const calls[] = {{"alloc", Alloc},
                       {"free", Free},
                       {"resize", Resize},
                       {"remap", Remap},
                       {"usableSize", UsableSize},
                       {"owns", Owns}};
    for (auto const &entry : calls) {
      napi_value function = nullptr;
      napi_status status = napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.call,
                                                state, &function);
      if (status != napi_ok) throw Napi::Error::New(env);
      heap.Set(entry.name, Napi::Value(env, function));
    }
    return heap;
  }
};

}  // namespace

template <bool kFirst>
static void Export(Napi::Env env, Napi::Object exports, EnvState *state) {
  exports.Set("libc", Calls<Libc, kFirst>::Export(env, state));
  exports.Set("rawLibc", Calls<RawLibc, kFirst>::Export(env, state));
  exports.Set("pages", Calls<Pages, kFirst>::Export(env, state));
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
