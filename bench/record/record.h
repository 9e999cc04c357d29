/* record.h: the raw log of record.c, which convert.mjs reads. Little-endian, 64-bit. */

#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

#define RECORD_MAGIC "ohrec001"

enum { RECORD_ALLOC = 0, RECORD_FREE = 1, RECORD_REALLOC = 2 };

typedef struct record_head {
  char magic[8];
  uint64_t ops;
  uint64_t cut; /* 1: the program went on, the log was full */
  uint64_t reserved;
} record_head_t;

typedef struct record_op {
  uint32_t op;
  uint32_t align; /* 0: malloc's own                                       */
  uint64_t size;  /* of an allocation or the new size; 0 for a free        */
  uint64_t ptr;   /* of the block; of a realloc: where it is afterwards    */
  uint64_t old;   /* of a realloc: where it was                            */
} record_op_t;

_Static_assert(sizeof(record_head_t) == 32 && sizeof(record_op_t) == 32,
               "convert.mjs counts on it");

#endif
