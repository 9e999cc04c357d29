/* guard_posix.c: what touches guarded pages is reported, by the handler of SIGSEGV and SIGBUS.

   The handler then passes the signal on to whoever had it before: V8, whose WebAssembly relies on
   faults, a crash reporter, or the system, which ends the process. Everything in it is
   async-signal-safe: it writes to file descriptor 2 from a buffer on the stack, takes no lock and
   reads only what is never unmapped. Installed once, with the first guarded block, and never taken
   out, as somebody may have chained to it by then. */

#ifndef _WIN32

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* registers in ucontext_t */
#endif

#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "os.h"

#if defined(__linux__) && defined(__x86_64__)
#include <ucontext.h>
#endif

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct out {
  size_t length;
  char bytes[512];
} out_t;

static void flush(out_t *out) {
  char const *at = out->bytes;
  while (out->length > 0) {
    ssize_t const written = write(STDERR_FILENO, at, out->length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    at += written;
    out->length -= (size_t)written;
  }
  out->length = 0;
}

static void put_bytes(out_t *out, char const *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (out->length == sizeof out->bytes) flush(out);
    out->bytes[out->length++] = bytes[i];
  }
}

static void put(out_t *out, char const *text) {
  put_bytes(out, text, strlen(text));
}

static void put_number(out_t *out, uintptr_t number, unsigned base) {
  char digits[sizeof number * 8];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  if (base == 16) put(out, "0x");
  put_bytes(out, digits + at, sizeof digits - at);
}

static void put_count(out_t *out, size_t count) {
  put_number(out, count, 10);
  put(out, count == 1 ? " byte" : " bytes");
}

static void put_stack(out_t *out, char const *title, oh_guard_text_t const *text) {
  put(out, title);
  if (text == NULL) {
    put(out, "    (no stack was taken)\n");
  } else {
    put_bytes(out, text->text, text->length);
  }
}

/* ---- The report ------------------------------------------------------------------------------ */

static char const *access_of(void const *context) {
#if defined(__linux__) && defined(__x86_64__)
  ucontext_t const *const at = context;
  return (at->uc_mcontext.gregs[REG_ERR] & 2) != 0 ? "write" : "read";
#else
  (void)context;
  return "access";
#endif
}

/* Where the access was, in relation to the block. */
static void put_place(out_t *out, oh_guard_block_t const *block, uintptr_t address) {
  if (address < block->ptr) {
    put_count(out, block->ptr - address);
    put(out, " before");
  } else if (address >= block->ptr + block->size) {
    put_count(out, address - block->ptr - block->size);
    put(out, " behind the end of");
  } else {
    put_count(out, address - block->ptr);
    put(out, " into");
  }
}

static char const *name_of(oh_guard_block_t const *block, uintptr_t address) {
  if (block->state == OH_GUARD_FREED) return "use after free";
  return address < block->ptr ? "underrun" : "overrun";
}

static void report(oh_guard_block_t const *block, uintptr_t address, char const *access) {
  out_t out = {0, {0}};
  put(&out, "\noffheap: ");
  if (block->state == OH_GUARD_UNUSED) {
    put(&out, access);
    put(&out, " at ");
    put_number(&out, address, 16);
    put(&out, ", in guarded pages, where no block is known any more\n");
    flush(&out);
    return;
  }
  put(&out, name_of(block, address));
  put(&out, ": ");
  put(&out, access);
  put(&out, " at ");
  put_number(&out, address, 16);
  put(&out, ", ");
  put_place(&out, block, address);
  put(&out, " the block of ");
  put_count(&out, block->size);
  put(&out, " aligned to ");
  put_number(&out, block->align, 10);
  put(&out, " at ");
  put_number(&out, block->ptr, 16);
  if (block->owner != NULL) {
    put(&out, " of ");
    put_bytes(&out, block->owner->text, block->owner->length);
  }
  put_stack(&out, "\n  allocated\n", block->allocated);
  if (block->state == OH_GUARD_FREED) put_stack(&out, "  freed\n", block->freed);
  flush(&out);
}

/* ---- The handler ----------------------------------------------------------------------------- */

/* Who had the signals before: SIGSEGV, SIGBUS. */
static int const signals[2] = {SIGSEGV, SIGBUS};
static struct sigaction previous[2];
static atomic_flag told = ATOMIC_FLAG_INIT;

/* As the system would have done it. What faulted faults again, and then the process ends. */
static void pass_on(int number, siginfo_t *info, void *context) {
  struct sigaction *const saved = &previous[number == SIGBUS];
  struct sigaction const old = *saved;
  if ((old.sa_flags & SA_RESETHAND) != 0) {
    memset(saved, 0, sizeof *saved);
    saved->sa_handler = SIG_DFL;
  }
  if ((old.sa_flags & SA_SIGINFO) != 0) {
    old.sa_sigaction(number, info, context);
  } else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
    old.sa_handler(number);
  } else {
    /* One that was sent does not come again by itself. */
    bool const sent = info->si_code <= 0;
    if (sent && old.sa_handler == SIG_IGN) return;
    struct sigaction plain;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    (void)sigaction(number, &plain, NULL);
    if (sent) (void)raise(number);
  }
}

static void on_fault(int number, siginfo_t *info, void *context) {
  int const error = errno;
  oh_guard_block_t block;
  /* The first of several threads, and none that faults in here, tells. */
  if (info->si_code > 0 && oh_guard_find(info->si_addr, &block) && !atomic_flag_test_and_set(&told))
    report(&block, (uintptr_t)info->si_addr, access_of(context));
  errno = error;
  pass_on(number, info, context);
}

static bool watch(void) {
  for (int i = 0; i < 2; i++) {
    /* With the stack and the mask of the one before, which runs in here. */
    struct sigaction action;
    if (sigaction(signals[i], NULL, &previous[i]) != 0) return false;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_mask = previous[i].sa_mask;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous[i].sa_flags & SA_NODEFER);
    if (sigaction(signals[i], &action, NULL) != 0) return false;
  }
  return true;
}

bool oh_guard_watch(void) {
  static os_mutex_t lock = OS_MUTEX_INIT;
  static atomic_int watching; /* 0: not yet, 1: yes, 2: it was not possible */
  int state = atomic_load(&watching);
  if (state != 0) return state == 1;
  os_mutex_lock(&lock);
  state = atomic_load(&watching);
  if (state == 0) {
    state = watch() ? 1 : 2;
    atomic_store(&watching, state);
  }
  os_mutex_unlock(&lock);
  return state == 1;
}

bool oh_guard_supported(void) {
  return true;
}

#else
/* ISO C wants a declaration in every translation unit. */
typedef int oh_guard_posix_is_not_for_windows;
#endif
