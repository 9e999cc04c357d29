/* check.h: what a C test needs: CHECK stops the program at the first thing that is wrong, RUN runs
   a test and prints a line for it, SKIP names why a test cannot run here. run.mjs counts the
   lines. */

#ifndef OH_CHECK_H
#define OH_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char const *check_skipped;

static inline void check_failed(char const *file, int line, char const *what) {
  printf("FAIL %s:%d: %s\n", file, line, what);
  fflush(stdout);
  _Exit(1);
}

#define CHECK(condition) \
  do { \
    if (!(condition)) check_failed(__FILE__, __LINE__, #condition); \
  } while (0)

#define SKIP(reason) \
  do { \
    check_skipped = (reason); \
    return; \
  } while (0)

#define RUN(test) \
  do { \
    check_skipped = NULL; \
    test(); \
    if (check_skipped != NULL) { \
      printf("skip %s: %s\n", #test, check_skipped); \
    } else { \
      printf("ok %s\n", #test); \
    } \
    fflush(stdout); \
  } while (0)

/* A pattern that differs from block to block, to notice bytes that were lost or overwritten. */
static inline void check_fill(void *ptr, size_t size, unsigned seed) {
  unsigned char *const bytes = ptr;
  for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(seed + i * 7 + (i >> 8));
}

static inline int check_filled(void const *ptr, size_t size, unsigned seed) {
  unsigned char const *const bytes = ptr;
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != (unsigned char)(seed + i * 7 + (i >> 8))) return 0;
  }
  return 1;
}

static inline int check_zeros(void const *ptr, size_t size) {
  unsigned char const *const bytes = ptr;
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) return 0;
  }
  return 1;
}

#endif
