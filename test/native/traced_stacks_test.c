/* traced_stacks_test.c: what a traced block says of who allocated it: the caller of oh_malloc first,
   then its callers, and under them JavaScript's. */

#include "check.h"
#include "ledger.h"
#include "libc.h"
#include "os.h"
#include "stacks.h"
#include "traced.h"

#ifdef _WIN32

static void stacks(void) {
  SKIP("its library is not built here");
}

int main(void) {
  RUN(stacks);
  return 0;
}

#else

#include <pthread.h>

typedef void *allocates_t(oh_valloc_t heap, size_t size);
typedef void *reallocates_t(oh_valloc_t heap, void *p, size_t size);

static allocates_t *allocates, *allocates_deeper;
static reallocates_t *reallocates;

static oh_ledger_t *ledger;
static oh_traced_t *traced;
static oh_valloc_t heap;

static void begin(oh_traced_mode_t mode, double sample_bytes, uint32_t frames) {
  oh_valloc_t const inner = {NULL, &oh_libc_vtable};
  ledger = oh_ledger_make(UINT32_MAX);
  traced = oh_traced_make(ledger, oh_ledger_add_heap(ledger, 1), inner);
  CHECK(ledger != NULL && traced != NULL);
  heap = (oh_valloc_t){traced, &oh_traced_vtable};
  oh_traced_set(traced, mode, sample_bytes, frames);
}

static void end(void) {
  oh_traced_end(traced);
  oh_ledger_let_go(ledger);
}

/* The stack of the newest site. */
static uint32_t newest_stack(void) {
  oh_ledger_totals_t totals;
  oh_site_t site;
  oh_ledger_read(ledger, &totals);
  CHECK(oh_ledger_site(ledger, totals.sites, &site));
  return site.stack;
}

/* Its innermost frame is in that function. The rest of the stack. */
static uint32_t check_frame(uint32_t stack, char const *function) {
  uint32_t caller, frame;
  oh_frame_view_t view;
  os_code_t code;
  CHECK(oh_stacks_read(stack, &caller, &frame) && oh_frame_read(frame, &view));
  CHECK(view.code != NULL && os_code_at((char const *)view.code - 1, &code));
  CHECK(code.function != NULL && strcmp(code.function, function) == 0);
  return caller;
}

/* How many frames are of code; *rest: what they are on top of. */
static unsigned frames_of_code(uint32_t stack, uint32_t *rest) {
  unsigned count = 0;
  uint32_t caller, frame;
  oh_frame_view_t view;
  while (oh_stacks_read(stack, &caller, &frame)) {
    CHECK(oh_frame_read(frame, &view));
    if (view.code == NULL) break;
    stack = caller;
    count++;
  }
  *rest = stack;
  return count;
}

static void the_caller_comes_first(void) {
  begin(OH_TRACED_EXACT, 0, 16);
  void *p = allocates(heap, 100);
  (void)check_frame(newest_stack(), "caller_allocates");
  oh_free(heap, p);
  p = allocates_deeper(heap, 100);
  (void)check_frame(check_frame(newest_stack(), "caller_allocates"), "caller_of_caller");
  oh_free(heap, p);
  end();
}

static void where_nobody_looked_a_resize_is_who_allocates(void) {
  begin(OH_TRACED_SAMPLED, 1, 16); /* so often that each is one                                  */
  void *p = allocates(heap, 1000);
  (void)check_frame(newest_stack(), "caller_allocates");
  p = reallocates(heap, p, 2000);
  (void)check_frame(newest_stack(), "caller_reallocates");
  oh_free(heap, p);
  end();
}

static void no_more_frames_are_kept_than_asked_for(void) {
  uint32_t const most[] = {0, 1, 2, 3, OH_TRACED_MOST_FRAMES, UINT32_MAX};
  for (unsigned i = 0; i < sizeof most / sizeof *most; i++) {
    uint32_t rest;
    begin(OH_TRACED_EXACT, 0, most[i]);
    void *const p = allocates_deeper(heap, 10);
    unsigned const count = frames_of_code(newest_stack(), &rest);
    CHECK(count <= most[i] && rest == 0 && count >= (most[i] < 2 ? most[i] : 2));
    uint32_t const caller = count == 0 ? 0 : check_frame(newest_stack(), "caller_allocates");
    if (count > 1) (void)check_frame(caller, "caller_of_caller");
    oh_free(heap, p);
    end();
  }
}

static uint32_t javascript_stack(char const *name) {
  uint32_t const outer = oh_stacks_call(0, oh_frame_of_text("main.ts:1:1", 11));
  return oh_stacks_call(outer, oh_frame_of_text(name, strlen(name)));
}

static void javascript_is_under_it(void) {
  uint32_t const first = javascript_stack("a.ts:1:1"), second = javascript_stack("b.ts:2:2");
  uint32_t rest;
  begin(OH_TRACED_EXACT, 0, 16);
  CHECK(oh_traced_enter(first) == 0);
  void *const p = allocates(heap, 10);
  CHECK(frames_of_code(newest_stack(), &rest) >= 1 && rest == first);
  CHECK(oh_traced_enter(second) == first); /* it called back, and that called C again             */
  void *const q = allocates(heap, 20);
  CHECK(frames_of_code(newest_stack(), &rest) >= 1 && rest == second);
  CHECK(oh_traced_enter(first) == second && oh_traced_enter(0) == first);
  void *const r = allocates(heap, 30);
  CHECK(frames_of_code(newest_stack(), &rest) >= 1 && rest == 0);
  oh_free(heap, p);
  oh_free(heap, q);
  oh_free(heap, r);
  end();
}

static void *allocate_in_thread(void *into) {
  uint32_t rest;
  *(void **)into = allocates(heap, 40);
  CHECK(frames_of_code(newest_stack(), &rest) >= 1 && rest == 0);
  return NULL;
}

static void another_thread_has_no_javascript_under_it(void) {
  pthread_t thread;
  void *p = NULL;
  begin(OH_TRACED_EXACT, 0, 16);
  CHECK(oh_traced_enter(javascript_stack("c.ts:1:1")) == 0);
  CHECK(pthread_create(&thread, NULL, allocate_in_thread, &p) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  (void)check_frame(newest_stack(), "caller_allocates");
  CHECK(oh_traced_enter(0) != 0);
  oh_free(heap, p);
  end();
}

static void *symbol(void *library, char const *name) {
  void *const found = (void *)(uintptr_t)os_library_symbol(library, name);
  CHECK(found != NULL);
  return found;
}

int main(void) {
  char why[200];
  void *const library = os_library_open(FIXTURES "/callers.so", why, sizeof why);
  CHECK(library != NULL);
  allocates = (allocates_t *)(uintptr_t)symbol(library, "caller_allocates");
  allocates_deeper = (allocates_t *)(uintptr_t)symbol(library, "caller_of_caller");
  reallocates = (reallocates_t *)(uintptr_t)symbol(library, "caller_reallocates");
  RUN(the_caller_comes_first);
  RUN(where_nobody_looked_a_resize_is_who_allocates);
  RUN(no_more_frames_are_kept_than_asked_for);
  RUN(javascript_is_under_it);
  RUN(another_thread_has_no_javascript_under_it);
  return 0;
}

#endif
