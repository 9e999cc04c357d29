/* sampling.h: which allocations are looked at, when not all are.

   Each byte has the same small chance to be one that is looked at, whatever the block that it is in
   (a Poisson process: as tcmalloc and jemalloc do it). So the distance from one such byte to the next
   is exponential, a block of `size` bytes holds one with 1 - e^(-size / mean), and 1 over that is how
   many such blocks it stands for. */

#ifndef OH_SAMPLING_H
#define OH_SAMPLING_H

#include <stdint.h>

typedef struct oh_sampler {
  uint64_t random;
  double mean; /* bytes                                                                           */
} oh_sampler_t;

void oh_sampler_init(oh_sampler_t *sampler, uint64_t seed, double mean);
/* Bytes that are not looked at before the next one that is. */
int64_t oh_sampler_next(oh_sampler_t *sampler);
/* How many blocks of that size one which is looked at stands for. */
double oh_sampler_weight(double mean, double size);

#endif
