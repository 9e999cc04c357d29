/* os_threads_win32.c: the threads and locks of os.h, for Windows. */

#ifdef _WIN32

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include "os.h"

/* ---- Threads --------------------------------------------------------------------------------- */

void os_yield(void) {
  (void)SwitchToThread();
}

typedef struct aside {
  void (*run)(void *);
  void *argument;
} aside_t;

static DWORD WINAPI run_aside(LPVOID from) {
  aside_t const *const aside = from;
  aside->run(aside->argument);
  return 0;
}

bool os_run_aside(void (*run)(void *), void *argument) {
  aside_t aside = {run, argument};
  HANDLE const thread = CreateThread(NULL, 0, run_aside, &aside, 0, NULL);
  if (thread == NULL) return false;
  (void)WaitForSingleObject(thread, INFINITE);
  (void)CloseHandle(thread);
  return true;
}

os_stack_t os_thread_stack(void) {
  ULONG_PTR low = 0, high = 0;
  GetCurrentThreadStackLimits(&low, &high);
  return (os_stack_t){(uintptr_t)low, (uintptr_t)high};
}

/* ---- Mutual exclusion ------------------------------------------------------------------------ */

_Static_assert(sizeof(os_mutex_t) == sizeof(SRWLOCK), "an os_mutex_t is an SRWLOCK");

void os_mutex_lock(os_mutex_t *mutex) {
  AcquireSRWLockExclusive((PSRWLOCK)mutex);
}

void os_mutex_unlock(os_mutex_t *mutex) {
  ReleaseSRWLockExclusive((PSRWLOCK)mutex);
}

/* ---- A lock that outlives its holder --------------------------------------------------------- */

/* A kernel mutex knows that its owner has died, and takes a system call each time. Fiber-local
   storage has a callback that runs on the thread when it ends. */

static INIT_ONCE held_once = INIT_ONCE_STATIC_INIT;
static DWORD held = FLS_OUT_OF_INDEXES; /* the lock that this thread has */

/* A thread ends that has a lock. */
static VOID WINAPI abandon(PVOID value) {
  os_lock_t *const lock = value;
  if (lock == NULL) return;
  lock->dead = true;
  ReleaseSRWLockExclusive((PSRWLOCK)&lock->srwlock);
}

static BOOL CALLBACK make_held(PINIT_ONCE once, PVOID parameter, PVOID *context) {
  (void)once;
  (void)parameter;
  (void)context;
  held = FlsAlloc(abandon);
  return TRUE;
}

bool os_lock_init(os_lock_t *lock) {
  lock->srwlock = NULL;
  lock->dead = false;
  InitOnceExecuteOnce(&held_once, make_held, NULL, NULL);
  return held != FLS_OUT_OF_INDEXES;
}

void os_lock_end(os_lock_t *lock) {
  (void)lock;
}

bool os_lock_take(os_lock_t *lock) {
  AcquireSRWLockExclusive((PSRWLOCK)&lock->srwlock);
  if (!lock->dead && FlsSetValue(held, lock)) return true;
  ReleaseSRWLockExclusive((PSRWLOCK)&lock->srwlock);
  return false;
}

void os_lock_release(os_lock_t *lock) {
  FlsSetValue(held, NULL);
  ReleaseSRWLockExclusive((PSRWLOCK)&lock->srwlock);
}

#else
/* ISO C wants a declaration in every translation unit. */
typedef int os_threads_win32_is_for_windows;
#endif
