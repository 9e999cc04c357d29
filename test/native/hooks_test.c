/* hooks_test.c: what each C library is given, called as that library calls it, and as none should. */

#include "hooks.h"

#include <limits.h>

#include "bump.h"
#include "check.h"
#include "libc.h"

#define CAPACITY ((size_t)1 << 16)

static _Alignas(16) char payload[CAPACITY];
static oh_bump_t bump;

static oh_bridge_t *open_bump(void) {
  oh_bump_init(&bump, payload, CAPACITY);
  return oh_bridge_open((oh_valloc_t){&bump, &oh_bump_vtable});
}

static oh_bridge_stats_t stats_of(oh_bridge_t const *bridge) {
  oh_bridge_stats_t stats;
  oh_bridge_read(bridge, &stats);
  return stats;
}

/* All is freed again; so many calls were not served, and so many refused. */
static void ends(oh_bridge_t *bridge, uint64_t failures, uint64_t refused) {
  oh_bridge_stats_t const stats = stats_of(bridge);
  CHECK(stats.blocks == 0 && stats.bytes == 0 && stats.allocations > 0);
  CHECK(stats.failures == failures && stats.refused == refused);
  oh_bridge_delete(bridge);
}

static void zlib(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_ZLIB, bridge));
  oh_zlib_hooks_t const z = hooks.zlib;
  char *const window = z.zalloc(z.opaque, 1000, 2);
  check_fill(window, 2000, 1);
  CHECK(stats_of(bridge).bytes == 2000);
  CHECK(z.zalloc(z.opaque, UINT_MAX, UINT_MAX) == NULL);
  CHECK(z.zalloc(NULL, 1, 1) == NULL);
  z.zfree(z.opaque, NULL);
  z.zfree(NULL, window);
  z.zfree(z.opaque, window);
  z.zfree(z.opaque, window);
  ends(bridge, 1, 1);
}

static void zstd(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_ZSTD, bridge));
  oh_zstd_hooks_t const z = hooks.zstd;
  void *const p = z.customAlloc(z.opaque, 300);
  CHECK(p != NULL && z.customAlloc(z.opaque, SIZE_MAX) == NULL);
  z.customFree(z.opaque, p);
  z.customFree(z.opaque, NULL);
  ends(bridge, 1, 0);
}

static void lua(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_LUA, bridge));
  oh_lua_hooks_t const l = hooks.lua;
  char *p = l.f(l.ud, NULL, 8, 100); /* 8: a kind of object, no size */
  check_fill(p, 100, 2);
  CHECK(stats_of(bridge).bytes == 100);
  CHECK(l.f(l.ud, NULL, 4, 50) != NULL);
  p = l.f(l.ud, p, 100, 400);
  CHECK(check_filled(p, 100, 2) && stats_of(bridge).bytes == 450);
  CHECK(l.f(l.ud, p, 400, 10) == p);
  CHECK(l.f(l.ud, p, 10, SIZE_MAX) == NULL);
  CHECK(l.f(l.ud, p, 10, 0) == NULL && l.f(l.ud, NULL, 5, 0) == NULL);
  CHECK(l.f(NULL, NULL, 0, 8) == NULL && l.f(NULL, p, 8, 0) == NULL);
  CHECK(l.f(l.ud, (void *)32, 8, 16) == NULL);
  CHECK(stats_of(bridge).blocks == 1 && stats_of(bridge).bytes == 50);
  oh_bridge_forget(bridge);
  ends(bridge, 1, 1);
}

static void nghttp2(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_NGHTTP2, bridge));
  oh_nghttp2_hooks_t const n = hooks.nghttp2;
  void *const user = n.mem_user_data;
  void *p = n.malloc(10, user);
  p = n.realloc(p, 1000, user);
  CHECK(p != NULL && n.realloc(p, SIZE_MAX - 4, user) == NULL);
  void *const q = n.calloc(20, 5, user);
  CHECK(check_zeros(q, 100) && n.calloc(SIZE_MAX, 2, user) == NULL);
  n.free(p, user);
  n.free(q, user);
  n.free(NULL, user);
  CHECK(n.malloc(1, NULL) == NULL && n.realloc(NULL, 1, NULL) == NULL);
  ends(bridge, 2, 0);
}

static void yyjson(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_YYJSON, bridge));
  oh_yyjson_hooks_t const y = hooks.yyjson;
  char *p = y.malloc(y.ctx, 64);
  check_fill(p, 64, 5);
  CHECK(y.malloc(y.ctx, 8) != NULL);
  p = y.realloc(y.ctx, p, 1 << 30, 128); /* an old size that is not so */
  CHECK(p != NULL && check_filled(p, 64, 5) && stats_of(bridge).bytes == 136);
  y.free(y.ctx, p);
  CHECK(stats_of(bridge).bytes == 8);
  oh_bridge_forget(bridge);
  ends(bridge, 0, 0);
}

static void freetype(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_FREETYPE, bridge));
  oh_freetype_hooks_t *const memory = &hooks.freetype;
  void *p = memory->alloc(memory, 100);
  CHECK(p != NULL && memory->alloc(memory, -1) == NULL && memory->alloc(memory, LONG_MIN) == NULL);
  p = memory->realloc(memory, 100, 200, p);
  CHECK(p != NULL && memory->realloc(memory, 200, -5, p) == NULL);
  CHECK(stats_of(bridge).bytes == 200);
  memory->free(memory, p);
  memory->free(memory, p);
  CHECK(memory->alloc(NULL, 8) == NULL && memory->realloc(NULL, 0, 8, NULL) == NULL);
  memory->free(NULL, p);
  ends(bridge, 3, 1);
}

static void expat(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_EXPAT, bridge));
  oh_expat_hooks_t const e = hooks.expat;
  char *p = e.malloc_fcn(50);
  check_fill(p, 50, 6);
  p = e.realloc_fcn(p, 500);
  CHECK(p != NULL && check_filled(p, 50, 6) && e.malloc_fcn(SIZE_MAX) == NULL);
  e.free_fcn(p);
  e.free_fcn(NULL);
  oh_slots_release(bridge);
  oh_slots_release(bridge);
  CHECK(e.malloc_fcn(1) == NULL && e.realloc_fcn(p, 1) == NULL);
  e.free_fcn(p);
  ends(bridge, 1, 0);
}

static void sqlite(void) {
  oh_bridge_t *const bridge = open_bump();
  oh_hooks_t hooks;
  CHECK(oh_hooks_fill(&hooks, OH_SQLITE, bridge));
  oh_sqlite_hooks_t const s = hooks.sqlite;
  CHECK(s.xInit(s.pAppData) == 0);
  void *p = s.xMalloc(s.xRoundup(101));
  CHECK(s.xRoundup(101) == 104 && s.xRoundup(INT_MAX) == INT_MAX && s.xSize(p) == 104);
  p = s.xRealloc(p, 208);
  CHECK(s.xSize(p) == 208 && s.xMalloc(-1) == NULL && s.xRealloc(p, -1) == NULL);
  CHECK(s.xSize(NULL) == 0 && s.xSize((void *)64) == 0);
  s.xFree(p);
  s.xShutdown(s.pAppData);
  oh_slots_release(bridge);
  ends(bridge, 2, 0);
}

/* Each slot serves the bridge that has it; when all are taken there is no other. */
static void slots_are_few_and_separate(void) {
  oh_bridge_t *bridges[OH_SLOTS + 1];
  oh_hooks_t hooks[OH_SLOTS + 1];
  for (size_t i = 0; i <= OH_SLOTS; i++) {
    bridges[i] = oh_bridge_open((oh_valloc_t){NULL, &oh_libc_vtable});
    CHECK(oh_hooks_fill(&hooks[i], i % 2 == 0 ? OH_EXPAT : OH_SQLITE, bridges[i]) == (i < OH_SLOTS));
  }
  for (size_t i = 0; i < OH_SLOTS; i++) {
    void *const p = i % 2 == 0 ? hooks[i].expat.malloc_fcn(8) : hooks[i].sqlite.xMalloc(8);
    for (size_t other = 0; other < OH_SLOTS; other++) {
      CHECK(stats_of(bridges[other]).blocks == (other == i));
    }
    if (i % 2 == 0) hooks[i].expat.free_fcn(p);
    else hooks[i].sqlite.xFree(p);
    CHECK(stats_of(bridges[i]).blocks == 0);
  }
  oh_slots_release(bridges[3]);
  CHECK(oh_hooks_fill(&hooks[OH_SLOTS], OH_EXPAT, bridges[OH_SLOTS]));
  for (size_t i = 0; i <= OH_SLOTS; i++) {
    oh_slots_release(bridges[i]);
    oh_bridge_delete(bridges[i]);
  }
  CHECK(!oh_slots_fill(&hooks[0], OH_EXPAT, NULL));
  oh_slots_release(NULL);
}

static void no_other_library(void) {
  oh_hooks_t hooks;
  CHECK(!oh_hooks_fill(&hooks, (oh_library_t)99, NULL));
}

int main(void) {
  RUN(zlib);
  RUN(zstd);
  RUN(lua);
  RUN(nghttp2);
  RUN(yyjson);
  RUN(freetype);
  RUN(expat);
  RUN(sqlite);
  RUN(slots_are_few_and_separate);
  RUN(no_other_library);
  return 0;
}
