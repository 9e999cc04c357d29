/* gc_owners.c: see gc_owners.h. Costs: O(1) for all but adding an owner, which looks for a number
   that is free. */

#include "gc_owners.h"

#include <string.h>

#include "os.h"

static oh_gc_owner_t *owners;
static uint32_t capacity;

static bool grow(void) {
  uint32_t const more = capacity == 0 ? 8 : capacity * 2;
  size_t const bytes = more * sizeof(oh_gc_owner_t);
  oh_gc_owner_t *const next = os_heap_alloc_raw(bytes);
  if (next == NULL) return false;
  memset(next, 0, bytes);
  if (owners != NULL) memcpy(next, owners, capacity * sizeof(oh_gc_owner_t));
  if (owners != NULL) os_heap_free(owners, true);
  owners = next;
  capacity = more;
  return true;
}

uint32_t oh_gc_owners_add(oh_gc_options_t const *options) {
  uint32_t at = 0;
  while (at < capacity && owners[at].taken) at++;
  if (at == capacity && !grow()) return OH_GC_NO_OWNER;
  memset(&owners[at], 0, sizeof(owners[at]));
  owners[at].options = *options;
  owners[at].taken = true;
  return at;
}

oh_gc_owner_t *oh_gc_owner_at(uint32_t owner) {
  return owner < capacity && owners[owner].taken ? &owners[owner] : NULL;
}

uint32_t oh_gc_owners_end(void) {
  return capacity;
}

void oh_gc_owner_gain(oh_gc_owner_t *owner, size_t size, size_t usable) {
  oh_gc_stats_t *const stats = &owner->stats;
  stats->blocks++;
  stats->used += size;
  stats->footprint += usable;
  if (stats->used > stats->peak) stats->peak = stats->used;
  if (stats->footprint > stats->peak_footprint) stats->peak_footprint = stats->footprint;
}

void oh_gc_owner_lose(oh_gc_owner_t *owner, size_t size, size_t usable) {
  owner->stats.blocks--;
  owner->stats.used -= size;
  owner->stats.footprint -= usable;
  oh_gc_owner_let_go(owner);
}

void oh_gc_owner_resize(oh_gc_owner_t *owner, size_t size, size_t new_size) {
  owner->stats.used += new_size - size;
  if (owner->stats.used > owner->stats.peak) owner->stats.peak = owner->stats.used;
}

void oh_gc_owner_record(oh_gc_owner_t *owner, void *ptr, size_t size) {
  if (owner->forgotten) return;
  if (owner->count == owner->capacity) {
    size_t const more = owner->capacity == 0 ? 64 : owner->capacity * 2;
    if (more > SIZE_MAX / sizeof(oh_gc_record_t)) return;
    oh_gc_record_t *const next = os_heap_alloc_raw(more * sizeof(oh_gc_record_t));
    if (next == NULL) return;
    if (owner->count > 0) memcpy(next, owner->records, owner->count * sizeof(oh_gc_record_t));
    if (owner->records != NULL) os_heap_free(owner->records, true);
    owner->records = next;
    owner->capacity = more;
  }
  oh_gc_record_t const record = {ptr, size};
  owner->records[owner->count++] = record;
}

size_t oh_gc_owner_take(oh_gc_owner_t *owner, oh_gc_record_t *out, size_t most) {
  size_t const left = owner->count - owner->first;
  size_t const taken = left < most ? left : most;
  if (taken > 0) memcpy(out, owner->records + owner->first, taken * sizeof(oh_gc_record_t));
  owner->first += taken;
  if (owner->first == owner->count) oh_gc_owner_no_records(owner);
  return taken;
}

void oh_gc_owner_no_records(oh_gc_owner_t *owner) {
  if (owner->records != NULL) os_heap_free(owner->records, true);
  owner->records = NULL;
  owner->first = owner->count = owner->capacity = 0;
}

void oh_gc_owner_let_go(oh_gc_owner_t *owner) {
  if (owner->forgotten && owner->stats.blocks == 0) owner->taken = false;
}
