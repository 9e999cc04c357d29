/* empty_call.c: an addon whose one function takes nothing, does nothing and returns undefined: the
   least that a call from JavaScript into C can cost through Node-API. */

#include <node_api.h>

static napi_value empty(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "empty", NAPI_AUTO_LENGTH, empty, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "empty", function) != napi_ok)
    return NULL;
  return exports;
}
