/* gc_test.c: the collected heap. What is held, or reached from what is held, must never be
   reclaimed; what is not goes, but for a few that a conservative collector keeps by accident. */

#include "check.h"
#include "door.h"
#include "gc.h"

#define MANY 2000

/* Of MANY blocks that nothing points at. */
#define FEW 20

/* No address of a block may be left on the stack: blocks are named by hidden addresses there. */
static uintptr_t hidden(void const *ptr) {
  return ~(uintptr_t)ptr;
}

static void *shown(uintptr_t address) {
  return (void *)~address;
}

static uintptr_t block_of(size_t size) {
  void *const ptr = oh_gc_alloc(0, size, 16);
  CHECK(ptr != NULL);
  check_fill(ptr, size, 1);
  return hidden(ptr);
}

static size_t left_of(uintptr_t const *all, size_t count) {
  size_t left = 0;
  for (size_t i = 0; i < count; i++) left += oh_gc_owns(shown(all[i]));
  return left;
}

static void without_the_library_there_is_no_memory(void) {
  CHECK(oh_gc_alloc(0, 16, 16) == NULL);
  CHECK(oh_gc_heap_size() == 0);
  oh_gc_collect(false);
  CHECK(oh_gc_open("/nowhere/libgc.so.1") == OH_GC_NOT_FOUND);
  CHECK(oh_gc_alloc(0, 16, 16) == NULL);
}

static void another_library_is_refused(void) {
  CHECK(oh_gc_open("libm.so.6") == OH_GC_INCOMPLETE);
  CHECK(oh_gc_open("libgc.so.1") == OH_GC_OPEN);
  CHECK(oh_gc_open(NULL) == OH_GC_OPEN);
}

static void every_alignment_is_kept(void) {
  for (size_t align = 1; align <= (size_t)1 << 20; align *= 2) {
    for (size_t size = 0; size < 100; size += 33) {
      char *const p = oh_gc_alloc(0, size, align);
      CHECK(p != NULL && (uintptr_t)p % align == 0 && check_zeros(p, size));
      CHECK(oh_gc_usable_size(p) >= size && oh_gc_usable_size(p) > 0);
      check_fill(p, oh_gc_usable_size(p), 3);
      oh_gc_collect(false);
      CHECK(check_filled(p, oh_gc_usable_size(p), 3));
      CHECK(oh_gc_free(p, size, align) == OH_OK);
    }
  }
}

static void what_cannot_be_gives_null(void) {
  CHECK(oh_gc_alloc(0, SIZE_MAX, 16) == NULL);
  CHECK(oh_gc_alloc(0, (size_t)1 << 50, 16) == NULL);
  CHECK(oh_gc_alloc(0, 1, (SIZE_MAX >> 1) + 1) == NULL);
  CHECK(oh_gc_alloc(0, 1, 0) == NULL);
  CHECK(oh_gc_alloc(0, 1, 24) == NULL);
  CHECK(oh_gc_alloc(12345, 1, 16) == NULL);
  CHECK(oh_gc_alloc(OH_GC_NO_OWNER, 1, 16) == NULL);
}

static void large_blocks_are_read_and_take_no_memory_until_touched(void) {
  size_t const size = (size_t)1 << 30;
  uintptr_t *const large = oh_gc_alloc(0, size, 16);
  CHECK(large != NULL && oh_gc_usable_size(large) >= size);
  uintptr_t const inner = block_of(100);
  large[size / sizeof(*large) - 1] = (uintptr_t)shown(inner);
  CHECK(oh_gc_let_go(shown(inner)));
  oh_gc_collect(false);
  CHECK(oh_gc_owns(shown(inner)) && check_filled(shown(inner), 100, 1));
  CHECK(oh_gc_free(large, size, 16) == OH_OK);
  oh_gc_collect(true);
}

static void wrong_frees_are_refused(void) {
  char *const p = oh_gc_alloc(0, 100, 32);
  bool resized;
  void *moved;
  int64_t change;
  CHECK(oh_gc_free(NULL, 0, 0) == OH_INVALID_POINTER);
  CHECK(oh_gc_free(p + 16, 0, 0) == OH_INVALID_POINTER);
  CHECK(oh_gc_free(&resized, 0, 0) == OH_INVALID_POINTER);
  CHECK(oh_gc_free(p, 5000, 32) == OH_INVALID_SIZE);
  CHECK(oh_gc_free(p, 100, 16) == OH_INVALID_ALIGN);
  CHECK(oh_gc_resize(p, 100, 32, 5000, &resized) == OH_OK && !resized);
  CHECK(oh_gc_free(p, 100, 32) == OH_OK);
  CHECK(oh_gc_free(p, 100, 32) == OH_DOUBLE_FREE);
  CHECK(oh_gc_resize(p, 100, 32, 10, &resized) == OH_DOUBLE_FREE && !resized);
  CHECK(oh_gc_remap(p, 100, 32, 200, &moved) == OH_DOUBLE_FREE && moved == NULL);
  CHECK(oh_gc_adopt(p, &change) == 0 && oh_gc_hold(p) == 0 && !oh_gc_let_go(p) && !oh_gc_show(p));
}

static void what_is_let_go_is_reclaimed_and_the_rest_is_not(void) {
  static uintptr_t lost[MANY], held[MANY], reached[MANY];
  for (int i = 0; i < MANY; i++) {
    lost[i] = block_of(40);
    held[i] = block_of(64);
    reached[i] = block_of(48);
    CHECK(oh_gc_let_go(shown(lost[i])) && oh_gc_let_go(shown(reached[i])));
    /* An address inside, in a block that is held. */
    *(char **)shown(held[i]) = (char *)shown(reached[i]) + i % 48;
  }
  oh_gc_collect(false);
  CHECK(left_of(held, MANY) == MANY && left_of(reached, MANY) == MANY);
  CHECK(left_of(lost, MANY) <= FEW);
  for (int i = 0; i < MANY; i++) CHECK(oh_gc_free(shown(held[i]), 64, 16) == OH_OK);
  oh_gc_collect(true);
  CHECK(left_of(reached, MANY) <= FEW);
}

static void it_collects_by_itself_but_not_what_is_being_moved(void) {
  size_t const before = oh_gc_heap_size();
  oh_gc_stats_t stats;
  oh_gc_stats(0, &stats);
  uint64_t const reclaimed = stats.reclaimed_blocks;
  for (int i = 0; i < 100000; i++) {
    void *p = oh_gc_alloc(0, 1000, 16);
    check_fill(p, 100, (unsigned)i);
    CHECK(oh_gc_let_go(p));
    CHECK(oh_gc_remap(p, 1000, 16, 3000, &p) == OH_OK && check_filled(p, 100, (unsigned)i));
    CHECK(oh_gc_let_go(p));
  }
  oh_gc_stats(0, &stats);
  CHECK(stats.reclaimed_blocks - reclaimed > 90000);
  CHECK(oh_gc_heap_size() < before + ((size_t)64 << 20));
}

static void pointer_free_blocks_hold_nothing(void) {
  oh_gc_options_t const options = {&options, true, true, false};
  uint32_t const owner = oh_gc_owner_new(&options);
  static uintptr_t lost[MANY];
  uintptr_t *const data = oh_gc_alloc(owner, sizeof(uintptr_t) * MANY, 8);
  for (int i = 0; i < MANY; i++) {
    lost[i] = hidden(oh_gc_alloc(owner, 32, 16));
    data[i] = ~lost[i];
    CHECK(oh_gc_let_go(shown(lost[i])));
  }
  oh_gc_collect(false);
  CHECK(left_of(lost, MANY) <= FEW && oh_gc_owns(data));
  size_t const records = oh_gc_record_count(owner);
  oh_gc_stats_t stats;
  oh_gc_stats(owner, &stats);
  CHECK(records >= MANY - FEW && stats.reclaimed_blocks == records);
  CHECK(stats.used == sizeof(uintptr_t) * MANY + 32 * (MANY - records));
  oh_gc_record_t record;
  CHECK(oh_gc_take_records(owner, &record, 1) == 1 && record.size == 32);
  CHECK(oh_gc_record_count(owner) == records - 1);
  oh_gc_thread_end(&options);
  CHECK(oh_gc_record_count(owner) == 0);
  CHECK(oh_gc_free(data, 0, 0) == OH_OK);
  CHECK(oh_gc_alloc(owner, 1, 1) == NULL);
}

static void a_handle_holds_until_it_is_dropped(void) {
  uintptr_t const at = block_of(100);
  int64_t change;
  uint64_t const serial = oh_gc_adopt(shown(at), &change);
  CHECK(serial != 0);
  oh_gc_collect(false);
  CHECK(oh_gc_owns(shown(at)));
  oh_gc_drop(shown(at), serial + 1);
  uint64_t const hold = oh_gc_hold(shown(at));
  oh_gc_drop(shown(at), serial);
  oh_gc_collect(false);
  CHECK(oh_gc_owns(shown(at)));
  CHECK(oh_gc_show(shown(at)) && oh_gc_show(shown(at)));
  oh_gc_unhold(shown(at), hold);
  CHECK(oh_gc_free(shown(at), 0, 0) == OH_SHOWN);
  /* Freed through one buffer, read through the other. */
  CHECK(oh_gc_free_shown(shown(at)) == OH_OK && !oh_gc_owns(shown(at)));
  CHECK(oh_gc_free(shown(at), 0, 0) == OH_DOUBLE_FREE);
  oh_gc_collect(false);
  CHECK(check_filled(shown(at), 100, 1));
  CHECK(oh_gc_unshow(shown(at)) && !oh_gc_unshow(shown(at)));
  CHECK(oh_gc_free_shown(shown(at)) == OH_INVALID_POINTER);
}

static void bytes_with_handles_are_told_by_the_mib(void) {
  int64_t sum = 0;
  int64_t change;
  char *blocks[20];
  oh_gc_options_t const options = {&options, false, false, false};
  uint32_t const owner = oh_gc_owner_new(&options);
  for (int i = 0; i < 20; i++) {
    blocks[i] = oh_gc_alloc(owner, (size_t)1 << 20, 16);
    CHECK(oh_gc_adopt(blocks[i], &change) != 0);
    CHECK(change == 0 || change >= 4 << 20);
    sum += change;
  }
  CHECK(sum > 15 << 20 && sum < 22 << 20);
  for (int i = 1; i < 20; i++) CHECK(oh_gc_free(blocks[i], 0, 0) == OH_OK);
  CHECK(oh_gc_adopt(blocks[0], &change) != 0 && change < -(10 << 20));
  CHECK(oh_gc_owner_forget(owner) == (size_t)(sum + change));
  CHECK(oh_gc_free(blocks[0], 0, 0) == OH_OK);
}

static void registered_memory_is_a_root(void) {
  static uintptr_t reached[MANY];
  void **const memory = malloc(MANY * sizeof(void *));
  uint64_t const id = oh_gc_roots_add(memory, MANY * sizeof(void *), NULL);
  for (int i = 0; i < MANY; i++) {
    reached[i] = block_of(32);
    memory[i] = shown(reached[i]);
    CHECK(oh_gc_let_go(memory[i]));
  }
  oh_gc_collect(false);
  CHECK(left_of(reached, MANY) == MANY);
  oh_gc_roots_remove(id);
  free(memory);
  oh_gc_collect(false);
  CHECK(left_of(reached, MANY) <= FEW);
}

static void leaks_are_found_and_kept(void) {
  oh_gc_options_t const options = {&options, false, false, true};
  uint32_t const owner = oh_gc_owner_new(&options);
  void **const first = oh_gc_alloc(owner, 32, 16);
  static uintptr_t lost[MANY];
  void **at = first;
  for (int i = 0; i < MANY; i++) at = *at = oh_gc_alloc(owner, 32, 16);
  for (int i = 0; i < MANY; i++) {
    lost[i] = hidden(oh_gc_alloc(owner, 56, 16));
    check_fill(shown(lost[i]), 56, 9);
    if (i % 2 == 0) CHECK(oh_gc_let_go(shown(lost[i])));
  }
  CHECK(oh_gc_hold(first) != 0);
  for (int round = 0; round < 2; round++) {
    oh_gc_find_leaks(owner);
    size_t found = 0;
    oh_gc_record_t record;
    for (; oh_gc_take_records(owner, &record, 1) == 1; found++) CHECK(record.size == 56);
    CHECK(found <= MANY && found >= MANY - FEW);
  }
  oh_gc_collect(false);
  for (int i = 0; i < MANY; i++) CHECK(check_filled(shown(lost[i]), 56, 9));
  for (int i = 0; i < MANY; i++) CHECK(oh_gc_free(shown(lost[i]), 56, 16) == OH_OK);
  oh_gc_owner_end(owner);
  CHECK(oh_gc_alloc(owner, 1, 1) == NULL);
}

static void blocks_move_with_their_bytes(void) {
  for (size_t align = 16; align <= 4096; align *= 16) {
    void *p = oh_gc_alloc(0, 100, align);
    check_fill(p, 100, 5);
    for (size_t size = 200; size < 400000; size *= 3) {
      CHECK(oh_gc_remap(p, 0, 0, size, &p) == OH_OK && p != NULL);
      CHECK((uintptr_t)p % align == 0 && check_filled(p, 100, 5));
    }
    void *moved;
    CHECK(oh_gc_remap(p, 0, 0, SIZE_MAX, &moved) == OH_OK && moved == NULL);
    CHECK(oh_gc_remap(p, 0, 0, 100, &p) == OH_OK && check_filled(p, 100, 5));
    CHECK(oh_gc_usable_size(p) < 5000);
    CHECK(oh_gc_free(p, 100, align) == OH_OK);
  }
}

static void through_the_table(void) {
  oh_valloc_t const v = {NULL, &oh_gc_vtable};
  uint64_t const refused = oh_refused_calls();
  char *p = oh_malloc(v, 64, 1000);
  check_fill(p, 1000, 2);
  oh_gc_collect(false);
  p = oh_realloc(v, 64, p, 3000);
  CHECK(p != NULL && check_filled(p, 1000, 2) && oh_usable_size(v, p) >= 3000);
  CHECK(oh_refused_calls() == refused);
  oh_free(v, p);
  oh_free(v, p);
  oh_free(v, &p);
  CHECK(oh_refused_calls() == refused + 2);
  oh_valloc_t const nobody = {(void *)(uintptr_t)UINT64_C(0x100000000), &oh_gc_vtable};
  CHECK(oh_malloc(nobody, 16, 1) == NULL);
}

int main(void) {
  RUN(without_the_library_there_is_no_memory);
  if (oh_gc_open(NULL) == OH_GC_NOT_FOUND && getenv("CI") == NULL) {
    printf("skip the collector: libgc.so.1 not installed\n");
    return 0;
  }
  RUN(another_library_is_refused);
  RUN(every_alignment_is_kept);
  RUN(what_cannot_be_gives_null);
  RUN(wrong_frees_are_refused);
  RUN(what_is_let_go_is_reclaimed_and_the_rest_is_not);
  RUN(it_collects_by_itself_but_not_what_is_being_moved);
  RUN(pointer_free_blocks_hold_nothing);
  RUN(a_handle_holds_until_it_is_dropped);
  RUN(bytes_with_handles_are_told_by_the_mib);
  RUN(registered_memory_is_a_root);
  RUN(leaks_are_found_and_kept);
  RUN(blocks_move_with_their_bytes);
  RUN(through_the_table);
  /* Last: libgc uses its addresses again, and all of them then count as heap. */
  RUN(large_blocks_are_read_and_take_no_memory_until_touched);
  return 0;
}
