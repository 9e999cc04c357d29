/* stack_of_thread_test.c: what is on the stack of a thread, and what is not. */

#include <pthread.h>

#include "check.h"
#include "os.h"

static char outside[64];

/* AddressSanitizer puts local variables elsewhere. */
#define HERE __builtin_frame_address(0)

static int is_inside(os_stack_t stack, void const *at) {
  return (uintptr_t)at >= stack.low && (uintptr_t)at < stack.high;
}

static int reaches(os_stack_t stack, unsigned depth) {
  volatile char deep[4096];
  deep[0] = (char)depth;
  return is_inside(stack, HERE) && (depth == 0 || reaches(stack, depth - 1)) &&
         deep[0] == (char)depth;
}

static void check_here(void) {
  os_stack_t const stack = os_thread_stack();
  if (stack.low == 0 && stack.high == UINTPTR_MAX) SKIP("the system does not tell");
  CHECK(is_inside(stack, HERE) && reaches(stack, 50));
  CHECK(!is_inside(stack, outside));
  void *const block = malloc(64);
  CHECK(!is_inside(stack, block));
  free(block);
}

static void *in_thread(void *other) {
  check_here();
  os_stack_t const stack = os_thread_stack();
  CHECK(!is_inside(stack, other));
  return NULL;
}

static void the_main_thread_knows_its_stack(void) {
  check_here();
}

static void another_thread_has_another(void) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, in_thread, HERE) == 0);
  pthread_join(thread, NULL);
}

int main(void) {
  RUN(the_main_thread_knows_its_stack);
  RUN(another_thread_has_another);
  return 0;
}
