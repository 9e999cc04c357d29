/* live_blocks.c: COUNT live blocks, of which a random one or the oldest is freed and, 16 frees later,
   one of its size allocated in its place. As cases/live-blocks.mjs does it.

   Called as: live_blocks COUNT random|oldest WARMUP_MS SAMPLE_MS TIME_MS. Compiled with -fno-builtin, as
   malloc_pair.c is. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

enum { HOLES = 16, AGING = 1000000 };

static uint32_t const sizes[16] = {16,  128, 24, 96,  40, 64,  112, 32,
                                   80,  48,  120, 56, 104, 88, 72,  72};
static void **blocks; /* by slot; NULL: a hole */
static uint32_t count, random_state = 1, next_slot, step;
static uint32_t holes[HOLES];

static uint32_t random_slot(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return (uint32_t)((double)random_state * (1.0 / 4294967296.0) * (double)count);
}

static uint32_t oldest_slot(void) {
  uint32_t const slot = next_slot;
  next_slot = slot + 1 == count ? 0 : slot + 1;
  return slot;
}

static inline uint32_t free_one(uint32_t slot) {
  while (blocks[slot] == NULL) slot = slot + 1 == count ? 0 : slot + 1;
  free(blocks[slot]);
  blocks[slot] = NULL;
  return slot;
}

static inline void fill_oldest_hole(uint32_t slot) {
  uint32_t const hole = holes[step & (HOLES - 1)];
  holes[step++ & (HOLES - 1)] = slot;
  blocks[hole] = malloc(sizes[hole & 15]);
  if (blocks[hole] == NULL) exit(1);
}

static uint64_t random_batch(uint64_t n) {
  for (uint64_t i = 0; i < n; i++) fill_oldest_hole(free_one(random_slot()));
  return (uintptr_t)blocks[0];
}

static uint64_t oldest_batch(uint64_t n) {
  for (uint64_t i = 0; i < n; i++) fill_oldest_hole(free_one(oldest_slot()));
  return (uintptr_t)blocks[0];
}

static bench_arm_t const arms[] = {
    {"random", random_batch}, {"oldest", oldest_batch}, {NULL, NULL}};

int main(int argc, char **argv) {
  count = argc > 1 ? (uint32_t)atol(argv[1]) : 0;
  if (argc < 3 || count <= HOLES) {
    fprintf(stderr, "usage: %s COUNT random|oldest WARMUP_MS SAMPLE_MS TIME_MS\n", argv[0]);
    return 2;
  }
  blocks = mmap(NULL, count * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
  if (blocks == MAP_FAILED) return 1;
  for (uint32_t slot = 0; slot < count; slot++) {
    blocks[slot] = malloc(sizes[slot & 15]);
    if (blocks[slot] == NULL) return 1;
  }
  bench_batch_t *const batch = strcmp(argv[2], "oldest") == 0 ? oldest_batch : random_batch;
  for (uint32_t i = 0; i < HOLES; i++)
    holes[i] = free_one(batch == oldest_batch ? oldest_slot() : random_slot());
  batch(count < AGING ? count : AGING);
  return bench_main(argc - 1, argv + 1, arms);
}
