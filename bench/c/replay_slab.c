/* replay_slab.c: replays a malloc trace from C against the slab, through the table of an
   oh_valloc_t, and prints a line of JSON for each arm.

     replay_slab TRACE WARMUP_MS TIME_MS [ARM...]

   sized    free and remap are told the sizes, as those who know them tell
   door     oh_malloc and oh_free, which are told none: what a C library calls
   malloc   the C library's, in the same program and over the same tables

   Without ARM all three. They take turns, a replay each, so that what else the machine does
   concerns all of them alike. WARMUP_MS and TIME_MS are those of one arm.

   As replay.c: the trace is a flat file of harness/trace.mjs, a new block gets its slot's number
   written into it, what is left in the end is freed outside the timed part. A block that remap
   leaves alone is moved by hand. The slab works in 2^28 bytes of a mapping of its own. */

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
enum { ALLOC, FREE, REALLOC, OLD };
#define RESERVE ((size_t)1 << 28)

typedef struct entry {
  uint32_t head; /* slot << 8 | log2(align) << 2 | kind */
  uint32_t size;
} entry_t;

typedef struct trace {
  uint32_t magic, format, entry_count, slots, ops, zero[3];
  entry_t entries[];
} trace_t;

typedef enum how { SIZED, DOOR, MALLOC, ARMS } how_t;
static char const *const names[ARMS] = {"sized", "door", "malloc"};

static void **blocks; /* by slot */
static entry_t *left; /* the last entries of the blocks that the trace does not free */
static uint32_t left_count;

static _Noreturn void die(char const *what) {
  fprintf(stderr, "replay_slab: %s\n", what);
  exit(1);
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Reads 0, and is resident only as it is used. */
static void *mapped(size_t bytes) {
  int const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *const map = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (map == MAP_FAILED) die("no memory for the tables");
  return map;
}

static trace_t const *read_trace(char const *path) {
  struct stat about;
  int const fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &about) != 0) die("cannot open the trace");
  size_t const length = (size_t)about.st_size;
  trace_t *const trace = mapped(length);
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
  left = mapped(trace->slots * sizeof *left);
  for (uint32_t i = 0; i < trace->entry_count; i++) {
    entry_t const e = trace->entries[i];
    if (e.head >> 8 >= trace->slots) die("a slot beyond the table");
    if ((e.head & 3) != OLD) left[e.head >> 8] = e;
  }
  for (uint32_t slot = 0; slot < trace->slots; slot++)
    if ((left[slot].head & 3) != FREE) left[left_count++] = left[slot];
}

static inline void touch(void *ptr, size_t size, uint64_t slot) {
  if (size >= sizeof slot) *(uint64_t *)ptr = slot;
  else if (size > 0) *(uint8_t *)ptr = (uint8_t)slot;
}

/* how is a constant where these are called, so that each way has a loop of its own. */
static inline void *allocate(oh_valloc_t v, how_t how, size_t size, size_t align) {
  if (how == MALLOC) {
    void *ptr;
    if (align <= OH_DEFAULT_ALIGN) return malloc(size);
    return posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
  }
  return how == SIZED ? v.vt->alloc(v.self, size, align) : oh_malloc(v, align, size);
}

static inline void release(oh_valloc_t v, how_t how, void *ptr, size_t size, size_t align) {
  if (how == MALLOC) free(ptr);
  else if (how == SIZED) v.vt->free(v.self, ptr, size, align);
  else oh_free(v, ptr);
}

static inline void *reallocate(oh_valloc_t v, how_t how, void *ptr, size_t size, size_t align,
                               size_t new_size) {
  if (how == MALLOC) return realloc(ptr, new_size);
  void *const same = v.vt->remap(v.self, ptr, how == SIZED ? size : 0, align, new_size);
  if (same != NULL) return same;
  void *const moved = allocate(v, how, new_size, align);
  if (moved == NULL) return NULL;
  memcpy(moved, ptr, size < new_size ? size : new_size);
  release(v, how, ptr, size, align);
  return moved;
}

static inline void replay(trace_t const *trace, oh_valloc_t v, how_t how) {
  for (entry_t const *e = trace->entries, *end = e + trace->entry_count; e < end; e++) {
    uint32_t const slot = e->head >> 8;
    size_t const align = (size_t)1 << (e->head >> 2 & 63);
    switch (e->head & 3) {
      case ALLOC: {
        void *const ptr = allocate(v, how, e->size, align);
        if (ptr == NULL) die("out of memory");
        touch(ptr, e->size, slot);
        blocks[slot] = ptr;
        break;
      }
      case FREE: release(v, how, blocks[slot], e->size, align); break;
      case REALLOC: {
        void *const ptr = reallocate(v, how, blocks[slot], e[1].size, align, e->size);
        if (ptr == NULL) die("out of memory");
        blocks[slot] = ptr;
        break;
      }
      case OLD: break;
    }
  }
}

static __attribute__((noinline)) void run_sized(trace_t const *trace, oh_valloc_t v) {
  replay(trace, v, SIZED);
}

static __attribute__((noinline)) void run_door(trace_t const *trace, oh_valloc_t v) {
  replay(trace, v, DOOR);
}

static __attribute__((noinline)) void run_malloc(trace_t const *trace, oh_valloc_t v) {
  replay(trace, v, MALLOC);
}

/* ns of the whole trace. */
static double sample(trace_t const *trace, oh_valloc_t v, how_t how) {
  double const start = now_ns();
  if (how == SIZED) run_sized(trace, v);
  else if (how == DOOR) run_door(trace, v);
  else run_malloc(trace, v);
  double const took = now_ns() - start;
  for (uint32_t i = 0; i < left_count; i++) {
    size_t const align = (size_t)1 << (left[i].head >> 2 & 63);
    release(v, how, blocks[left[i].head >> 8], left[i].size, align);
  }
  oh_slab_t const *const slab = v.self;
  if (how != MALLOC && slab->used != 0) die("the heap refused a block, or leaks");
  return took;
}

static int by_value(void const *a, void const *b) {
  double const x = *(double const *)a, y = *(double const *)b;
  return (x > y) - (x < y);
}

static how_t how_of(char const *name) {
  for (how_t how = SIZED; how < ARMS; how++)
    if (strcmp(name, names[how]) == 0) return how;
  die("an ARM is sized, door or malloc");
}

static void report(how_t how, double *samples, size_t count, uint32_t ops) {
  double total = 0;
  for (size_t i = 0; i < count; i++) total += samples[i];
  qsort(samples, count, sizeof *samples, by_value);
  printf("{\"arm\":\"%s\",\"ns\":%.4f,\"mean\":%.4f,\"min\":%.4f,\"samples\":%zu,\"batch\":%u}\n",
         names[how], samples[count / 2] / ops, total / (double)count / ops, samples[0] / ops, count,
         ops);
}

int main(int argc, char **argv) {
  static double samples[ARMS][MAX_SAMPLES];
  how_t arms[ARMS] = {MALLOC, SIZED, DOOR};
  if (argc < 4 || argc > 4 + ARMS) die("replay_slab TRACE WARMUP_MS TIME_MS [ARM...]");
  size_t const arm_count = argc == 4 ? ARMS : (size_t)argc - 4;
  for (int i = 4; i < argc; i++) arms[i - 4] = how_of(argv[i]);
  double const warmup_ns = atof(argv[2]) * 1e6 * (double)arm_count;
  double const time_ns = atof(argv[3]) * 1e6 * (double)arm_count;
  trace_t const *const trace = read_trace(argv[1]);
  blocks = mapped(trace->slots * sizeof *blocks);
  find_left(trace);
  oh_slab_t *const slab =
      oh_slab_init(mapped(oh_slab_state_size(RESERVE)), mapped(RESERVE), RESERVE);
  oh_valloc_t const v = {slab, &oh_slab_vtable};
  for (double const end = now_ns() + warmup_ns; now_ns() < end;)
    for (size_t i = 0; i < arm_count; i++) sample(trace, v, arms[i]);
  size_t count = 0;
  double const end = now_ns() + time_ns;
  for (; count < MIN_SAMPLES || (now_ns() < end && count < MAX_SAMPLES); count++)
    for (size_t i = 0; i < arm_count; i++) samples[i][count] = sample(trace, v, arms[i]);
  for (size_t i = 0; i < arm_count; i++) report(arms[i], samples[i], count, trace->ops);
  return 0;
}
