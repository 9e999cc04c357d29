/* ledger.c: COUNT live blocks of a bump, each written down with the stack that allocated it, from a
   thousand different stacks; then what is in the ledger is read, site by site. Prints the time of both
   a block, and by how much the resident memory grew: the blocks themselves are never touched.

   Called as: ledger COUNT */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bump.h"
#include "traced.h"

#define BLOCK ((size_t)16)
#define MOST_FRAMES 32

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long long resident(void) {
  long long total = 0, pages = 0;
  FILE *const file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%lld %lld", &total, &pages) != 2) exit(1);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

/* Two callers at each depth, chosen by the bits of `path`: as many stacks as there are paths. */
static void *left(oh_valloc_t v, unsigned depth, unsigned path);
static void *right(oh_valloc_t v, unsigned depth, unsigned path);

static inline void *further(oh_valloc_t v, unsigned depth, unsigned path) {
  if (depth == 0) return oh_malloc(v, BLOCK, BLOCK);
  return (path & 1 ? left : right)(v, depth - 1, path >> 1);
}

__attribute__((noinline)) static void *left(oh_valloc_t v, unsigned depth, unsigned path) {
  void *const p = further(v, depth, path);
  __asm__ volatile("" ::: "memory");
  return p;
}

__attribute__((noinline)) static void *right(oh_valloc_t v, unsigned depth, unsigned path) {
  void *const p = further(v, depth, path);
  __asm__ volatile("" : : "r"(p) : "memory");
  return p;
}

static void allocate(oh_valloc_t v, unsigned long count) {
  for (unsigned long i = 0; i < count; i++) {
    if (left(v, 10, (unsigned)(i % 1024)) == NULL) exit(1);
  }
}

/* Live blocks of all sites: what a report adds up. */
static double report(oh_ledger_t *ledger) {
  oh_ledger_totals_t totals;
  oh_site_t site;
  double live = 0;
  oh_ledger_read(ledger, &totals);
  for (uint32_t i = 1; oh_ledger_site(ledger, i, &site); i++) live += site.live_blocks;
  return live == totals.live_blocks && totals.sites >= 1000 ? live : -1;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  unsigned long const count = strtoul(argv[1], NULL, 10);
  int const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *const memory = mmap(NULL, count * BLOCK, PROT_READ | PROT_WRITE, flags, -1, 0);
  oh_bump_t bump;
  if (memory == MAP_FAILED) return 1;
  oh_bump_init(&bump, memory, count * BLOCK);
  long long const before = resident();
  oh_ledger_t *const ledger = oh_ledger_make(1u << 31);
  if (ledger == NULL) return 1;
  oh_valloc_t const inner = {&bump, &oh_bump_vtable};
  oh_traced_t *const traced = oh_traced_make(ledger, oh_ledger_add_heap(ledger, 1), inner);
  if (traced == NULL) return 1;
  oh_traced_set(traced, OH_TRACED_EXACT, 0, MOST_FRAMES);
  double const start = now_ns();
  allocate((oh_valloc_t){traced, &oh_traced_vtable_without_sizes}, count);
  if (report(ledger) != (double)count) return 1;
  double const ns = (now_ns() - start) / (double)count;
  printf("{\"ns\":%.4f,\"mean\":%.4f,\"min\":%.4f,\"samples\":1,\"batch\":%lu,\"rssGrowth\":%lld}\n", ns,
         ns, ns, count, resident() - before);
  return 0;
}
