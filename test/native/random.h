/* random.h: numbers for random programs, the same in each run. */

#ifndef OH_RANDOM_H
#define OH_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 1;

/* SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014). */
static inline uint64_t random_bits(void) {
  uint64_t x = random_state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static inline uint32_t random_below(uint32_t below) {
  return (uint32_t)((random_bits() >> 32) * below >> 32);
}

#endif
