/* replay.c: replays a malloc trace and prints one line of JSON.

     replay HEAP TRACE WARMUP_MS TIME_MS   whole replays, repeated; ns is that of one operation
     replay HEAP TRACE 0 0                 one replay in a fresh process, for its memory: every page
                                           of every block is written to, as a program would

   HEAP is
     malloc   the malloc that this process has, the C library's or another by LD_PRELOAD
     slab     native/core/slab.c through the table of an oh_valloc_t, told every size
     door     the same by oh_malloc, oh_realloc and oh_free, which are told none

   TRACE is a flat file of harness/trace.mjs. A new block gets its slot's number written into its
   first 8 bytes, one of less than 8 bytes into its first byte; a moved block is not touched. What
   is left in the end is freed outside the timed part. The trace and the table of blocks are
   mappings of their own and resident before the first replay, so rssGrowth is the heap's (Linux;
   elsewhere left out). */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "slab.h"

enum { MAGIC = 0x6f687466, FORMAT = 1, MAX_SAMPLES = 10000, MIN_SAMPLES = 5 };
enum { MALLOC_ALIGN_LOG2 = 4, PAGE = 4096 };
enum { ALLOC, FREE, REALLOC, OLD };
#define RESERVE ((size_t)1 << 28)

typedef enum heap { MALLOC, SLAB, DOOR } heap_t;

typedef struct entry {
  uint32_t head; /* slot << 8 | log2(align) << 2 | kind */
  uint32_t size;
} entry_t;

typedef struct trace {
  uint32_t magic, format, entry_count, slots, ops, zero[3];
  entry_t entries[];
} trace_t;

static void **blocks; /* by slot */
static entry_t *left; /* the last entries of the blocks that the trace does not free */
static uint32_t left_count;
static oh_valloc_t v;
/* Only for memory: how much of its blocks a program writes to is not in a trace. */
static bool touch_pages;

static _Noreturn void die(char const *what) {
  fprintf(stderr, "replay: %s\n", what);
  exit(1);
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Resident from the start, and no malloc. */
static void *own_memory(size_t bytes) {
  void *const map =
      mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) die("no memory for the tables");
  return memset(map, 1, bytes + 1);
}

static trace_t const *read_trace(char const *path) {
  struct stat about;
  int const fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &about) != 0) die("cannot open the trace");
  size_t const length = (size_t)about.st_size;
  trace_t *const trace = own_memory(length);
  for (size_t at = 0; at < length;) {
    ssize_t const got = read(fd, (char *)trace + at, length - at);
    if (got <= 0) die("cannot read the trace");
    at += (size_t)got;
  }
  close(fd);
  if (length < sizeof *trace || trace->magic != MAGIC || trace->format != FORMAT ||
      length != sizeof *trace + trace->entry_count * sizeof(entry_t))
    die("this is no flat trace");
  return trace;
}

static void find_left(trace_t const *trace) {
  left = own_memory(trace->slots * sizeof *left);
  for (uint32_t i = 0; i < trace->entry_count; i++) {
    entry_t const e = trace->entries[i];
    if (e.head >> 8 >= trace->slots) die("a slot beyond the table");
    if ((e.head & 3) != OLD) left[e.head >> 8] = e;
  }
  for (uint32_t slot = 0; slot < trace->slots; slot++)
    if ((left[slot].head & 3) != FREE) left[left_count++] = left[slot];
}

static size_t align_of(entry_t const *e) {
  return (size_t)1 << (e->head >> 2 & 63);
}

/* heap is a constant where these are called, so that each has a loop of its own. */
static inline void *allocate(heap_t heap, entry_t const *e) {
  if (heap == SLAB) return v.vt->alloc(v.self, e->size, align_of(e));
  if (heap == DOOR) return oh_malloc(v, align_of(e), e->size);
  if ((e->head >> 2 & 63) <= MALLOC_ALIGN_LOG2) return malloc(e->size);
  void *ptr;
  return posix_memalign(&ptr, align_of(e), e->size) == 0 ? ptr : NULL;
}

static inline void release(heap_t heap, void *ptr, entry_t const *e) {
  if (heap == MALLOC) free(ptr);
  else if (heap == DOOR) oh_free(v, ptr);
  else v.vt->free(v.self, ptr, e->size, align_of(e));
}

/* The entry behind it says what the block was. */
static inline void *reallocate(heap_t heap, void *ptr, entry_t const *e) {
  if (heap == MALLOC) return realloc(ptr, e->size);
  if (heap == DOOR) return oh_realloc(v, align_of(e), ptr, e->size);
  size_t const before = e[1].size;
  void *const same = v.vt->remap(v.self, ptr, before, align_of(e), e->size);
  if (same != NULL) return same;
  void *const moved = v.vt->alloc(v.self, e->size, align_of(e));
  if (moved == NULL) return NULL;
  memcpy(moved, ptr, before < e->size ? before : e->size);
  v.vt->free(v.self, ptr, before, align_of(e));
  return moved;
}

static void touch(void *ptr, size_t size, uint64_t slot) {
  if (size >= sizeof slot) *(uint64_t *)ptr = slot;
  else if (size > 0) *(uint8_t *)ptr = (uint8_t)slot;
}

static void *touched(void *ptr, size_t size) {
  for (size_t at = 0; at < size; at += PAGE) ((char volatile *)ptr)[at] = 1;
  if (size > 0) ((char volatile *)ptr)[size - 1] = 1;
  return ptr;
}

static inline void run(heap_t heap, trace_t const *trace) {
  for (entry_t const *e = trace->entries, *end = e + trace->entry_count; e < end; e++) {
    uint32_t const slot = e->head >> 8;
    switch (e->head & 3) {
      case ALLOC: {
        void *const ptr = allocate(heap, e);
        if (ptr == NULL) die("out of memory");
        touch(ptr, e->size, slot);
        blocks[slot] = touch_pages ? touched(ptr, e->size) : ptr;
        break;
      }
      case FREE: release(heap, blocks[slot], e); break;
      case REALLOC: {
        void *const ptr = reallocate(heap, blocks[slot], e);
        if (ptr == NULL) die("out of memory");
        blocks[slot] = touch_pages ? touched(ptr, e->size) : ptr;
        break;
      }
      case OLD: break; /* for allocators that want to be told: malloc knows */
    }
  }
}

static __attribute__((noinline)) void run_malloc(trace_t const *trace) {
  run(MALLOC, trace);
}

static __attribute__((noinline)) void run_slab(trace_t const *trace) {
  run(SLAB, trace);
}

static __attribute__((noinline)) void run_door(trace_t const *trace) {
  run(DOOR, trace);
}

/* ns of the whole trace. */
static double sample(heap_t heap, trace_t const *trace) {
  double const start = now_ns();
  if (heap == MALLOC) run_malloc(trace);
  else if (heap == SLAB) run_slab(trace);
  else run_door(trace);
  double const took = now_ns() - start;
  for (uint32_t i = 0; i < left_count; i++) release(heap, blocks[left[i].head >> 8], &left[i]);
  if (heap != MALLOC && ((oh_slab_t const *)v.self)->used != 0) die("the slab refused a block");
  return took;
}

/* Reads 0, and is resident only as it is used. */
static void *reserved(size_t bytes) {
  int const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *const map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (map == MAP_FAILED) die("no memory for the slab");
  return map;
}

static heap_t heap_named(char const *name) {
  if (strcmp(name, "malloc") == 0) return MALLOC;
  v.vt = &oh_slab_vtable;
  v.self = oh_slab_init(reserved(oh_slab_state_size(RESERVE)), reserved(RESERVE), RESERVE);
  if (strcmp(name, "slab") == 0) return SLAB;
  if (strcmp(name, "door") == 0) return DOOR;
  die("HEAP is malloc, slab or door");
}

/* A figure of /proc/self/status in bytes; -1: there is none. Without stdio, which allocates. */
static long long status_of(char const *name) {
  static char text[8192];
  int const fd = open("/proc/self/status", O_RDONLY);
  ssize_t const got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (got <= 0) return -1;
  text[got] = '\0';
  char const *const at = strstr(text, name);
  return at == NULL ? -1 : atoll(at + strlen(name)) * 1024;
}

/* From now on VmHWM is the peak of what follows, where the system can do that. */
static void reset_peak(void) {
  int const fd = open("/proc/self/clear_refs", O_WRONLY);
  if (fd < 0) return;
  if (write(fd, "5", 1) != 1) fprintf(stderr, "replay: the peak could not be set back\n");
  close(fd);
}

static int by_value(void const *a, void const *b) {
  double const x = *(double const *)a, y = *(double const *)b;
  return (x > y) - (x < y);
}

static void report(double *samples, size_t count, uint32_t ops, long long before) {
  double total = 0;
  long long const peak = status_of("VmHWM:"), now = status_of("VmRSS:");
  for (size_t i = 0; i < count; i++) total += samples[i];
  qsort(samples, count, sizeof *samples, by_value);
  printf("{\"ns\":%.4f,\"mean\":%.4f,\"min\":%.4f,\"samples\":%zu,\"batch\":%u",
         samples[count / 2] / ops, total / (double)count / ops, samples[0] / ops, count, ops);
  if (before >= 0 && peak >= 0 && now >= 0)
    printf(",\"rssGrowth\":%lld,\"rssKept\":%lld", peak > before ? peak - before : 0, now - before);
  printf("}\n");
}

int main(int argc, char **argv) {
  static double samples[MAX_SAMPLES];
  if (argc != 5) die("replay HEAP TRACE WARMUP_MS TIME_MS");
  double const warmup_ns = atof(argv[3]) * 1e6, time_ns = atof(argv[4]) * 1e6;
  trace_t const *const trace = read_trace(argv[2]);
  blocks = own_memory(trace->slots * sizeof *blocks);
  find_left(trace);
  memset(samples, 0, sizeof samples);
  heap_t const heap = heap_named(argv[1]);
  long long const before = status_of("VmRSS:");
  reset_peak();
  for (double const end = now_ns() + warmup_ns; now_ns() < end;) sample(heap, trace);
  touch_pages = time_ns <= 0;
  size_t const least = time_ns > 0 ? MIN_SAMPLES : 1;
  size_t count = 0;
  double const end = now_ns() + time_ns;
  while (count < least || (now_ns() < end && count < MAX_SAMPLES)) {
    samples[count++] = sample(heap, trace);
  }
  report(samples, count, trace->ops, before);
  return 0;
}
