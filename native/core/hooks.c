/* hooks.c: the functions of libraries that pass a context, which is the bridge. */

#include "hooks.h"

/* ---- zlib and zstd --------------------------------------------------------------------------- */

static void *zlib_alloc(void *opaque, unsigned items, unsigned size) {
  return oh_bridge_alloc_array((oh_bridge_t *)opaque, items, size);
}

static void *opaque_alloc(void *opaque, size_t size) {
  return oh_bridge_alloc((oh_bridge_t *)opaque, size);
}

static void opaque_free(void *opaque, void *address) {
  oh_bridge_free((oh_bridge_t *)opaque, address);
}

/* ---- Lua ------------------------------------------------------------------------------------- */

/* Without a block, osize says what kind of object it will be. */
static void *lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  oh_bridge_t *const bridge = (oh_bridge_t *)ud;
  if (nsize == 0) {
    oh_bridge_sized_free(bridge, ptr, osize);
    return NULL;
  }
  if (ptr == NULL) return oh_bridge_sized_alloc(bridge, nsize);
  return oh_bridge_sized_realloc(bridge, ptr, osize, nsize);
}

/* ---- nghttp2 --------------------------------------------------------------------------------- */

static void *nghttp2_malloc(size_t size, void *user) {
  return oh_bridge_alloc((oh_bridge_t *)user, size);
}

static void nghttp2_free(void *ptr, void *user) {
  oh_bridge_free((oh_bridge_t *)user, ptr);
}

static void *nghttp2_calloc(size_t n, size_t size, void *user) {
  return oh_bridge_calloc((oh_bridge_t *)user, n, size);
}

static void *nghttp2_realloc(void *ptr, size_t size, void *user) {
  return oh_bridge_realloc((oh_bridge_t *)user, ptr, size);
}

/* ---- yyjson ---------------------------------------------------------------------------------- */

/* The old size is what the library thinks; the heap knows. */
static void *yyjson_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
  (void)old_size;
  return oh_bridge_realloc((oh_bridge_t *)ctx, ptr, size);
}

/* ---- FreeType -------------------------------------------------------------------------------- */

static oh_bridge_t *bridge_of(oh_freetype_hooks_t const *memory) {
  return memory == NULL ? NULL : (oh_bridge_t *)memory->user;
}

/* A negative size becomes one that no heap has. */
static void *freetype_alloc(oh_freetype_hooks_t *memory, long size) {
  return oh_bridge_alloc(bridge_of(memory), size < 0 ? SIZE_MAX : (size_t)size);
}

static void freetype_free(oh_freetype_hooks_t *memory, void *block) {
  oh_bridge_free(bridge_of(memory), block);
}

static void *freetype_realloc(oh_freetype_hooks_t *memory, long cur_size, long new_size,
                              void *block) {
  (void)cur_size;
  return oh_bridge_realloc(bridge_of(memory), block, new_size < 0 ? SIZE_MAX : (size_t)new_size);
}

/* ---- Filling them in ------------------------------------------------------------------------- */

bool oh_hooks_fill(oh_hooks_t *hooks, oh_library_t library, oh_bridge_t *bridge) {
  memset(hooks, 0, sizeof *hooks);
  switch (library) {
    case OH_ZLIB:
      hooks->zlib = (oh_zlib_hooks_t){zlib_alloc, opaque_free, bridge};
      return true;
    case OH_ZSTD:
      hooks->zstd = (oh_zstd_hooks_t){opaque_alloc, opaque_free, bridge};
      return true;
    case OH_LUA:
      hooks->lua = (oh_lua_hooks_t){lua_alloc, bridge};
      return true;
    case OH_NGHTTP2:
      hooks->nghttp2 = (oh_nghttp2_hooks_t){bridge, nghttp2_malloc, nghttp2_free, nghttp2_calloc,
                                            nghttp2_realloc};
      return true;
    case OH_YYJSON:
      hooks->yyjson = (oh_yyjson_hooks_t){opaque_alloc, yyjson_realloc, opaque_free, bridge};
      return true;
    case OH_FREETYPE:
      hooks->freetype =
          (oh_freetype_hooks_t){bridge, freetype_alloc, freetype_free, freetype_realloc};
      return true;
    case OH_EXPAT:
    case OH_SQLITE:
      return oh_slots_fill(hooks, library, bridge);
  }
  return false;
}
