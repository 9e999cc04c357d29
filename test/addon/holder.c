/* holder.c: a small addon of somebody else's, which takes an allocator from JavaScript, keeps it, and
   allocates. Every function takes a Valloc, its external or its address first. */

#include <pthread.h>
#include <string.h>

#include <offheap_napi.h>

#define MOST_ARGUMENTS 4

/* The arguments of a call: the allocator, and numbers or bigints as words. */
typedef struct arguments {
  oh_valloc_t v;
  bool known; /* the first one was an allocator */
  uint64_t words[MOST_ARGUMENTS];
} arguments_t;

static uint64_t word_of(napi_env env, napi_value value) {
  uint64_t word = 0;
  bool exact;
  double number = 0;
  if (napi_get_value_bigint_uint64(env, value, &word, &exact) == napi_ok) return word;
  if (napi_get_value_double(env, value, &number) == napi_ok) return (uint64_t)number;
  return 0;
}

static arguments_t arguments_of(napi_env env, napi_callback_info info) {
  napi_value values[MOST_ARGUMENTS];
  size_t count = MOST_ARGUMENTS;
  arguments_t out = {0};
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (count == 0) return out;
  out.known = oh_valloc_from_value(env, values[0], &out.v);
  for (size_t i = 1; i < count && i < MOST_ARGUMENTS; i++) out.words[i] = word_of(env, values[i]);
  return out;
}

static napi_value pointer_value(napi_env env, void const *ptr) {
  napi_value result;
  napi_create_bigint_uint64(env, (uint64_t)(uintptr_t)ptr, &result);
  return result;
}

static napi_value boolean_value(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

/* (anything) -> is it an allocator? */
static napi_value is_valloc(napi_env env, napi_callback_info info) {
  return boolean_value(env, arguments_of(env, info).known);
}

/* (v, size, align, byte) -> address of a block filled with that byte, or 0n */
static napi_value allocate(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  void *const p = oh_malloc(a.v, (size_t)a.words[2], (size_t)a.words[1]);
  if (p != NULL) memset(p, (int)a.words[3], (size_t)a.words[1]);
  return pointer_value(env, p);
}

/* (v, address, size, align) -> address, or 0n */
static napi_value reallocate(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  void *const p = (void *)(uintptr_t)a.words[1];
  return pointer_value(env, oh_realloc(a.v, (size_t)a.words[3], p, (size_t)a.words[2]));
}

/* (v, count, size) -> address of zeros, or 0n */
static napi_value allocate_zeroed(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  return pointer_value(env, oh_calloc(a.v, 0, (size_t)a.words[1], (size_t)a.words[2]));
}

/* (v, address) */
static napi_value release(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  oh_free(a.v, (void *)(uintptr_t)a.words[1]);
  return boolean_value(env, a.known);
}

/* (v, address) -> bytes */
static napi_value usable_size(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  napi_value result;
  size_t const size = oh_usable_size(a.v, (void *)(uintptr_t)a.words[1]);
  napi_create_double(env, (double)size, &result);
  return result;
}

typedef struct errand {
  oh_valloc_t v;
  size_t size;
  void *result;
} errand_t;

static void *run_errand(void *data) {
  errand_t *const errand = data;
  errand->result = oh_malloc(errand->v, 0, errand->size);
  if (errand->result != NULL) memset(errand->result, 0x5a, errand->size);
  return NULL;
}

/* (v, size) -> address of a block that a thread without JavaScript has allocated, or 0n */
static napi_value allocate_in_thread(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  errand_t errand = {a.v, (size_t)a.words[1], NULL};
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_errand, &errand) != 0) return pointer_value(env, NULL);
  pthread_join(thread, NULL);
  return pointer_value(env, errand.result);
}

/* An allocator by value, kept beyond the call. */
static oh_valloc_t kept;

/* (v): keeps it */
static napi_value keep(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  kept = a.v;
  return boolean_value(env, a.known);
}

/* (anything, size) -> address of a block of the allocator that is kept, or 0n */
static napi_value allocate_kept(napi_env env, napi_callback_info info) {
  arguments_t const a = arguments_of(env, info);
  return pointer_value(env, oh_malloc(kept, 0, (size_t)a.words[1]));
}

/* () -> an External of somebody else's */
static napi_value stranger(napi_env env, napi_callback_info info) {
  static int anything;
  napi_value result;
  (void)info;
  napi_create_external(env, &anything, NULL, NULL, &result);
  return result;
}

NAPI_MODULE_INIT() {
  struct {
    char const *name;
    napi_callback call;
  } const functions[] = {
      {"isValloc", is_valloc},       {"allocate", allocate},
      {"reallocate", reallocate},    {"allocateZeroed", allocate_zeroed},
      {"release", release},          {"usableSize", usable_size},
      {"keep", keep},                {"allocateInThread", allocate_in_thread},
      {"allocateKept", allocate_kept}, {"stranger", stranger},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL,
                         &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
