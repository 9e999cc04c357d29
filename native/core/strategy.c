/* strategy.c: the strategies as tables of functions. Each adapter is a cast. */

#include "strategy.h"

#include "bump.h"
#include "free_list.h"
#include "pool.h"
#include "slab.h"

/* ---- Bump: a block of 0 bytes takes one ------------------------------------------------------ */

static bool bump_resize(void *state, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)align;
  return oh_bump_resize((oh_bump_t *)state, ptr, size + (size == 0), new_size);
}

static bool bump_free(void *state, void *ptr, size_t size, size_t align) {
  (void)align;
  return oh_bump_free((oh_bump_t *)state, ptr, size + (size == 0));
}

static bool bump_is_free(void *state, void const *ptr) {
  (void)state;
  (void)ptr;
  return false;
}

static void bump_read(void const *state, oh_figures_t *figures) {
  oh_bump_read((oh_bump_t const *)state, figures);
}

/* ---- Free list ------------------------------------------------------------------------------- */

static bool list_resize(void *state, void *ptr, size_t size, size_t align, size_t new_size) {
  return oh_free_list_resize((oh_free_list_t *)state, ptr, size, align, new_size);
}

static bool list_free(void *state, void *ptr, size_t size, size_t align) {
  return oh_free_list_free((oh_free_list_t *)state, ptr, size, align);
}

static bool list_is_free(void *state, void const *ptr) {
  return oh_free_list_is_free((oh_free_list_t *)state, ptr);
}

static void list_read(void const *state, oh_figures_t *figures) {
  oh_free_list_read((oh_free_list_t const *)state, figures);
}

/* ---- Pool: C hands out whole blocks ---------------------------------------------------------- */

static size_t whole(oh_pool_t const *pool, size_t size) {
  return size < pool->block_size ? pool->block_size : size;
}

static bool pool_resize(void *state, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_pool_t *const pool = (oh_pool_t *)state;
  return oh_pool_resize(pool, ptr, whole(pool, size), align, whole(pool, new_size));
}

static bool pool_free(void *state, void *ptr, size_t size, size_t align) {
  oh_pool_t *const pool = (oh_pool_t *)state;
  return oh_pool_free(pool, ptr, whole(pool, size), align);
}

static bool pool_is_free(void *state, void const *ptr) {
  return oh_pool_is_free((oh_pool_t *)state, ptr);
}

static void pool_read(void const *state, oh_figures_t *figures) {
  oh_pool_read((oh_pool_t const *)state, figures);
}

/* ---- Slab ------------------------------------------------------------------------------------ */

static bool slab_resize(void *state, void *ptr, size_t size, size_t align, size_t new_size) {
  return oh_slab_resize((oh_slab_t *)state, ptr, size, align, new_size);
}

static bool slab_free(void *state, void *ptr, size_t size, size_t align) {
  return oh_slab_free((oh_slab_t *)state, ptr, size, align);
}

static bool slab_is_free(void *state, void const *ptr) {
  return oh_slab_is_free((oh_slab_t *)state, ptr);
}

static void slab_read(void const *state, oh_figures_t *figures) {
  oh_slab_read((oh_slab_t const *)state, figures);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static oh_strategy_t const strategies[] = {
    {&oh_bump_vtable, bump_resize, bump_free, bump_is_free, bump_read},
    {&oh_free_list_vtable, list_resize, list_free, list_is_free, list_read},
    {&oh_pool_vtable, pool_resize, pool_free, pool_is_free, pool_read},
    {&oh_slab_vtable, slab_resize, slab_free, slab_is_free, slab_read},
};

oh_strategy_t const *oh_strategy_of(oh_vtable_t const *vtable) {
  for (size_t i = 0; i < sizeof strategies / sizeof strategies[0]; i++) {
    if (strategies[i].vtable == vtable) return &strategies[i];
  }
  return NULL;
}
