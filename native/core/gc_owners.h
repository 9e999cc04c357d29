/* gc_owners.h: the accounts of the collected heap: who has how much of it, and what each is to be
   told.

   A collection must not call anybody. It leaves a record for each block of an owner that wants to
   know, who fetches them afterwards. An owner's number is used again when the owner is forgotten
   and its last block is gone.

   Not safe from several threads: gc.c holds a lock. */

#ifndef OH_GC_OWNERS_H
#define OH_GC_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OH_GC_NO_OWNER UINT32_MAX

typedef struct oh_gc_options {
  void const *thread; /* whose handles its blocks have: any address that stands for it            */
  bool pointer_free;  /* its blocks are not looked into                                           */
  bool notify;        /* leaves a record for each block that is reclaimed                         */
  bool find_leaks;    /* nothing is reclaimed: a lost block stays until oh_gc_find_leaks finds it */
} oh_gc_options_t;

typedef struct oh_gc_record {
  void *ptr;
  size_t size;
} oh_gc_record_t;

typedef struct oh_gc_stats {
  size_t blocks;    /* live                                                                       */
  size_t used;      /* bytes of them, as asked for ...                                            */
  size_t peak;      /* ... and at most                                                            */
  size_t footprint; /* bytes that they really have ...                                            */
  size_t peak_footprint;
  uint64_t reclaimed_blocks; /* by collections                                                    */
  uint64_t reclaimed_bytes;
} oh_gc_stats_t;

typedef struct oh_gc_owner {
  oh_gc_options_t options;
  oh_gc_stats_t stats;
  bool taken; /* the number is in use                                                             */
  bool ended; /* gets no more blocks                                                              */
  bool forgotten;
  size_t handled;  /* bytes of blocks that a handle stands for ...                                */
  size_t reported; /* ... and as many as were told to whoever collects handles                    */
  oh_gc_record_t *records;
  size_t first; /* record that is fetched next                                                    */
  size_t count; /* behind the last one                                                            */
  size_t capacity;
} oh_gc_owner_t;

/* OH_GC_NO_OWNER: out of memory. */
uint32_t oh_gc_owners_add(oh_gc_options_t const *options);
/* NULL: no such owner. */
oh_gc_owner_t *oh_gc_owner_at(uint32_t owner);
uint32_t oh_gc_owners_end(void); /* all numbers are below                                         */
/* A block came, went, or changed its size. */
void oh_gc_owner_gain(oh_gc_owner_t *owner, size_t size, size_t usable);
void oh_gc_owner_lose(oh_gc_owner_t *owner, size_t size, size_t usable);
void oh_gc_owner_resize(oh_gc_owner_t *owner, size_t size, size_t new_size);
/* Left out when there is no memory for it. */
void oh_gc_owner_record(oh_gc_owner_t *owner, void *ptr, size_t size);
size_t oh_gc_owner_take(oh_gc_owner_t *owner, oh_gc_record_t *out, size_t most);
void oh_gc_owner_no_records(oh_gc_owner_t *owner);
/* The number may be used again once no block counts there. */
void oh_gc_owner_let_go(oh_gc_owner_t *owner);

#endif
