/* guard_test.c: blocks on guarded pages: that they end where the guard begins, that every access
   which must not be ends the process with the right report, and that nobody else's fault is
   touched. */

#include "check.h"
#include "child.h"
#include "guard.h"
#include "os.h"

static void there_are_blocks_where_they_are_supported(void) {
  char *const p = oh_guard_alloc(16, 16, 0, NULL, NULL);
  CHECK((p != NULL) == oh_guard_supported());
  CHECK(p == NULL || (oh_guard_free(p, NULL) && oh_guard_release(p)));
}

#if CHILD_SUPPORTED

#include <fcntl.h>
#include <setjmp.h>

static oh_guard_text_t const *text_of(char const *text) {
  return oh_guard_text(text, strlen(text));
}

static void blocks_end_where_the_guard_begins(void) {
  size_t const page = os_page_size();
  for (size_t align = 1; align <= page; align *= 2) {
    for (size_t size = 0; size < 3 * page; size += size < 40 ? 1 : 977) {
      unsigned char *const p = oh_guard_alloc(size, align, 0xcd, NULL, NULL);
      CHECK(p != NULL && (uintptr_t)p % align == 0);
      size_t const length = size == 0 ? 1 : size;
      size_t const slack = (0 - ((uintptr_t)p + length)) & (page - 1);
      CHECK(slack < align);
      for (size_t i = 0; i < size; i++) CHECK(p[i] == 0xcd);
      for (size_t i = size; i < length + slack; i++) CHECK(p[i] == 0xfd);
      size_t const front = (uintptr_t)p & (page - 1);
      for (size_t i = 1; i <= front; i++) CHECK(p[0 - i] == 0xfd);
      memset(p, 1, size);
      CHECK(oh_guard_free(p, NULL) && oh_guard_release(p));
    }
  }
  CHECK(oh_guard_live() == 0);
}

static void what_cannot_be_gives_null(void) {
  size_t const page = os_page_size();
  CHECK(oh_guard_alloc(16, 2 * page, 0, NULL, NULL) == NULL);
  CHECK(oh_guard_alloc(16, 0, 0, NULL, NULL) == NULL);
  CHECK(oh_guard_alloc(16, 12, 0, NULL, NULL) == NULL);
  for (size_t bits = 47; bits < 64; bits++) {
    CHECK(oh_guard_alloc((size_t)1 << bits, 16, 0, NULL, NULL) == NULL);
    CHECK(oh_guard_alloc(((size_t)1 << bits) - 1, 1, 0, NULL, NULL) == NULL);
  }
  CHECK(oh_guard_alloc(SIZE_MAX, 1, 0, NULL, NULL) == NULL);
  CHECK(oh_guard_live() == 0);
}

static void only_blocks_are_freed_and_once(void) {
  char *const p = oh_guard_alloc(100, 16, 0, NULL, NULL);
  int local = 0;
  oh_guard_damage_t damage;
  void *const wrong[] = {NULL, &local, p + 1, p - 1, p + 100, (void *)(uintptr_t)4096};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(!oh_guard_free(wrong[i], NULL) && !oh_guard_release(wrong[i]));
    CHECK(!oh_guard_check(wrong[i], &damage));
  }
  CHECK(!oh_guard_release(p));
  CHECK(oh_guard_free(p, NULL) && !oh_guard_free(p, NULL));
  CHECK(!oh_guard_check(p, &damage));
  CHECK(oh_guard_release(p) && !oh_guard_release(p) && !oh_guard_free(p, NULL));
}

static void addresses_come_back_when_they_are_released(void) {
  char *const p = oh_guard_alloc(100, 16, 0, NULL, NULL);
  CHECK(oh_guard_free(p, NULL));
  char *const other = oh_guard_alloc(100, 16, 0, NULL, NULL);
  CHECK(other != p && oh_guard_release(p));
  char *const again = oh_guard_alloc(100, 16, 0, NULL, NULL);
  CHECK(again == p && again[0] == 0);
  CHECK(oh_guard_free(again, NULL) && oh_guard_release(again));
  CHECK(oh_guard_free(other, NULL) && oh_guard_release(other));
}

static void fences_are_looked_at_and_repaired(void) {
  unsigned char *const p = oh_guard_alloc(20, 16, 0, NULL, NULL);
  oh_guard_damage_t damage;
  CHECK(!oh_guard_check(p, &damage));
  p[20] = 1;
  p[22] = 2;
  CHECK(oh_guard_check(p, &damage));
  CHECK(damage.offset == 20 && damage.length == 3 && damage.found == 1);
  CHECK(!oh_guard_check(p, &damage));
  p[-7] = 9;
  CHECK(oh_guard_check(p, &damage));
  CHECK(damage.offset == -7 && damage.length == 1 && damage.found == 9);
  p[-7] = p[31] = 0;
  CHECK(oh_guard_check(p, &damage) && damage.offset == 31);
  CHECK(!oh_guard_check(p, &damage) && p[-7] == 0xfd);
  CHECK(oh_guard_free(p, NULL) && oh_guard_release(p));
}

/* ---- What a child says when it dies ---------------------------------------------------------- */

static char said[4096];

/* Touches an address in a child, which must die of `number` and write to stderr. */
static void dies(char *at, int write_it, int number) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  fflush(stdout);
  pid_t const child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    if (write_it) {
      *(volatile char *)at = 1;
    } else {
      (void)*(volatile char *)at;
    }
    _exit(0);
  }
  close(ends[1]);
  size_t length = 0;
  ssize_t got;
  while ((got = read(ends[0], said + length, sizeof said - 1 - length)) > 0) length += (size_t)got;
  said[length] = '\0';
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != number) printf("%s\n", said);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == number);
}

static void expect_said(char const *text) {
  if (strstr(said, text) == NULL) printf("expected: %s\nsaid: %s\n", text, said);
  CHECK(strstr(said, text) != NULL);
}

/* The system's own, whatever a sanitizer has installed: the first block must not be there yet. */
static void without_handlers(void) {
  signal(SIGSEGV, SIG_DFL);
  signal(SIGBUS, SIG_DFL);
}

#ifdef __APPLE__
#define FAULT SIGBUS
#else
#define FAULT SIGSEGV
#endif

static void every_access_is_told(void) {
  oh_guard_text_t const *const owner = text_of("Debug(c)");
  char *const p = oh_guard_alloc(64, 16, 0, owner, text_of("    at maker\n"));
  char line[200];
  dies(p + 64, 1, FAULT);
  snprintf(line, sizeof line, "block of 64 bytes aligned to 16 at 0x%zx of Debug(c)\n",
           (size_t)(uintptr_t)p);
  expect_said(", 0 bytes behind the end of the block of 64 bytes");
  expect_said("\noffheap: overrun: ");
  expect_said(line);
  expect_said("  allocated\n    at maker\n");
  CHECK(strstr(said, "freed") == NULL);
  dies(p + 64 + 4000, 0, FAULT);
  expect_said("4000 bytes behind the end of");
  dies(p + 64 - os_page_size() - 1, 0, FAULT);
  expect_said("underrun: ");
  snprintf(line, sizeof line, "%zu bytes before the block of 64", os_page_size() - 63);
  expect_said(line);

  CHECK(oh_guard_free(p, text_of("    at freer\n")));
  dies(p + 8, 0, FAULT);
  expect_said("use after free: ");
  expect_said(", 8 bytes into the block of 64 bytes");
  expect_said("  allocated\n    at maker\n  freed\n    at freer\n");
#if defined(__linux__) && defined(__x86_64__)
  expect_said(": read at 0x");
  dies(p, 1, FAULT);
  expect_said(": write at 0x");
#endif
  CHECK(oh_guard_release(p));
  dies(p, 0, FAULT);
  expect_said("in guarded pages, where no block is known any more");

  char *const bare = oh_guard_alloc(1, 1, 0, NULL, NULL);
  dies(bare + 1, 0, FAULT);
  expect_said("the block of 1 byte aligned to 1 at");
  expect_said("  allocated\n    (no stack was taken)\n");
  CHECK(oh_guard_free(bare, NULL) && oh_guard_release(bare));
}

static void a_foreign_fault_is_not_told(void) {
  char *const page = os_pages_reserve(os_page_granularity(), os_page_granularity());
  dies(page, 1, FAULT);
  CHECK(said[0] == '\0');
  dies((char *)8, 0, SIGSEGV);
  CHECK(said[0] == '\0');
  os_pages_release(page, os_page_granularity());
}

static void a_signal_that_is_sent_kills_as_before(void) {
  fflush(stdout);
  pid_t const child = fork();
  if (child == 0) {
    kill(getpid(), SIGSEGV);
    for (;;) pause();
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- Who had the signal before --------------------------------------------------------------- */

static sigjmp_buf rescued;

static void rescue(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  (void)context;
  siglongjmp(rescued, 1);
}

/* In a process of its own, as a handler is installed once. */
static void a_handler_from_before_gets_the_fault(void) {
  fflush(stdout);
  pid_t const child = fork();
  if (child == 0) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = rescue;
    action.sa_flags = SA_SIGINFO;
    sigaction(FAULT, &action, NULL);
    char *const p = oh_guard_alloc(16, 16, 0, NULL, NULL);
    char *const foreign = os_pages_reserve(os_page_granularity(), os_page_granularity());
    char *const at[] = {foreign, p + 16};
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    volatile int faults = 0;
    for (int i = 0; i < 2; i++) {
      if (sigsetjmp(rescued, 1) == 0) {
        *(volatile char *)at[i] = 1;
      } else {
        faults = faults + 1;
      }
    }
    /* Valgrind, to which a fault is an error, has exit codes of its own. */
    if (faults == 2) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif

int main(void) {
#if CHILD_SUPPORTED
  RUN(a_handler_from_before_gets_the_fault);
  without_handlers();
#endif
  RUN(there_are_blocks_where_they_are_supported);
#if CHILD_SUPPORTED
  RUN(blocks_end_where_the_guard_begins);
  RUN(what_cannot_be_gives_null);
  RUN(only_blocks_are_freed_and_once);
  RUN(addresses_come_back_when_they_are_released);
  RUN(fences_are_looked_at_and_repaired);
  RUN(every_access_is_told);
  RUN(a_foreign_fault_is_not_told);
  RUN(a_signal_that_is_sent_kills_as_before);
#endif
  return 0;
}
