/* extent_map.c: a hash table of blocks; extent_map.h says why it is as it is.

   The table is at most three quarters full of entries, live or dead. When it would be fuller it is
   rebuilt with the live ones only, at least twice as large as they need: so a quarter of the table
   is inserted between two rebuilds, and an insertion costs O(1) on average. */

#include "extent_map.h"

#include <string.h>

#include "os.h"

#define MIN_CAPACITY 64

/* Fibonacci hashing; nothing starts but at multiples of 16, so the low 4 bits say nothing. */
static size_t home_of(oh_extent_map_t const *map, void const *ptr) {
  uint64_t const hash = ((uint64_t)(uintptr_t)ptr >> 4) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 32) & (map->capacity - 1);
}

/* The slot of ptr, or the empty one where it belongs. There is always an empty one. */
static oh_extent_t *slot_of(oh_extent_map_t const *map, void const *ptr) {
  size_t at = home_of(map, ptr);
  while (map->slots[at].ptr != NULL && map->slots[at].ptr != ptr) {
    at = (at + 1) & (map->capacity - 1);
  }
  return &map->slots[at];
}

oh_extent_t *oh_extent_find(oh_extent_map_t const *map, void const *ptr) {
  if (map->capacity == 0 || ptr == NULL) return NULL;
  oh_extent_t *const slot = slot_of(map, ptr);
  return slot->ptr == NULL ? NULL : slot;
}

void oh_extent_put(oh_extent_map_t *map, oh_extent_t const *extent) {
  oh_extent_t *const slot = slot_of(map, extent->ptr);
  if (slot->ptr == NULL) map->taken++;
  *slot = *extent;
  slot->live = true;
  map->live++;
}

void oh_extent_kill(oh_extent_map_t *map, oh_extent_t *extent) {
  extent->live = false;
  map->live--;
}

static bool rebuild(oh_extent_map_t *map, size_t capacity) {
  if (capacity > SIZE_MAX / sizeof(oh_extent_t)) return false;
  size_t const bytes = capacity * sizeof(oh_extent_t);
  oh_extent_map_t next = {NULL, 0, 0, 0};
  next.slots = os_heap_alloc_raw(bytes);
  next.capacity = capacity;
  if (next.slots == NULL) return false;
  memset(next.slots, 0, bytes);
  for (size_t i = 0; i < map->capacity; i++) {
    if (map->slots[i].ptr != NULL && map->slots[i].live) oh_extent_put(&next, &map->slots[i]);
  }
  os_heap_free(map->slots, true);
  *map = next;
  return true;
}

bool oh_extent_reserve(oh_extent_map_t *map) {
  if (map->taken + 1 <= map->capacity / 4 * 3) return true;
  size_t capacity = MIN_CAPACITY;
  while (capacity / 2 < map->live + 1) capacity *= 2;
  return rebuild(map, capacity);
}
