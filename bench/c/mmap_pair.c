/* mmap_pair.c: 64 KiB of pages from the system and back again: what the kernel costs, whoever asks. */

#include <stddef.h>
#include <sys/mman.h>

#include "bench.h"

#define SIZE ((size_t)65536)
#define PAGE ((size_t)4096)

static uint64_t pair(uint64_t n, size_t touched) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return 0;
    for (size_t at = 0; at < touched; at += PAGE) ((char volatile *)p)[at] = 1;
    sum += (uintptr_t)p;
    munmap(p, SIZE);
  }
  return sum;
}

static uint64_t untouched_batch(uint64_t n) {
  return pair(n, 0);
}

static uint64_t touched_batch(uint64_t n) {
  return pair(n, SIZE);
}

static bench_arm_t const arms[] = {
    {"untouched", untouched_batch}, {"touched", touched_batch}, {NULL, NULL}};

int main(int argc, char **argv) {
  return bench_main(argc, argv, arms);
}
