/* bump.c: 24-byte blocks from a bump allocator over 1 MiB, which is started again when it is full.
   The allocators are compiled apart: every allocation is a call. */

#include <stdlib.h>

#include "../../native/core/bump.h"
#include "bench.h"
#include "textbook_bump.h"

#define CAPACITY ((size_t)1 << 20)
#define SIZE ((size_t)24)
#define KEPT 1024

static char *memory;
static void *kept[KEPT];
static oh_bump_t library;
static textbook_bump_t textbook;

static void reset_library(void) {
  oh_bump_init(&library, memory, CAPACITY);
}

static void reset_textbook(void) {
  textbook.next = (uintptr_t)memory;
  textbook.end = textbook.next + CAPACITY;
}

/* The last addresses are kept in a table: something that a program does with them. */
#define KEEPING_BATCH(NAME, ALLOC, RESET)       \
  static uint64_t NAME##_batch(uint64_t n) {    \
    for (uint64_t i = 0; i < n;) {              \
      void *const p = (ALLOC);                  \
      if (p == NULL) {                          \
        RESET;                                  \
      } else {                                  \
        kept[i++ & (KEPT - 1)] = p;                   \
      }                                         \
    }                                           \
    return (uintptr_t)kept[0];                  \
  }

KEEPING_BATCH(textbook, textbook_bump_alloc(&textbook, SIZE, 8), reset_textbook())
KEEPING_BATCH(library_8, oh_bump_alloc(&library, SIZE, 8), reset_library())
KEEPING_BATCH(library_16, oh_bump_alloc(&library, SIZE, 16), reset_library())

/* As a C library calls the allocator that it was handed: through the table of its operations. */
static oh_valloc_t const door = {&library, &oh_bump_vtable};
KEEPING_BATCH(door, oh_malloc(door, 8, SIZE), reset_library())

/* The addresses are only added up. */
static uint64_t sum_batch(uint64_t n) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n;) {
    void *const p = oh_bump_alloc(&library, SIZE, 8);
    if (p == NULL) {
      reset_library();
    } else {
      sum += (uintptr_t)p;
      i++;
    }
  }
  return sum;
}

static bench_arm_t const arms[] = {
    {"textbook", textbook_batch},
    {"library-8", library_8_batch},
    {"library-16", library_16_batch},
    {"library-sum", sum_batch},
    {"door", door_batch},
    {NULL, NULL},
};

int main(int argc, char **argv) {
  memory = aligned_alloc(64, CAPACITY);
  if (memory == NULL) return 1;
  reset_textbook();
  reset_library();
  return bench_main(argc, argv, arms);
}
