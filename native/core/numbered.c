/* numbered.c: see numbered.h. */

#include "numbered.h"

#include <string.h>

#include "os.h"

static size_t chunk_bytes(uint32_t level, size_t item_size) {
  size_t const unit = os_page_granularity();
  size_t const bytes = ((size_t)1 << (level + OH_CHUNK_BITS)) * item_size;
  return (bytes + unit - 1) / unit * unit;
}

/* Sees to it that item i is there. false: no memory. */
static bool chunks_reach(oh_chunks_t *chunks, uint32_t i, size_t item_size) {
  uint32_t const level = highest_bit(i + (1u << OH_CHUNK_BITS)) - OH_CHUNK_BITS;
  if (chunks->chunk[level] != NULL) return true;
  size_t const bytes = chunk_bytes(level, item_size);
  void *const chunk = os_pages_reserve(bytes, os_page_granularity());
  if (chunk == NULL) return false;
  if (!os_pages_commit(chunk, bytes)) {
    os_pages_release(chunk, bytes);
    return false;
  }
  chunks->chunk[level] = chunk;
  return true;
}

static void chunks_end(oh_chunks_t *chunks, size_t item_size) {
  for (uint32_t level = 0; level < OH_CHUNKS; level++) {
    if (chunks->chunk[level] == NULL) continue;
    os_pages_release(chunks->chunk[level], chunk_bytes(level, item_size));
    chunks->chunk[level] = NULL;
  }
}

void oh_numbered_init(oh_numbered_t *all, size_t thing_size) {
  memset(all, 0, sizeof *all);
  all->thing_size = thing_size;
}

void oh_numbered_end(oh_numbered_t *all) {
  chunks_end(&all->things, all->thing_size);
  chunks_end(&all->heads, sizeof(uint32_t));
  oh_numbered_init(all, all->thing_size);
}

size_t oh_numbered_bytes(oh_numbered_t const *all) {
  return (size_t)all->highest * all->thing_size + (size_t)all->buckets * sizeof(uint32_t);
}

static oh_entry_t *entry(oh_numbered_t const *all, uint32_t n) {
  return (oh_entry_t *)oh_numbered_at(all, n);
}

static uint32_t *head(oh_numbered_t const *all, uint32_t bucket) {
  return (uint32_t *)oh_chunks_at(&all->heads, bucket, sizeof(uint32_t));
}

/* With n buckets, where 2^k <= n < 2^(k+1): the hash modulo 2^(k+1), where there is such a bucket
   already, else modulo 2^k. */
static uint32_t bucket_of(oh_numbered_t const *all, uint32_t hash) {
  uint32_t const half = 1u << highest_bit(all->buckets);
  uint32_t const bucket = hash & (2 * half - 1);
  return bucket < all->buckets ? bucket : bucket & (half - 1);
}

/* One bucket more, and those things of another that are its. Without memory there are just fewer. */
static void split(oh_numbered_t *all) {
  uint32_t const added = all->buckets;
  if (added == UINT32_MAX / 2 || !chunks_reach(&all->heads, added, sizeof(uint32_t))) return;
  all->buckets++;
  *head(all, added) = 0;
  if (added == 0) return;
  uint32_t *from = head(all, added & ((1u << highest_bit(added)) - 1));
  while (*from != 0) {
    uint32_t const n = *from;
    oh_entry_t *const e = entry(all, n);
    if (bucket_of(all, e->hash) != added) {
      from = &e->next;
      continue;
    }
    *from = e->next;
    e->next = *head(all, added);
    *head(all, added) = n;
  }
}

uint32_t oh_numbered_first(oh_numbered_t const *all, uint32_t hash) {
  return all->buckets == 0 ? 0 : *head(all, bucket_of(all, hash));
}

/* A number that no thing has; 0: no memory. */
static uint32_t next_number(oh_numbered_t *all) {
  uint32_t const n = all->free;
  if (n != 0) {
    all->free = entry(all, n)->next;
    return n;
  }
  uint32_t const fresh = atomic_load_explicit(&all->highest, memory_order_relaxed) + 1;
  /* Beyond it there is no chunk. */
  if (fresh > UINT32_MAX - (1u << OH_CHUNK_BITS)) return 0;
  if (!chunks_reach(&all->things, fresh, all->thing_size)) return 0;
  /* Whoever reads it without the lock finds the chunk. */
  atomic_store_explicit(&all->highest, fresh, memory_order_release);
  return fresh;
}

static void link_entry(oh_numbered_t *all, uint32_t n, uint32_t hash) {
  uint32_t *const first = head(all, bucket_of(all, hash));
  *entry(all, n) = (oh_entry_t){*first, hash};
  *first = n;
}

static void unlink_entry(oh_numbered_t *all, uint32_t n) {
  uint32_t *at = head(all, bucket_of(all, entry(all, n)->hash));
  while (*at != n) at = &entry(all, *at)->next;
  *at = entry(all, n)->next;
}

uint32_t oh_numbered_add(oh_numbered_t *all, uint32_t hash) {
  if (all->buckets <= all->count) split(all);
  if (all->buckets == 0) return 0;
  uint32_t const n = next_number(all);
  if (n == 0) return 0;
  memset(entry(all, n), 0, all->thing_size);
  link_entry(all, n, hash);
  all->count++;
  return n;
}

void oh_numbered_remove(oh_numbered_t *all, uint32_t n) {
  unlink_entry(all, n);
  entry(all, n)->next = all->free;
  all->free = n;
  all->count--;
}

void oh_numbered_rehash(oh_numbered_t *all, uint32_t n, uint32_t hash) {
  unlink_entry(all, n);
  link_entry(all, n, hash);
}
