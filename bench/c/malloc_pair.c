/* malloc_pair.c: malloc(64) and free at once, by the C library and by native/core/libc.c, which
   cAllocator calls. Compiled with -fno-builtin, or the compiler would leave the pair out. */

#include <stdlib.h>

#include "../../native/core/libc.h"
#include "bench.h"

static uint64_t libc_batch(uint64_t n) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    void *p = malloc(64);
    sum += (uintptr_t)p;
    free(p);
  }
  return sum;
}

static uint64_t library_batch(uint64_t n) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    void *p = oh_libc_alloc(64, 16);
    sum += (uintptr_t)p;
    sum += oh_libc_free(p, 64, 16);
  }
  return sum;
}

static bench_arm_t const arms[] = {{"libc", libc_batch}, {"library", library_batch}, {NULL, NULL}};

int main(int argc, char **argv) {
  return bench_main(argc, argv, arms);
}
