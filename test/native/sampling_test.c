/* sampling_test.c: what samples say of all blocks is right on average, for small blocks and for large
   ones. The seeds are fixed, so that a test that passes once always does; the bounds are five times
   what chance explains, so that most other seeds would pass too. */

#include <math.h>

#include "check.h"
#include "sampling.h"

#define MEAN (512.0 * 1024)

typedef struct estimate {
  double blocks, bytes, samples;
} estimate_t;

/* Blocks of these sizes in turn, looked at as traced.c does it. */
static estimate_t sample(uint64_t seed, double mean, double const *sizes, unsigned kinds,
                         uint64_t blocks) {
  estimate_t sum = {0};
  oh_sampler_t sampler;
  oh_sampler_init(&sampler, seed, mean);
  int64_t left = oh_sampler_next(&sampler);
  for (uint64_t i = 0; i < blocks; i++) {
    double const size = sizes[i % kinds];
    int64_t const before = left;
    left -= (int64_t)size;
    if (before >= (int64_t)size) continue;
    double const weight = oh_sampler_weight(mean, size);
    sum.blocks += weight;
    sum.bytes += weight * size;
    sum.samples++;
    left = oh_sampler_next(&sampler);
  }
  return sum;
}

/* Each block is a sample with chance p, independently, and then stands for 1 / p: so the estimate of
   n blocks has the deviation sqrt(n (1 - p) / p). */
static void check_unbiased(double size, double mean, uint64_t blocks) {
  double const n = (double)blocks, p = -expm1(-size / mean);
  double const deviation = sqrt(n * (1 - p) / p);
  for (uint64_t seed = 1; seed <= 7; seed += 2) {
    estimate_t const found = sample(seed * 0x1234567, mean, &size, 1, blocks);
    CHECK(fabs(found.blocks - n) <= 5 * deviation + 1e-6 * n);
    CHECK(fabs(found.bytes - n * size) <= (5 * deviation + 1e-6 * n) * size);
    CHECK(fabs(found.samples - n * p) <= 5 * sqrt(n * p * (1 - p)) + 1);
  }
}

static void small_blocks(void) {
  check_unbiased(1, MEAN, 1000000);
  check_unbiased(16, MEAN, 1000000);
}

static void middle_blocks(void) {
  check_unbiased(1024, MEAN, 400000);
}

static void blocks_of_the_mean(void) {
  check_unbiased(MEAN, MEAN, 30000);
}

/* Nearly all are looked at. */
static void large_blocks(void) {
  check_unbiased(10.0 * 1024 * 1024, MEAN, 20000);
}

/* A byte too many or too few between two samples would show here. */
static void a_small_mean(void) {
  check_unbiased(1, 2, 100000);
  check_unbiased(3, 2, 100000);
  check_unbiased(1, 10, 100000);
  check_unbiased(16, 10, 100000);
}

/* Each kind is estimated well, whatever lies between its blocks. */
static void mixed_blocks(void) {
  double const sizes[] = {1, 1024, 16, MEAN, 16};
  uint64_t const blocks = 500000;
  double expected = 0, variance = 0;
  for (unsigned i = 0; i < 5; i++) {
    double const n = (double)blocks / 5, p = -expm1(-sizes[i] / MEAN);
    expected += n * sizes[i];
    variance += n * (1 - p) / p * sizes[i] * sizes[i];
  }
  estimate_t const found = sample(99, MEAN, sizes, 5, blocks);
  CHECK(fabs(found.bytes - expected) <= 5 * sqrt(variance));
}

/* Exponential: as many distances below each tenth of the distribution. */
static void distances_are_exponential(void) {
  enum { DRAWS = 50000 };
  unsigned tenths[10] = {0};
  double sum = 0;
  oh_sampler_t sampler;
  oh_sampler_init(&sampler, 12345, MEAN);
  for (unsigned i = 0; i < DRAWS; i++) {
    double const distance = (double)oh_sampler_next(&sampler);
    CHECK(distance >= 0);
    sum += distance;
    tenths[(unsigned)(-expm1(-distance / MEAN) * 10) % 10]++;
  }
  CHECK(fabs(sum / DRAWS - MEAN) <= 5 * MEAN / sqrt(DRAWS));
  double chi = 0; /* of 9 degrees of freedom: above 33 once in 10,000 times */
  for (unsigned i = 0; i < 10; i++) chi += pow(tenths[i] - DRAWS / 10.0, 2) / (DRAWS / 10.0);
  CHECK(chi < 33);
}

static void without_a_mean_each_block_stands_for_itself(void) {
  oh_sampler_t sampler;
  double const means[] = {0, -1, 1e300, 1.0 / 0.0, 0.0 / 0.0};
  for (unsigned i = 0; i < sizeof means / sizeof *means; i++) {
    oh_sampler_init(&sampler, i, means[i]);
    for (unsigned j = 0; j < 100; j++) CHECK(oh_sampler_next(&sampler) <= (int64_t)9e15);
  }
  CHECK(oh_sampler_weight(0, 100) == 1 && oh_sampler_weight(-1, 100) == 1);
  CHECK(oh_sampler_weight(MEAN, 0) == 1 && oh_sampler_weight(MEAN, 1e12) == 1);
}

int main(void) {
  RUN(small_blocks);
  RUN(middle_blocks);
  RUN(blocks_of_the_mean);
  RUN(large_blocks);
  RUN(a_small_mean);
  RUN(mixed_blocks);
  RUN(distances_are_exponential);
  RUN(without_a_mean_each_block_stands_for_itself);
  return 0;
}
