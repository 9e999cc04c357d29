/* bench.c: see bench.h. */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SAMPLES = 100000, FIRST_BATCH = 1000 };

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Written so that the compiler cannot know that nobody reads it. */
static volatile uint64_t sink;

static double sample(bench_batch_t *batch, uint64_t n) {
  double const start = now_ms();
  sink = batch(n);
  return now_ms() - start;
}

/* Runs for warmup_ms, then tells how many operations take sample_ms. */
static uint64_t calibrate(bench_batch_t *batch, double warmup_ms, double sample_ms) {
  double const end = now_ms() + warmup_ms;
  uint64_t n = FIRST_BATCH;
  double took = sample(batch, n);
  while (now_ms() < end || took < sample_ms / 4) {
    if (took < sample_ms / 2) n *= 2;
    took = sample(batch, n);
  }
  uint64_t const wanted = (uint64_t)((double)n * sample_ms / took);
  return wanted > FIRST_BATCH ? wanted : FIRST_BATCH;
}

static int by_value(void const *a, void const *b) {
  double const x = *(double const *)a, y = *(double const *)b;
  return (x > y) - (x < y);
}

static void report(double *samples, size_t count, uint64_t batch) {
  double const to_ns = 1e6 / (double)batch;
  double total = 0;
  for (size_t i = 0; i < count; i++) total += samples[i];
  qsort(samples, count, sizeof *samples, by_value);
  printf("{\"ns\":%.4f,\"mean\":%.4f,\"min\":%.4f,\"samples\":%zu,\"batch\":%llu}\n",
         samples[count / 2] * to_ns, total / (double)count * to_ns, samples[0] * to_ns, count,
         (unsigned long long)batch);
}

static void measure(bench_batch_t *batch, double warmup_ms, double sample_ms, double time_ms) {
  static double samples[MAX_SAMPLES];
  uint64_t const n = calibrate(batch, warmup_ms, sample_ms);
  double const end = now_ms() + time_ms;
  size_t count = 0;
  while (count < 5 || (now_ms() < end && count < MAX_SAMPLES)) samples[count++] = sample(batch, n);
  report(samples, count, n);
}

int bench_main(int argc, char **argv, bench_arm_t const *arms) {
  for (; argc == 5 && arms->name != NULL; arms++) {
    if (strcmp(arms->name, argv[1]) != 0) continue;
    measure(arms->batch, atof(argv[2]), atof(argv[3]), atof(argv[4]));
    return 0;
  }
  fprintf(stderr, "usage: %s ARM WARMUP_MS SAMPLE_MS TIME_MS\n", argv[0]);
  return 2;
}
