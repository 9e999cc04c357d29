/* sampling.c: see sampling.h. */

#include "sampling.h"

#include <math.h>

void oh_sampler_init(oh_sampler_t *sampler, uint64_t seed, double mean) {
  sampler->random = seed | 1;
  sampler->mean = mean;
}

/* xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled",
   ACM TOMS 2016), as a number above 0 and up to 1. */
static double next_unit(oh_sampler_t *sampler) {
  uint64_t x = sampler->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  sampler->random = x;
  return ((double)(x * 0x2545f4914f6cdd1du >> 11) + 1) / 9007199254740992.0;
}

int64_t oh_sampler_next(oh_sampler_t *sampler) {
  double const distance = -log(next_unit(sampler)) * sampler->mean;
  return distance <= 9e15 ? (int64_t)distance : (int64_t)9e15;
}

double oh_sampler_weight(double mean, double size) {
  /* A block of 0 bytes is never one, and would stand for infinitely many. */
  return mean <= 0 || size <= 0 ? 1 : -1 / expm1(-size / mean);
}
