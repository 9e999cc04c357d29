/* live_map_test.c: the table behind every free. The addresses are made up: the map never looks at
   what they point at. */

#include "check.h"
#include "live_map.h"

static oh_live_map_t map;

static void *address(uint64_t at) {
  return (void *)(uintptr_t)at;
}

static void what_was_never_inserted_is_0(void) {
  CHECK(oh_live_get(&map, NULL) == 0);
  CHECK(oh_live_get(&map, address(16)) == 0);
  CHECK(oh_live_get(&map, address(UINTPTR_MAX)) == 0);
  CHECK(oh_live_get(&map, address(UINTPTR_MAX - 15)) == 0);
  CHECK(!oh_live_replace(&map, address(UINTPTR_MAX - 15), 0, 1));
}

static void a_tag_belongs_to_one_address(void) {
  uint64_t const at = (uint64_t)0x7aaaaaaa0000 & UINTPTR_MAX;
  CHECK(oh_live_insert(&map, address(at), 5));
  CHECK(oh_live_get(&map, address(at)) == 5);
  for (unsigned i = 1; i < 16; i++) CHECK(oh_live_get(&map, address(at + i)) == 0);
  CHECK(oh_live_get(&map, address(at + 16)) == 0);
  CHECK(oh_live_get(&map, address(at - 16)) == 0);
}

static void replacing_needs_the_expected_tag(void) {
  void *const p = address((uint64_t)0x7aaaaaab0000 & UINTPTR_MAX);
  CHECK(!oh_live_replace(&map, p, 1, 2));
  CHECK(oh_live_insert(&map, p, 1));
  CHECK(!oh_live_replace(&map, p, 3, 2));
  CHECK(oh_live_replace(&map, p, 1, OH_TAG_FREED));
  CHECK(!oh_live_replace(&map, p, 1, OH_TAG_FREED));
  CHECK(oh_live_get(&map, p) == OH_TAG_FREED);
}

/* The ends of leaves are where an index would be off by one. */
static void the_ends_of_leaves_are_inside(void) {
  uint64_t const step = OS_HEAP_ALIGN;
  uint64_t const leaf = step << OH_LIVE_LEAF_BITS;
  uint64_t const last = (step << OH_LIVE_BITS) - step;
  uint64_t const ends[] = {
      leaf * 3 - step, leaf * 3, leaf * 7777 - step, leaf * 7777, last & UINTPTR_MAX,
  };
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (ends[i] > UINTPTR_MAX) continue;
    CHECK(oh_live_get(&map, address(ends[i])) == 0);
    CHECK(oh_live_insert(&map, address(ends[i]), (oh_tag_t)(i + 1)));
  }
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (ends[i] <= UINTPTR_MAX) CHECK(oh_live_get(&map, address(ends[i])) == i + 1);
  }
}

/* A block that cannot be entered must be refused, or it could never be freed. */
static void addresses_that_are_no_heap_blocks_cannot_be_inserted(void) {
  CHECK(!oh_live_insert(&map, address(0x100000 + OS_HEAP_ALIGN / 2), 1));
  CHECK(!oh_live_insert(&map, address(0x100001), 1));
#if UINTPTR_MAX > 0xffffffffu
  CHECK(!oh_live_insert(&map, address((uint64_t)1 << 48), 1));
  CHECK(!oh_live_insert(&map, address((uint64_t)1 << 63), 1));
#endif
}

int main(void) {
  RUN(what_was_never_inserted_is_0);
  RUN(a_tag_belongs_to_one_address);
  RUN(replacing_needs_the_expected_tag);
  RUN(the_ends_of_leaves_are_inside);
  RUN(addresses_that_are_no_heap_blocks_cannot_be_inserted);
  return 0;
}
