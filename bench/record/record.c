/* record.c: writes down what a program asks of malloc, in program order. Loaded with LD_PRELOAD:

     OFFHEAP_RECORD=/tmp/log LD_PRELOAD=./record.so program ...

   Every process that is started writes a log of its own, /tmp/log.<program>.<pid>: a record_head_t
   and as many record_op_t as it says. OFFHEAP_RECORD_EXE=name: only programs of that name.
   OFFHEAP_RECORD_LIMIT=n: at most n operations, then the log is cut (default 4,000,000).

   The log is a shared mapping of its file and has no buffer that would have to be written out, so
   nothing is lost at _exit, exec or a crash. A child of fork without exec records nothing: what it
   inherited is in its parent's log.

   Blocks are named by their addresses. For that, the log must have them in an order in which no
   address is live twice: a malloc is logged after, a free before it is done, and a realloc, which
   is both, holds the lock meanwhile. All threads share the lock and the log. Linux and glibc. */

#define _GNU_SOURCE
#include "record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_LIMIT 4000000u

/* ---- The C library's own functions ----------------------------------------------------------- */

static struct {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*memalign)(size_t, size_t);
  void (*free)(void *);
} next;

/* dlsym may allocate before it has told us where. What it gets is from here and never freed. */
static _Alignas(16) char bootstrap[64 << 10];
static size_t bootstrap_used;

static void *bootstrap_alloc(size_t size) {
  size_t const start = (bootstrap_used + 15) & ~(size_t)15;
  if (size > sizeof bootstrap - start) _exit(97);
  bootstrap_used = start + size;
  return bootstrap + start; /* zeroed, as static memory is */
}

static bool is_bootstrap(void const *ptr) {
  return (char const *)ptr >= bootstrap && (char const *)ptr < bootstrap + sizeof bootstrap;
}

/* False while the functions are being looked up. */
static bool is_ready(void) {
  static bool looking, found;
  if (found) return true;
  if (looking) return false;
  looking = true;
  *(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
  *(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
  *(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
  *(void **)&next.memalign = dlsym(RTLD_NEXT, "memalign");
  *(void **)&next.free = dlsym(RTLD_NEXT, "free");
  if (!next.malloc || !next.calloc || !next.realloc || !next.memalign || !next.free) _exit(98);
  return found = true;
}

/* ---- The log --------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* NULL: nothing is recorded, or no more. */
static record_head_t *volatile log_head;
static record_op_t *log_ops;
static uint64_t log_limit;

/* The lock is held. */
static void write_op(record_op_t op) {
  record_head_t *const head = log_head;
  if (head == NULL) return;
  if (head->ops == log_limit) {
    head->cut = 1;
    log_head = NULL;
    return;
  }
  log_ops[head->ops++] = op;
}

static void log_op(record_op_t op) {
  if (log_head == NULL) return;
  pthread_mutex_lock(&lock);
  write_op(op);
  pthread_mutex_unlock(&lock);
}

static void *log_alloc(void *ptr, size_t size, size_t align) {
  int const error = errno;
  if (ptr != NULL) log_op((record_op_t){RECORD_ALLOC, (uint32_t)align, size, (uintptr_t)ptr, 0});
  errno = error;
  return ptr;
}

static void fork_prepare(void) {
  pthread_mutex_lock(&lock);
}

static void fork_parent(void) {
  pthread_mutex_unlock(&lock);
}

static void fork_child(void) {
  log_head = NULL;
  pthread_mutex_unlock(&lock);
}

static void open_log(char const *prefix, char const *program) {
  char path[PATH_MAX];
  char const *const limit = getenv("OFFHEAP_RECORD_LIMIT");
  log_limit = limit == NULL ? DEFAULT_LIMIT : strtoull(limit, NULL, 10);
  size_t const length = sizeof(record_head_t) + log_limit * sizeof(record_op_t);
  snprintf(path, sizeof path, "%s.%s.%d", prefix, program, (int)getpid());
  int const fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ftruncate(fd, (off_t)length) != 0) _exit(99); /* sparse: takes what is written */
  void *const map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) _exit(99);
  record_head_t *const head = map;
  memcpy(head->magic, RECORD_MAGIC, sizeof head->magic);
  log_ops = (record_op_t *)(head + 1);
  log_head = head;
}

/* What the loader and earlier constructors allocated is not in the log; convert.mjs leaves out the
   frees of it. */
__attribute__((constructor)) static void start(void) {
  char exe[PATH_MAX];
  char const *const prefix = getenv("OFFHEAP_RECORD");
  char const *const only = getenv("OFFHEAP_RECORD_EXE");
  ssize_t const length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (prefix == NULL || length <= 0 || !is_ready()) return;
  exe[length] = '\0';
  char const *const program = strrchr(exe, '/') + 1;
  if (only != NULL && strcmp(only, program) != 0) return;
  if (pthread_atfork(fork_prepare, fork_parent, fork_child) != 0) _exit(99);
  open_log(prefix, program);
}

/* ---- What programs call ---------------------------------------------------------------------- */

void *malloc(size_t size) {
  if (!is_ready()) return bootstrap_alloc(size);
  return log_alloc(next.malloc(size), size, 0);
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return errno = ENOMEM, NULL;
  if (!is_ready()) return bootstrap_alloc(total);
  return log_alloc(next.calloc(count, size), total, 0);
}

void free(void *ptr) {
  if (ptr == NULL || is_bootstrap(ptr)) return;
  log_op((record_op_t){RECORD_FREE, 0, 0, (uintptr_t)ptr, 0});
  if (is_ready()) next.free(ptr);
}

static void *realloc_bootstrap(void *ptr, size_t size) {
  size_t const most = (size_t)(bootstrap + sizeof bootstrap - (char *)ptr);
  void *const moved = malloc(size);
  if (moved != NULL) memcpy(moved, ptr, size < most ? size : most);
  return moved;
}

void *realloc(void *ptr, size_t size) {
  if (ptr == NULL) return malloc(size);
  if (is_bootstrap(ptr)) return realloc_bootstrap(ptr, size);
  if (size == 0) return free(ptr), NULL; /* as glibc does it */
  if (!is_ready()) _exit(97);
  pthread_mutex_lock(&lock);
  void *const moved = next.realloc(ptr, size);
  if (moved != NULL)
    write_op((record_op_t){RECORD_REALLOC, 0, size, (uintptr_t)moved, (uintptr_t)ptr});
  pthread_mutex_unlock(&lock);
  return moved;
}

void *reallocarray(void *ptr, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return errno = ENOMEM, NULL;
  return realloc(ptr, total);
}

void *memalign(size_t align, size_t size) {
  if (!is_ready()) _exit(97);
  return log_alloc(next.memalign(align, size), size, align);
}

void *aligned_alloc(size_t align, size_t size) {
  return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size) {
  if (align % sizeof(void *) != 0 || align == 0 || (align & (align - 1)) != 0) return EINVAL;
  int const error = errno;
  void *const ptr = memalign(align, size);
  errno = error;
  if (ptr == NULL) return ENOMEM;
  *out = ptr;
  return 0;
}

void *valloc(size_t size) {
  return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}
