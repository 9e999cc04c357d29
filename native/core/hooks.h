/* hooks.h: what C libraries want to be given in place of malloc, filled for a bridge.

   The structs are the libraries' own contracts, declared here so that no library's header is needed.
   Read in: zlib 1.2.13 (zlib.h), zstd 1.5.4 (zstd.h), Lua 5.4.4 (lua.h), nghttp2 1.52.0
   (nghttp2.h), yyjson 0.10.0 (yyjson.h), FreeType 2.12.1 (ftsystem.h), Expat 2.5.0 (expat.h),
   SQLite 3.40.1 (sqlite3.h).

   Every function takes what a library may pass, wrong pointers included: see bridge.h. */

#ifndef OH_HOOKS_H
#define OH_HOOKS_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The three fields of a z_stream, side by side there as here. */
typedef struct oh_zlib_hooks {
  void *(*zalloc)(void *opaque, unsigned items, unsigned size);
  void (*zfree)(void *opaque, void *address);
  void *opaque;
} oh_zlib_hooks_t;

/* ZSTD_customMem, which is passed by value. */
typedef struct oh_zstd_hooks {
  void *(*customAlloc)(void *opaque, size_t size);
  void (*customFree)(void *opaque, void *address);
  void *opaque;
} oh_zstd_hooks_t;

/* The two arguments of lua_newstate. */
typedef struct oh_lua_hooks {
  void *(*f)(void *ud, void *ptr, size_t osize, size_t nsize);
  void *ud;
} oh_lua_hooks_t;

/* nghttp2_mem. */
typedef struct oh_nghttp2_hooks {
  void *mem_user_data;
  void *(*malloc)(size_t size, void *mem_user_data);
  void (*free)(void *ptr, void *mem_user_data);
  void *(*calloc)(size_t nmemb, size_t size, void *mem_user_data);
  void *(*realloc)(void *ptr, size_t size, void *mem_user_data);
} oh_nghttp2_hooks_t;

/* yyjson_alc. */
typedef struct oh_yyjson_hooks {
  void *(*malloc)(void *ctx, size_t size);
  void *(*realloc)(void *ctx, void *ptr, size_t old_size, size_t size);
  void (*free)(void *ctx, void *ptr);
  void *ctx;
} oh_yyjson_hooks_t;

/* FT_MemoryRec_, whose address is an FT_Memory. */
typedef struct oh_freetype_hooks {
  void *user;
  void *(*alloc)(struct oh_freetype_hooks *memory, long size);
  void (*free)(struct oh_freetype_hooks *memory, void *block);
  void *(*realloc)(struct oh_freetype_hooks *memory, long cur_size, long new_size, void *block);
} oh_freetype_hooks_t;

/* XML_Memory_Handling_Suite: no context. */
typedef struct oh_expat_hooks {
  void *(*malloc_fcn)(size_t size);
  void *(*realloc_fcn)(void *ptr, size_t size);
  void (*free_fcn)(void *ptr);
} oh_expat_hooks_t;

/* sqlite3_mem_methods: none that the functions are given, and one for the whole process. */
typedef struct oh_sqlite_hooks {
  void *(*xMalloc)(int size);
  void (*xFree)(void *ptr);
  void *(*xRealloc)(void *ptr, int size);
  int (*xSize)(void *ptr);
  int (*xRoundup)(int size);
  int (*xInit)(void *pAppData);
  void (*xShutdown)(void *pAppData);
  void *pAppData;
} oh_sqlite_hooks_t;

typedef union oh_hooks {
  oh_zlib_hooks_t zlib;
  oh_zstd_hooks_t zstd;
  oh_lua_hooks_t lua;
  oh_nghttp2_hooks_t nghttp2;
  oh_yyjson_hooks_t yyjson;
  oh_freetype_hooks_t freetype;
  oh_expat_hooks_t expat;
  oh_sqlite_hooks_t sqlite;
} oh_hooks_t;

/* As in lib/native/binding.ts. */
typedef enum oh_library {
  OH_ZLIB,
  OH_ZSTD,
  OH_LUA,
  OH_NGHTTP2,
  OH_YYJSON,
  OH_FREETYPE,
  OH_EXPAT,
  OH_SQLITE,
} oh_library_t;

/* Functions without a context find their bridge by which of them was called: there are so many sets
   of them, in slots.c, for all libraries and threads together. */
#define OH_SLOTS 8

/* Fills in what the library wants. false: there is no such library, or its functions have no context
   and every slot is taken. */
bool oh_hooks_fill(oh_hooks_t *hooks, oh_library_t library, oh_bridge_t *bridge);

/* The same for the libraries without a context. */
bool oh_slots_fill(oh_hooks_t *hooks, oh_library_t library, oh_bridge_t *bridge);
/* Gives the slot of this bridge back, if it has one: its functions have no memory from now on. */
void oh_slots_release(oh_bridge_t *bridge);

#ifdef __cplusplus
}
#endif

#endif
