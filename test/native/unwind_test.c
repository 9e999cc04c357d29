/* unwind_test.c: the walk by kept rules goes where the C library's backtrace() goes, frame by frame,
   through whatever compilers make, and ends where there are no tables. Both are called by one function,
   so that they agree from its caller on. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS, sigaltstack */
#endif

#include "check.h"
#include "os.h"
#include "unwind.h"

#if !defined(OH_UNWIND) || !defined(__GLIBC__)

static void unwinding(void) {
  void *addresses[8];
  CHECK(os_backtrace(addresses, 8) <= 8 && os_backtrace(addresses, 0) == 0);
  SKIP("unwinds by tables of the system's, or not at all");
}

int main(void) {
  RUN(unwinding);
  return 0;
}

#else

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "fixtures/frames.h"
#include "random.h"

#define NOINLINE __attribute__((noinline))

enum { MOST = 200 };

static char const *const libraries[] = {
    FIXTURES "/frames-plain.so",
    FIXTURES "/frames-optimised.so",
    FIXTURES "/frames-no-base.so",
    FIXTURES "/frames-base.so",
};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

static frames_through_t *through[LIBRARIES];

/* ---- The comparison ---------------------------------------------------------------------------- */

typedef struct seen {
  size_t frames, unusual; /* that are no rule                                                     */
  unsigned times;
} seen_t;

/* A sanitizer's backtrace() has a frame of its own. */
static int position(void *const *addresses, int count, void const *address) {
  for (int i = 0; i < 4 && i < count; i++) {
    if (addresses[i] == address) return i;
  }
  return -1;
}

NOINLINE static void compare(void *into) {
  void *ours[MOST], *theirs[MOST + 4], *fewer[MOST];
  size_t const count = os_backtrace(ours, MOST);
  int const all = backtrace(theirs, MOST + 4);
  seen_t *const seen = into;
  CHECK(count >= 2 && count <= MOST);
  int const from = position(theirs, all, ours[1]);
  CHECK(from >= 0);
  size_t const others = (size_t)(all - from) < MOST - 1 ? (size_t)(all - from) : MOST - 1;
  CHECK(count - 1 == others);
  for (size_t i = 0; i < others; i++) CHECK(ours[i + 1] == theirs[(size_t)from + i]);

  /* Fewer are the same ones. */
  for (size_t most = 0; most <= count; most += 1 + count / 4) {
    CHECK(os_backtrace(fewer, most) == most);
    if (most > 1) CHECK(memcmp(fewer + 1, ours + 1, (most - 1) * sizeof *ours) == 0);
  }
  for (size_t i = 1; i < count; i++) {
    oh_unwind_rule_t rule;
    uint64_t changes;
    seen->unusual += oh_unwind_find((uintptr_t)ours[i] - 1, &rule, &changes) == OH_UNWIND_COMPLEX;
  }
  seen->frames = count;
  seen->times++;
}

static seen_t walk(unsigned library, frame_t const *kinds, unsigned length) {
  seen_t seen = {0};
  chain_t chain = {kinds, length, 0, compare, &seen};
  through[library](&chain);
  CHECK(seen.times == 1);
  return seen;
}

/* ---- Kinds of frames --------------------------------------------------------------------------- */

static void usual_frames_have_rules(void) {
  frame_t const kinds[] = {
      FRAME_PLAIN, FRAME_REGISTERS, FRAME_ALLOCA, FRAME_LARGE, FRAME_TAIL, FRAME_QSORT, FRAME_PLAIN,
  };
  for (unsigned i = 0; i < LIBRARIES; i++) {
    for (unsigned length = 0; length <= sizeof kinds / sizeof *kinds; length++) {
      seen_t const seen = walk(i, kinds, length);
      CHECK(seen.unusual == 0 && seen.frames >= length);
    }
  }
}

static void unusual_frames_are_walked_too(void) {
  unsigned unusual = 0;
  for (unsigned i = 0; i < LIBRARIES; i++) {
    frame_t const kinds[] = {FRAME_REALIGNED, FRAME_PLAIN, FRAME_HUGE, FRAME_REALIGNED};
    for (unsigned length = 1; length <= sizeof kinds / sizeof *kinds; length++) {
      unusual += walk(i, kinds, length).unusual > 0;
    }
  }
  CHECK(unusual > 0); /* or this compiler makes no such frames, and nothing was tested */
}

static void random_chains(void) {
  random_state = 5;
  for (unsigned i = 0; i < 400; i++) {
    frame_t kinds[30];
    unsigned const length = random_below(30);
    for (unsigned j = 0; j < length; j++) {
      kinds[j] = (frame_t)random_below(FRAME_BARE);
      if (kinds[j] == FRAME_HUGE && j > 2) kinds[j] = FRAME_ALLOCA; /* stacks are 8 MiB         */
    }
    (void)walk(random_below(LIBRARIES), kinds, length);
  }
}

static void recursion_may_be_deep(void) {
  enum { DEEP = 5000 };
  static frame_t kinds[DEEP];
  for (unsigned i = 0; i < DEEP; i++) kinds[i] = i % 2 == 0 ? FRAME_PLAIN : FRAME_REGISTERS;
  for (unsigned i = 0; i < LIBRARIES; i++) CHECK(walk(i, kinds, DEEP).frames == MOST);
}

/* ---- Other stacks ------------------------------------------------------------------------------ */

static void *walk_in_thread(void *library) {
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_ALLOCA, FRAME_REGISTERS};
  unsigned const which = (unsigned)(uintptr_t)library;
  for (unsigned i = 0; i < 100; i++) CHECK(walk(which, kinds, 3).unusual == 0);
  return NULL;
}

static void threads_walk_their_own_stacks(void) {
  pthread_t threads[LIBRARIES];
  for (uintptr_t i = 0; i < LIBRARIES; i++) {
    CHECK(pthread_create(&threads[i], NULL, walk_in_thread, (void *)i) == 0);
  }
  for (unsigned i = 0; i < LIBRARIES; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static ucontext_t outside, inside;
static unsigned coroutines;

static void coroutine(void) {
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_ALLOCA, FRAME_QSORT, FRAME_REGISTERS};
  for (unsigned i = 0; i < LIBRARIES; i++) (void)walk(i, kinds, 4);
  coroutines++;
}

static void coroutines_walk_their_own_stacks(void) {
  enum { SIZE = 1 << 20 };
  char *const stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(stack != MAP_FAILED && getcontext(&inside) == 0);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = SIZE;
  inside.uc_link = &outside;
  makecontext(&inside, coroutine, 0);
  CHECK(swapcontext(&outside, &inside) == 0 && coroutines == 1);
  munmap(stack, SIZE);
}

/* ---- Signals ----------------------------------------------------------------------------------- */

static seen_t in_handler;

static void compare_in_handler(int signal) {
  (void)signal;
  compare(&in_handler);
}

static void raise_one(void *signal) {
  raise(*(int *)signal);
}

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

static void handlers_walk_through_what_they_interrupt(void) {
  static char other[256 * 1024];
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_REGISTERS, FRAME_ALLOCA};
  stack_t const stack = {.ss_sp = other, .ss_size = sizeof other}, none = {.ss_flags = SS_DISABLE};
  for (unsigned i = 0; i < 2 * LIBRARIES; i++) {
    int signal = SIGUSR1;
    chain_t chain = {kinds, 3, 0, raise_one, &signal};
    if (i == LIBRARIES) CHECK(sigaltstack(&stack, NULL) == 0);
    handle(SIGUSR1, compare_in_handler, i < LIBRARIES ? 0 : SA_ONSTACK);
    in_handler = (seen_t){0};
    through[i % LIBRARIES](&chain);
    CHECK(in_handler.times == 1 && in_handler.frames > 5);
  }
  handle(SIGUSR1, SIG_DFL, 0);
  CHECK(sigaltstack(&none, NULL) == 0);
}

static volatile sig_atomic_t ticks;

static void walk_anywhere(int signal) {
  void *addresses[64];
  (void)signal;
  CHECK(os_backtrace(addresses, 64) >= 1);
  ticks++;
}

/* In the midst of a walk too. */
static void handlers_walk_from_any_instruction(void) {
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_QSORT, FRAME_ALLOCA, FRAME_TAIL};
  struct itimerval const often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
  uint64_t const begun = os_clock_ms();
  handle(SIGALRM, walk_anywhere, SA_RESTART);
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  for (unsigned i = 0; ticks < 100 && os_clock_ms() < begun + 5000; i++) {
    (void)walk(i % LIBRARIES, kinds, 4);
  }
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  handle(SIGALRM, SIG_IGN, 0);
  CHECK(ticks > 0);
}

/* ---- No tables --------------------------------------------------------------------------------- */

typedef struct ended {
  size_t count;
  void *addresses[MOST];
} ended_t;

NOINLINE static void walk_to_the_end(void *into) {
  ended_t *const ended = into;
  ended->count = os_backtrace(ended->addresses, MOST);
}

/* What a compiler at run time makes: its callers are behind a frame that nothing tells the size of. */
static void the_walk_ends_at_code_made_at_run_time(void) {
  /* sub rsp, 8; mov rax, rdi; mov rdi, rsi; call rax; add rsp, 8; ret */
  static unsigned char const code[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0x89, 0xf8, 0x48, 0x89,
                                       0xf7, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
  ended_t ended;
  char *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  memcpy(page, code, sizeof code);
  CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
  void (*compiled)(void (*)(void *), void *);
  memcpy(&compiled, &page, sizeof page);
  for (unsigned i = 0; i < 3; i++) {
    compiled(walk_to_the_end, &ended);
    CHECK(ended.count == 2 && ended.addresses[1] == page + 12);
  }
  munmap(page, 4096);
}

static void the_walk_ends_at_assembler_without_tables(void) {
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_BARE, FRAME_PLAIN};
  for (unsigned i = 0; i < LIBRARIES; i++) {
    ended_t ended;
    chain_t chain = {kinds, 3, 0, walk_to_the_end, &ended};
    through[i](&chain);
    CHECK(ended.count >= 3 && ended.count <= 5);
    oh_unwind_rule_t rule;
    uint64_t changes;
    uintptr_t const last = (uintptr_t)ended.addresses[ended.count - 1] - 1;
    CHECK(oh_unwind_find(last, &rule, &changes) == OH_UNWIND_NONE);
  }
}

/* Where one library was another may be a moment later. */
static void libraries_come_and_go(void) {
  frame_t const kinds[] = {FRAME_PLAIN, FRAME_LARGE, FRAME_REGISTERS, FRAME_ALLOCA};
  for (unsigned i = 0; i < LIBRARIES; i++) CHECK(dlclose(dlopen(libraries[i], RTLD_NOW)) == 0);
  for (unsigned i = 0; i < 40; i++) {
    void *const library = dlopen(libraries[(i * 3 + i / 8) % LIBRARIES], RTLD_NOW);
    CHECK(library != NULL);
    void *const symbol = dlsym(library, "frames_through");
    seen_t seen = {0};
    chain_t chain = {kinds, 4, 0, compare, &seen};
    CHECK(symbol != NULL);
    ((frames_through_t *)(uintptr_t)symbol)(&chain);
    CHECK(seen.times == 1 && dlclose(library) == 0);
  }
}

int main(void) {
  RUN(libraries_come_and_go);
  for (unsigned i = 0; i < LIBRARIES; i++) {
    char why[200];
    void *const library = os_library_open(libraries[i], why, sizeof why);
    CHECK(library != NULL);
    through[i] = (frames_through_t *)os_library_symbol(library, "frames_through");
    CHECK(through[i] != NULL);
  }
  RUN(usual_frames_have_rules);
  RUN(unusual_frames_are_walked_too);
  RUN(random_chains);
  RUN(recursion_may_be_deep);
  RUN(threads_walk_their_own_stacks);
  RUN(coroutines_walk_their_own_stacks);
  RUN(handlers_walk_through_what_they_interrupt);
  RUN(handlers_walk_from_any_instruction);
  RUN(the_walk_ends_at_code_made_at_run_time);
  RUN(the_walk_ends_at_assembler_without_tables);
  return 0;
}

#endif
