/* offheap_napi.h: taking an allocator of JavaScript's in a Node-API addon.

   JavaScript hands over `allocator.valloc`, its `external` or its `address`:

     oh_valloc_t v;
     if (!oh_valloc_from_value(env, argument, &v)) ... throw a TypeError

   Inline, nothing to link. Include it after or instead of node_api.h, with NAPI_VERSION 8 or newer. */

#ifndef OFFHEAP_NAPI_H
#define OFFHEAP_NAPI_H

#include <node_api.h>

#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Marks the Externals that hold an oh_valloc_t, so that no other is taken for one. */
static napi_type_tag const oh_valloc_type_tag = {0x5d1b0f6c2a7e4c39u, 0x9a64c7f18e03b25du};

/* A Valloc, its external, or its address as a bigint: the allocator, by value. It is good until
   JavaScript releases the Valloc. false: none of these, or a Valloc that was released; *out is then an
   allocator without memory. An address is believed: it must be that of an oh_valloc_t. */
static inline bool oh_valloc_from_value(napi_env env, napi_value value, oh_valloc_t *out) {
  napi_valuetype type = napi_undefined;
  *out = oh_null();
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_object) {
    if (napi_get_named_property(env, value, "external", &value) != napi_ok) return false;
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return false;
  }
  void *address = NULL;
  if (type == napi_external) {
    bool tagged = false;
    napi_status const status = napi_check_object_type_tag(env, value, &oh_valloc_type_tag, &tagged);
    if (status != napi_ok || !tagged) return false;
    if (napi_get_value_external(env, value, &address) != napi_ok) return false;
  } else if (type == napi_bigint) {
    uint64_t word = 0;
    bool exact = false;
    if (napi_get_value_bigint_uint64(env, value, &word, &exact) != napi_ok || !exact) return false;
    address = (void *)(uintptr_t)word;
  }
  if (address == NULL) return false;
  *out = *(oh_valloc_t const *)address;
  return out->vt != NULL;
}

#ifdef __cplusplus
}
#endif

#endif
