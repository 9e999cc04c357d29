/* stacks_test.c: stacks are kept once: the same is the same number, another is another. */

#include "check.h"
#include "random.h"
#include "stacks.h"

static uint32_t text(char const *text) {
  return oh_frame_of_text(text, strlen(text));
}

static void frames_are_kept_once(void) {
  oh_frame_view_t view;
  uint32_t const a = text("a.ts:1:2"), b = text("a.ts:1:3"), nothing = text("");
  CHECK(a != 0 && b != 0 && nothing != 0 && a != b && a != nothing);
  CHECK(text("a.ts:1:2") == a && text("a.ts:1:3") == b && text("") == nothing);
  CHECK(oh_frame_read(a, &view) && view.length == 8 && strcmp(view.text, "a.ts:1:2") == 0);
  CHECK(view.code == NULL);
  CHECK(oh_frame_read(nothing, &view) && view.length == 0 && strcmp(view.text, "") == 0);
}

static void what_is_behind_a_nul_counts(void) {
  oh_frame_view_t view;
  uint32_t const one = oh_frame_of_text("x\0y", 3), other = oh_frame_of_text("x\0z", 3);
  CHECK(one != other && one != text("x") && oh_frame_of_text("x\0", 2) != text("x"));
  CHECK(oh_frame_read(one, &view) && view.length == 3 && memcmp(view.text, "x\0y", 4) == 0);
}

/* Of those that share a chunk, fill one to its end, and have one of their own. */
static void texts_of_all_lengths_are_kept(void) {
  size_t const lengths[] = {1, 1000, 65534, 65535, 65536, 65537, 262143, 262144, 1000000};
  enum { LENGTHS = sizeof lengths / sizeof *lengths };
  uint32_t frames[LENGTHS][3];
  char *const bytes = malloc(1000000);
  CHECK(bytes != NULL);
  for (unsigned i = 0; i < LENGTHS * 3; i++) {
    size_t const length = lengths[i % LENGTHS];
    check_fill(bytes, length, i);
    frames[i % LENGTHS][i / LENGTHS] = oh_frame_of_text(bytes, length);
    CHECK(frames[i % LENGTHS][i / LENGTHS] != 0);
  }
  for (unsigned i = 0; i < LENGTHS * 3; i++) {
    oh_frame_view_t view;
    size_t const length = lengths[i % LENGTHS];
    CHECK(oh_frame_read(frames[i % LENGTHS][i / LENGTHS], &view) && view.length == length);
    CHECK(check_filled(view.text, length, i) && view.text[length] == '\0');
    CHECK(oh_frame_of_text(view.text, length) == frames[i % LENGTHS][i / LENGTHS]);
  }
  free(bytes);
}

static void code_is_no_text(void) {
  oh_frame_view_t view;
  void const *const address = "code";
  uint32_t const code = oh_frame_of_code(address);
  CHECK(code != 0 && oh_frame_of_code(address) == code && text("code") != code);
  CHECK(oh_frame_of_code((char const *)address + 1) != code);
  CHECK(oh_frame_read(code, &view) && view.text == NULL && view.length == 0);
  CHECK(view.code == address);
}

static void what_is_not_there_is_not_read(void) {
  oh_frame_view_t view;
  uint32_t caller, frame;
  uint32_t const f = text("a frame");
  CHECK(!oh_frame_read(0, &view) && !oh_frame_peek(0, &view));
  CHECK(!oh_frame_read(UINT32_MAX, &view) && !oh_frame_peek(1u << 30, &view));
  CHECK(!oh_stacks_read(0, &caller, &frame) && !oh_stacks_peek(0, &caller, &frame));
  CHECK(!oh_stacks_read(UINT32_MAX, &caller, &frame) && !oh_stacks_peek(1u << 30, &caller, &frame));
  CHECK(oh_stacks_call(0, 0) == 0 && oh_stacks_call(0, UINT32_MAX) == 0);
  CHECK(oh_stacks_call(UINT32_MAX, f) == 0 && oh_stacks_call(1u << 30, f) == 0);
}

/* A caller that comes only later would make it possible. */
static void no_stack_goes_in_circles(void) {
  uint32_t const f = text("circle");
  uint32_t const last = oh_stacks_call(0, text("the last until now"));
  CHECK(oh_stacks_call(last + 1, f) == 0 && oh_stacks_call(last + 2, f) == 0);
  void *const code = (void *)(uintptr_t)0x1234;
  uint32_t const stack = oh_stacks_of_code(last + 3, &code, 1);
  uint32_t caller, frame;
  CHECK(oh_stacks_read(stack, &caller, &frame) && caller == 0);
}

static void stacks_that_share_their_callers_share_their_memory(void) {
  uint32_t stacks, more, frames;
  size_t bytes, grown;
  void *addresses[16];
  for (uintptr_t i = 0; i < 16; i++) addresses[i] = (void *)(0x700000 + i);
  uint32_t const js = oh_stacks_call(0, text("caller.ts:1:1"));
  uint32_t const stack = oh_stacks_of_code(js, addresses, 16);
  oh_stacks_count(&stacks, &frames, &bytes);
  CHECK(oh_stacks_of_code(js, addresses, 16) == stack);
  addresses[0] = (void *)(uintptr_t)0x800000;
  CHECK(oh_stacks_of_code(js, addresses, 16) != stack);
  oh_stacks_count(&more, &frames, &grown);
  CHECK(more == stacks + 1 && grown - bytes <= 16 + 24 + 2 * sizeof(uint32_t));
  CHECK(oh_stacks_of_code(js, addresses, 0) == js);

  uint32_t at = stack, caller, frame;
  for (uintptr_t i = 0; i < 16; i++, at = caller) {
    oh_frame_view_t view;
    CHECK(oh_stacks_read(at, &caller, &frame) && oh_frame_read(frame, &view));
    CHECK(view.code == (void *)(0x700000 + i));
  }
  CHECK(at == js);
}

/* Every path in a tree of 4 frames, 6 deep, in random order: numbers are as different as paths. */
static void different_stacks_have_different_numbers(void) {
  enum { PATHS = 1 << 12 };
  static uint32_t number[PATHS];
  uint32_t frames[4];
  for (unsigned i = 0; i < 4; i++) frames[i] = oh_frame_of_text("abcd" + i, 1);
  random_state = 1;
  for (unsigned i = 0; i < 4 * PATHS; i++) {
    unsigned const path = i < 3 * PATHS ? random_below(PATHS) : i - 3 * PATHS;
    uint32_t stack = 0;
    for (unsigned depth = 0; depth < 6; depth++) {
      stack = oh_stacks_call(stack, frames[path >> (2 * depth) & 3]);
      CHECK(stack != 0);
    }
    CHECK(number[path] == 0 || number[path] == stack);
    number[path] = stack;
  }
  for (unsigned path = 0; path < PATHS; path++) {
    uint32_t at = number[path], caller, frame;
    for (unsigned depth = 6; depth-- > 0; at = caller) {
      CHECK(oh_stacks_peek(at, &caller, &frame) && frame == frames[path >> (2 * depth) & 3]);
    }
    CHECK(at == 0); /* so no two paths have one number */
  }
}

static void recursion_may_be_deep(void) {
  enum { DEEP = 100000 };
  uint32_t const f = text("recurse.ts:1:1");
  uint32_t stacks, more, frames;
  size_t bytes, grown;
  oh_stacks_count(&stacks, &frames, &bytes);
  uint32_t stack = 0;
  for (unsigned i = 0; i < DEEP; i++) stack = oh_stacks_call(stack, f);
  oh_stacks_count(&more, &frames, &grown);
  CHECK(more - stacks == DEEP && grown - bytes <= (size_t)DEEP * 20);
  unsigned depth = 0;
  for (uint32_t frame; stack != 0; depth++) {
    CHECK(oh_stacks_read(stack, &stack, &frame) && frame == f);
  }
  CHECK(depth == DEEP);
}

static void a_frame_is_resolved_once(void) {
  uint32_t const a = text("made.js:1:1"), b = text("source.ts:9:9"), c = text("other.ts:1:1");
  CHECK(oh_frame_resolved(a) == a && oh_frame_resolved(0) == 0);
  CHECK(oh_frame_resolved(UINT32_MAX) == UINT32_MAX);
  oh_frame_resolve(a, 0);
  oh_frame_resolve(a, UINT32_MAX);
  oh_frame_resolve(0, b);
  oh_frame_resolve(UINT32_MAX, b);
  oh_frame_resolve(a, a);
  CHECK(oh_frame_resolved(a) == a);
  oh_frame_resolve(a, b);
  oh_frame_resolve(a, c);
  CHECK(oh_frame_resolved(a) == b && oh_frame_resolved(b) == b && text("made.js:1:1") == a);
}

int main(void) {
  RUN(frames_are_kept_once);
  RUN(what_is_behind_a_nul_counts);
  RUN(texts_of_all_lengths_are_kept);
  RUN(code_is_no_text);
  RUN(a_frame_is_resolved_once);
  RUN(what_is_not_there_is_not_read);
  RUN(no_stack_goes_in_circles);
  RUN(stacks_that_share_their_callers_share_their_memory);
  RUN(different_stacks_have_different_numbers);
  RUN(recursion_may_be_deep);
  return 0;
}
