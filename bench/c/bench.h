/* bench.h: times one arm as harness/measure.mjs times those in JavaScript: warm up, find how many
   operations fill a sample, take samples for the given time, print one line of JSON.

   Called as: program ARM WARMUP_MS SAMPLE_MS TIME_MS */

#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

/* Does n operations. Returns something made of every result, so that none can be left out. */
typedef uint64_t bench_batch_t(uint64_t n);

typedef struct bench_arm {
  char const *name;
  bench_batch_t *batch;
} bench_arm_t;

/* The exit code of main. arms ends with a null name. */
int bench_main(int argc, char **argv, bench_arm_t const *arms);

#endif
