/* os_threads_posix.c: the threads and locks of os.h, for Linux (glibc, musl), macOS and the BSDs. */

#ifndef _WIN32

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_getattr_np */
#endif

#include "os.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

/* ---- Threads --------------------------------------------------------------------------------- */

void os_yield(void) {
  (void)sched_yield();
}

#ifdef NSIG
#define SIGNALS NSIG
#else
#define SIGNALS 65
#endif

static void read_handlers(struct sigaction *actions, bool *known) {
  for (int i = 1; i < SIGNALS; i++) known[i] = sigaction(i, NULL, &actions[i]) == 0;
}

typedef struct aside {
  void (*run)(void *);
  void *argument;
} aside_t;

/* No signal is handled there: whoever the process sends one to is another thread. */
static void *run_aside(void *from) {
  aside_t const *const aside = from;
  struct sigaction actions[SIGNALS];
  bool known[SIGNALS];
  sigset_t all;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
  read_handlers(actions, known);
  aside->run(aside->argument);
  for (int i = 1; i < SIGNALS; i++) {
    struct sigaction now;
    if (!known[i] || sigaction(i, NULL, &now) != 0) continue;
    if (now.sa_handler != actions[i].sa_handler) (void)sigaction(i, &actions[i], NULL);
  }
  return NULL;
}

bool os_run_aside(void (*run)(void *), void *argument) {
  pthread_t thread;
  aside_t aside = {run, argument};
  if (pthread_create(&thread, NULL, run_aside, &aside) != 0) return false;
  return pthread_join(thread, NULL) == 0;
}

os_stack_t os_thread_stack(void) {
  os_stack_t stack = {0, UINTPTR_MAX};
#if defined(__linux__)
  pthread_attr_t attributes;
  void *low = NULL;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return stack;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0 && size > 0) {
    stack = (os_stack_t){(uintptr_t)low, (uintptr_t)low + size};
    /* musl tells how far the main thread's stack has grown, not how far it may. */
    struct rlimit limit;
    bool const is_main = syscall(SYS_gettid) == getpid();
    if (is_main && getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > size &&
        limit.rlim_cur < stack.high) {
      stack.low = stack.high - limit.rlim_cur;
    }
  }
  (void)pthread_attr_destroy(&attributes);
#elif defined(__APPLE__)
  stack.high = (uintptr_t)pthread_get_stackaddr_np(pthread_self());
  stack.low = stack.high - pthread_get_stacksize_np(pthread_self());
#endif
  return stack;
}

/* ---- Mutual exclusion ------------------------------------------------------------------------ */

void os_mutex_lock(os_mutex_t *mutex) {
  (void)pthread_mutex_lock(mutex);
}

void os_mutex_unlock(os_mutex_t *mutex) {
  (void)pthread_mutex_unlock(mutex);
}

/* ---- A lock that outlives its holder --------------------------------------------------------- */

/* How long a thread spins before it sleeps, in pauses, each time twice as many as before. A sleep
   and the call to wake from it take microseconds, what the lock is held for tens of ns. The first
   wait is long enough for the holder to come back for it several times: passing the lock and what
   it guards from one processor's cache to the other's costs more than an operation. */
enum { FIRST_PAUSES = 32, MOST_PAUSES = 512 };

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static int lock_spinning(pthread_mutex_t *mutex) {
  for (unsigned pauses = FIRST_PAUSES; pauses <= MOST_PAUSES; pauses *= 2) {
    int const result = pthread_mutex_trylock(mutex);
    if (result != EBUSY) return result;
    for (unsigned i = 0; i < pauses; i++) pause_briefly();
  }
  return pthread_mutex_lock(mutex);
}

#if defined(__APPLE__) || defined(OS_WITHOUT_ROBUST_MUTEX)

static pthread_once_t held_once = PTHREAD_ONCE_INIT;
static pthread_key_t held; /* the lock that this thread has */
static bool held_works;

/* A thread ends that has a lock. */
static void abandon(void *value) {
  os_lock_t *const lock = value;
  lock->dead = true;
  (void)pthread_mutex_unlock(&lock->mutex);
}

static void make_held(void) {
  held_works = pthread_key_create(&held, abandon) == 0;
}

bool os_lock_init(os_lock_t *lock) {
  lock->dead = false;
  (void)pthread_once(&held_once, make_held);
  return held_works && pthread_mutex_init(&lock->mutex, NULL) == 0;
}

bool os_lock_take(os_lock_t *lock) {
  if (lock_spinning(&lock->mutex) != 0) return false;
  if (!lock->dead && pthread_setspecific(held, lock) == 0) return true;
  (void)pthread_mutex_unlock(&lock->mutex);
  return false;
}

void os_lock_release(os_lock_t *lock) {
  (void)pthread_setspecific(held, NULL);
  (void)pthread_mutex_unlock(&lock->mutex);
}

#else

bool os_lock_init(os_lock_t *lock) {
  pthread_mutexattr_t robust;
  lock->dead = false;
  if (pthread_mutexattr_init(&robust) != 0) return false;
  bool const made = pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST) == 0 &&
                    pthread_mutex_init(&lock->mutex, &robust) == 0;
  (void)pthread_mutexattr_destroy(&robust);
  return made;
}

bool os_lock_take(os_lock_t *lock) {
  int const result = lock_spinning(&lock->mutex);
  if (result == 0 && !lock->dead) return true;
  /* Not left inconsistent, which would say the same for us: glibc's trylock then keeps the lock. */
  if (result == EOWNERDEAD) {
    lock->dead = true;
    (void)pthread_mutex_consistent(&lock->mutex);
  }
  if (result == 0 || result == EOWNERDEAD) (void)pthread_mutex_unlock(&lock->mutex);
  return false;
}

void os_lock_release(os_lock_t *lock) {
  (void)pthread_mutex_unlock(&lock->mutex);
}

#endif

void os_lock_end(os_lock_t *lock) {
  (void)pthread_mutex_destroy(&lock->mutex);
}

#else
/* ISO C wants a declaration in every translation unit. */
typedef int os_threads_posix_is_not_for_windows;
#endif
