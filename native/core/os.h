/* os.h: everything this library asks of the operating system and its C library, in one contract.
   os_posix.c and os_win32.c, and os_threads_ of each, implement it; nothing else knows which
   system it runs on.

   Sizes in bytes. All functions are safe from any thread. */

#ifndef OH_OS_H
#define OH_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef _WIN32
#include <pthread.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The C heap ------------------------------------------------------------------------------ */

/* What malloc aligns to. C promises it only for blocks that are at least this large, and some
   replacements of malloc (jemalloc, tcmalloc) do align an 8-byte block to 8: so the functions below
   never ask for less than this many bytes. */
#define OS_HEAP_ALIGN (2 * sizeof(void *))

/* Nobody has memory for more, and what is above is refused. */
#define OS_HEAP_MAX_ALIGN ((size_t)PTRDIFF_MAX / 4)

#ifdef _WIN32
/* A block of size > 0 bytes at a multiple of align, a power of two, or NULL. */
void *os_heap_alloc(size_t size, size_t align);
/* Exactly malloc(size); aligned to OS_HEAP_ALIGN. */
void *os_heap_alloc_raw(size_t size);
/* raw as at the allocation: Windows has a heap function of its own for aligned blocks. */
void os_heap_free(void *ptr, bool raw);
/* Bytes the block really has; at least what was asked for. */
size_t os_heap_usable(void *ptr, size_t align, bool raw);
#else
/* The same four, inline: they are on the way of every malloc and free. */
#include "os_posix_heap.h"
#endif
/* realloc for blocks with an align of up to OS_HEAP_ALIGN, which the new block has too. NULL leaves
   ptr as it was. */
void *os_heap_realloc(void *ptr, size_t new_size, size_t align, bool raw);
/* Hands free memory back to the system. true: some was given back. false: none, or not
   supported. */
bool os_heap_trim(void);

typedef struct os_heap_info {
  double in_use;      /* bytes in blocks handed out, mmapped ones included        */
  double free;        /* bytes the heap keeps for later: retained, not leaked     */
  double mmapped;     /* bytes of in_use that have mappings of their own          */
  double arena;       /* bytes the heap got from the system, mmapped not included */
  double free_blocks; /* blocks that `free` is in; 0: not counted                 */
} os_heap_info_t;

/* false: this C library cannot tell. */
bool os_heap_get_info(os_heap_info_t *info);

/* ---- Time ------------------------------------------------------------------------------------ */

/* Milliseconds since some moment in the past; never goes back. Some ns; exact to about 15 ms. */
uint64_t os_clock_ms(void);

/* ---- Threads --------------------------------------------------------------------------------- */

/* Lets another thread run: for the few instructions that one waits for another. */
void os_yield(void);

/* Runs a function on a thread of its own and waits until it has ended. What it does to the handlers
   of signals is undone. false: there can be no thread now, and nothing was run. */
bool os_run_aside(void (*run)(void *), void *argument);

typedef struct os_stack {
  uintptr_t low, high; /* 0 and UINTPTR_MAX: the system does not tell                             */
} os_stack_t;

/* Where the stack of this thread lies, as the system made it. Tens of microseconds. */
os_stack_t os_thread_stack(void);

/* ---- The library itself ---------------------------------------------------------------------- */

/* Keeps the shared library that holds this address in the process until its end. false: it cannot,
   or there is none. */
bool os_keep_loaded(void const *inside);

/* ---- Other libraries ------------------------------------------------------------------------- */

typedef void os_function_t(void);

/* Loads a shared library by the system's rules for its name (UTF-8), or finds it loaded already.
   Its names are not seen by any other library. It stays in the process to its end: there is no
   close. NULL: why says so, in the system's words, cut to why_size. The library's own code runs. */
void *os_library_open(char const *name, char *why, size_t why_size);
/* A function that the library itself defines, and none of those that it depends on. NULL: none. */
os_function_t *os_library_symbol(void *library, char const *name);

/* ---- Machine code ------------------------------------------------------------------------------ */

/* The return addresses on the stack of this thread, innermost first, from that of this function on: how
   many. It ends early where code has no unwind tables, as code that was compiled at run time. About
   10 ns a frame where it has been before; the first call allocates. */
size_t os_backtrace(void **addresses, size_t most);

#define OS_BUILD_ID_MOST 64

typedef struct os_code {
  char const *file;     /* of the library or program that the address is in                       */
  char const *function; /* the nearest symbol that it exports, or NULL                            */
  uintptr_t offset;     /* of the address from where the file is loaded, for symbolizers          */
  unsigned char build_id[OS_BUILD_ID_MOST];
  size_t build_id_size; /* 0: none                                                                */
} os_code_t;

/* What an address of machine code belongs to. false: nobody knows. Texts stay while the library is
   loaded. Microseconds. */
bool os_code_at(void const *address, os_code_t *code);

/* ---- Pages ----------------------------------------------------------------------------------- */

typedef enum { OS_ACCESS_NONE, OS_ACCESS_READ, OS_ACCESS_READ_WRITE } os_access_t;

size_t os_page_size(void);
/* The unit that a reservation's address is a multiple of (64 KiB on Windows, a page elsewhere). */
size_t os_page_granularity(void);
/* Address space without memory or access, at a multiple of align; size and align multiples of
   os_page_granularity(). NULL: none left. */
void *os_pages_reserve(size_t size, size_t align);
/* Makes reserved pages readable and writable, zero-filled. Physical memory comes page by page when
   first touched; Windows counts all of it against its commit limit at once. On pages that are
   committed already it only sets the access, and keeps the bytes. false: no memory. */
bool os_pages_commit(void *ptr, size_t size);
/* Gives the memory of committed pages back and keeps the addresses. They must be committed again
   before use, and then read as zeros (Windows faults on one that is not; POSIX does not look). */
bool os_pages_decommit(void *ptr, size_t size);
bool os_pages_protect(void *ptr, size_t size, os_access_t access);
/* Gives the memory of committed pages back and takes away all access; the addresses stay reserved,
   and cost what a reservation costs. false: the pages are as they were. */
bool os_pages_revoke(void *ptr, size_t size);
/* The most mappings that the system allows a process; neighbours of one kind count once. 0: no such
   limit is known. */
size_t os_pages_most_mappings(void);
/* Gives back a whole reservation: ptr and size as at os_pages_reserve. */
void os_pages_release(void *ptr, size_t size);
/* Gives back part of a reservation for good: [ptr, ptr + size), its end. false: not possible here
   (Windows) or now (Linux, at its limit of mappings). */
bool os_pages_release_tail(void *ptr, size_t size);
/* Grows a committed reservation where it lies; the new pages are committed. false: no room behind
   it, or not possible here. */
bool os_pages_grow(void *ptr, size_t size, size_t new_size);
/* Moves a committed reservation, keeping its bytes, without copying. NULL: not possible here. */
void *os_pages_move(void *ptr, size_t size, size_t new_size);
/* Hints; false where the system does not take them. */
bool os_pages_hint_huge(void *ptr, size_t size);
bool os_pages_set_name(void *ptr, size_t size, char const *name);

/* ---- Mutual exclusion ------------------------------------------------------------------------ */

/* Initialised statically with OS_MUTEX_INIT, never destroyed, not recursive. */
#ifdef _WIN32
typedef struct os_mutex {
  void *srwlock; /* an SRWLOCK: one pointer, NULL when free */
} os_mutex_t;
#define OS_MUTEX_INIT {NULL}
#else
typedef pthread_mutex_t os_mutex_t;
#define OS_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#endif

void os_mutex_lock(os_mutex_t *mutex);
void os_mutex_unlock(os_mutex_t *mutex);

/* A lock that outlives its holder: when a thread ends while it has the lock, nobody ever gets it
   again, and nobody waits for it either. For data that is shared by threads which do not know each
   other. A thread holds one at a time. Uncontended some ns; who has to wait spins for a moment
   first, as what is done under it takes tens of ns.

   Linux and the BSDs: a robust mutex; the kernel sees to it, however the thread ends. macOS and
   Windows have none that is as cheap: there the thread's own exit handlers find the lock, so that a
   thread which is killed without them (TerminateThread) leaves it taken. */
typedef struct os_lock {
#ifdef _WIN32
  void *srwlock; /* an SRWLOCK */
#else
  pthread_mutex_t mutex;
#endif
  bool dead; /* a thread ended with it */
} os_lock_t;

/* false: the system has no more of what it takes. */
bool os_lock_init(os_lock_t *lock);
/* Nobody has it, nobody will take it. */
void os_lock_end(os_lock_t *lock);
/* false: a thread ended while it had the lock. It is not taken. */
bool os_lock_take(os_lock_t *lock);
void os_lock_release(os_lock_t *lock);

#ifdef __cplusplus
}
#endif

#endif
