/* numbered.h: things that get numbers, from 1 on, and are found again by what they are.

   An array that grows without moving, so that a thing keeps its address: chunks, each twice as long
   as the one before, whose pages are touched when they are needed. And a table of hashes that grows
   by one bucket for each thing (linear hashing: W. Litwin, "Linear Hashing: A New Tool for File and
   Table Addressing", VLDB 1980), so that no insertion ever waits for a whole table to be made anew.

   Numbers of things that were taken out are given again. Not safe from several threads: who has one
   of these has a lock beside it. A thing whose number one knows may be read without, and so may
   `highest`, up to which there are things. */

#ifndef OH_NUMBERED_H
#define OH_NUMBERED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* Every thing begins with this. */
typedef struct oh_entry {
  uint32_t next; /* in its bucket, or in the list of numbers that are free; 0: none               */
  uint32_t hash;
} oh_entry_t;

#define OH_CHUNK_BITS 10
#define OH_CHUNKS (32 - OH_CHUNK_BITS)

typedef struct oh_chunks {
  void *chunk[OH_CHUNKS]; /* of 2^(OH_CHUNK_BITS + i) items; NULL: not yet                        */
} oh_chunks_t;

typedef struct oh_numbered {
  oh_chunks_t things;
  oh_chunks_t heads; /* uint32_t: the number of a bucket's first thing                            */
  size_t thing_size;
  _Atomic(uint32_t) highest; /* number that was ever given                                        */
  uint32_t count;   /* things that are there                                                      */
  uint32_t free;    /* the first number that can be given again; 0: none                          */
  uint32_t buckets; /* 0 at first                                                                 */
} oh_numbered_t;

/* Item i of an array, whose chunk must be there. */
static inline void *oh_chunks_at(oh_chunks_t const *chunks, uint32_t i, size_t item_size) {
  uint32_t const x = i + (1u << OH_CHUNK_BITS);
  uint32_t const level = highest_bit(x) - OH_CHUNK_BITS;
  size_t const offset = x - ((uint32_t)1 << (level + OH_CHUNK_BITS));
  return (char *)chunks->chunk[level] + offset * item_size;
}

/* Thing n, which must have been given. */
static inline void *oh_numbered_at(oh_numbered_t const *all, uint32_t n) {
  return oh_chunks_at(&all->things, n, all->thing_size);
}

/* None yet. Takes no memory. */
void oh_numbered_init(oh_numbered_t *all, size_t thing_size);
/* Gives all memory back: none again. */
void oh_numbered_end(oh_numbered_t *all);

/* The first of the things in the bucket of a hash, some of which may have that hash; 0: none. */
uint32_t oh_numbered_first(oh_numbered_t const *all, uint32_t hash);
/* A new thing, zeroed but for its entry. 0: no memory. */
uint32_t oh_numbered_add(oh_numbered_t *all, uint32_t hash);
/* The thing stays as it is until its number is given again, but for `next`. */
void oh_numbered_remove(oh_numbered_t *all, uint32_t n);
/* It has another hash now. */
void oh_numbered_rehash(oh_numbered_t *all, uint32_t n, uint32_t hash);
/* Bytes that were ever needed. The chunks take up to twice as much address space. */
size_t oh_numbered_bytes(oh_numbered_t const *all);

/* Mixes 64 bits into 32 (the finalizer of MurmurHash3, A. Appleby). */
static inline uint32_t oh_hash64(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdu;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53u;
  return (uint32_t)(x >> 32);
}

#endif
