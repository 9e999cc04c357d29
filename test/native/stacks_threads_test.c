/* stacks_threads_test.c: four threads intern the same stacks at once, and read each other's. */

#include "check.h"
#include "stacks.h"
#include "threads.h"

enum { TEXTS = 300, DEPTH = 40, ADDRESSES = 500 };

static uint32_t texts[THREADS][TEXTS];
static uint32_t stacks[THREADS][DEPTH];
static uint32_t of_code[THREADS][ADDRESSES];

static void intern(unsigned thread) {
  for (unsigned i = 0; i < TEXTS; i++) {
    char text[32];
    unsigned const which = (i + thread * (TEXTS / THREADS)) % TEXTS;
    int const length = snprintf(text, sizeof text, "file.ts:%u:1", which);
    texts[thread][which] = oh_frame_of_text(text, (size_t)length);
  }
  uint32_t stack = 0;
  for (unsigned i = 0; i < DEPTH; i++) {
    stack = oh_stacks_call(stack, texts[thread][i]);
    stacks[thread][i] = stack;
  }
  for (uintptr_t i = 0; i < ADDRESSES; i++) {
    void *addresses[8];
    for (uintptr_t j = 0; j < 8; j++) addresses[j] = (void *)(0x1000 + i * j);
    of_code[thread][i] = oh_stacks_of_code(stack, addresses, 8);
  }
}

static void threads_that_intern_the_same_get_the_same(void) {
  in_threads(intern);
  for (unsigned thread = 0; thread < THREADS; thread++) {
    for (unsigned i = 0; i < TEXTS; i++) CHECK(texts[thread][i] == texts[0][i] && texts[0][i] != 0);
    for (unsigned i = 0; i < DEPTH; i++) CHECK(stacks[thread][i] == stacks[0][i]);
    for (unsigned i = 0; i < ADDRESSES; i++) CHECK(of_code[thread][i] == of_code[0][i]);
  }
}

/* One interns more and more, the others look at what it told them, with no lock. */
static _Atomic(uint32_t) told_stack, told_frame;

static void tell_or_peek(unsigned thread) {
  for (uintptr_t i = 0; i < 3000; i++) {
    if (thread == 0) {
      char text[32];
      int const length = snprintf(text, sizeof text, "more.ts:%u:1", (unsigned)i);
      uint32_t const frame = oh_frame_of_text(text, (size_t)length);
      uint32_t const stack = oh_stacks_call(atomic_load(&told_stack), frame);
      CHECK(frame != 0 && stack != 0);
      atomic_store(&told_frame, frame);
      atomic_store(&told_stack, stack);
      continue;
    }
    uint32_t stack = atomic_load(&told_stack), frame;
    oh_frame_view_t view;
    for (unsigned depth = 0; depth < 4 && stack != 0; depth++) {
      CHECK(oh_stacks_peek(stack, &stack, &frame) && oh_frame_peek(frame, &view));
      CHECK(view.length >= 9 && memcmp(view.text, "more.ts:", 8) == 0);
    }
    frame = atomic_load(&told_frame);
    CHECK(frame == 0 || oh_frame_peek(frame, &view));
    CHECK(!oh_stacks_peek(UINT32_MAX - 1024, &stack, &frame));
  }
}

static void peeking_takes_no_lock(void) {
  in_threads(tell_or_peek);
}

int main(void) {
  RUN(threads_that_intern_the_same_get_the_same);
  RUN(peeking_takes_no_lock);
  return 0;
}
