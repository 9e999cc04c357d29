/* ledger.c: see ledger.h. */

#include "ledger_cells.h"
#include "ledger_internal.h"

#include <stdatomic.h>
#include <string.h>

/* ---- Sums ------------------------------------------------------------------------------------ */

#define WEIGHT_STEPS 4096
#define MOST_WEIGHT ((double)((uint64_t)1 << 40))

/* As a weight is kept: a multiple of 1 / WEIGHT_STEPS, so that no sum of such ever rounds. */
static float weight_kept(double weight) {
  if (!(weight >= 1)) return 1;
  if (weight > MOST_WEIGHT) weight = MOST_WEIGHT;
  return (float)((double)(uint64_t)(weight * WEIGHT_STEPS + 0.5) / WEIGHT_STEPS);
}

static void count_live(oh_ledger_t *ledger, oh_block_t const *block, double sign) {
  oh_site_t *const site = site_at(ledger, block->site);
  double const blocks = sign * (double)block->weight;
  double const bytes = blocks * (double)block->size;
  site->live_blocks += blocks;
  site->live_bytes += bytes;
  if (site->live_bytes > site->peak_bytes) site->peak_bytes = site->live_bytes;
  if (block->handle >= HELD) site->held_bytes += bytes;
  if (block->handle == LOST) site->lost_bytes += bytes;
  ledger->live_blocks += blocks;
  ledger->live_bytes += bytes;
  if (ledger->live_bytes > ledger->peak_bytes) ledger->peak_bytes = ledger->live_bytes;
}

/* The number of a site; 0: no memory. */
static uint32_t site_of(oh_ledger_t *ledger, uint32_t stack, uint32_t name) {
  uint32_t const hash = oh_hash64((uint64_t)name << 32 | stack);
  uint32_t n = oh_numbered_first(&ledger->sites, hash);
  for (; n != 0; n = ((oh_entry_t *)oh_numbered_at(&ledger->sites, n))->next) {
    if (site_at(ledger, n)->stack == stack && site_at(ledger, n)->name == name) return n;
  }
  n = oh_numbered_add(&ledger->sites, hash);
  if (n == 0) return 0;
  site_at(ledger, n)->stack = stack;
  site_at(ledger, n)->name = name;
  return n;
}

/* ---- Heaps ----------------------------------------------------------------------------------- */

static uint32_t add_heap(oh_ledger_t *ledger, uint32_t name, uint32_t key, uint32_t hash) {
  uint32_t const n = oh_numbered_add(&ledger->heaps, hash);
  if (n == 0) return 0;
  heap_at(ledger, n)->name = name;
  heap_at(ledger, n)->key = key;
  heap_at(ledger, n)->users = 1;
  return n;
}

uint32_t oh_ledger_add_heap(oh_ledger_t *ledger, uint32_t name) {
  os_mutex_lock(&ledger->lock);
  uint32_t const n = add_heap(ledger, name, 0, oh_hash64(++ledger->heaps_made));
  os_mutex_unlock(&ledger->lock);
  return n;
}

uint32_t oh_ledger_join_heap(oh_ledger_t *ledger, uint32_t name, uint32_t key) {
  uint32_t const hash = oh_hash64((uint64_t)key << 32);
  os_mutex_lock(&ledger->lock);
  uint32_t n = oh_numbered_first(&ledger->heaps, hash);
  while (n != 0 && (heap_at(ledger, n)->key != key || heap_at(ledger, n)->users == 0))
    n = heap_at(ledger, n)->entry.next;
  if (n != 0) {
    heap_at(ledger, n)->users++;
  } else {
    n = add_heap(ledger, name, key, hash);
  }
  os_mutex_unlock(&ledger->lock);
  return n;
}

static void enter_heap(oh_ledger_t *ledger, uint32_t n) {
  oh_block_t *const block = block_at(ledger, n);
  oh_heap_entry_t *const heap = heap_at(ledger, block->heap);
  block->older = heap->newest;
  if (heap->newest != 0) block_at(ledger, heap->newest)->newer = n;
  heap->newest = n;
}

static void leave_heap(oh_ledger_t *ledger, oh_block_t const *block) {
  if (block->older != 0) block_at(ledger, block->older)->newer = block->newer;
  if (block->newer != 0) {
    block_at(ledger, block->newer)->older = block->older;
  } else {
    heap_at(ledger, block->heap)->newest = block->older;
  }
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static uint32_t hash_block(uint32_t heap, uint64_t address) {
  return oh_hash64(address ^ (uint64_t)heap << 48);
}

static uint32_t find(oh_ledger_t const *ledger, uint32_t heap, void const *ptr) {
  uint64_t const address = (uintptr_t)ptr;
  uint32_t const hash = hash_block(heap, address);
  uint32_t n = oh_numbered_first(&ledger->blocks, hash);
  for (; n != 0; n = block_at(ledger, n)->entry.next) {
    oh_block_t const *const block = block_at(ledger, n);
    if (block->address == address && block->heap == heap && !block->lifted) return n;
  }
  return 0;
}

static void forget(oh_ledger_t *ledger, uint32_t n) {
  oh_block_t *const block = block_at(ledger, n);
  oh_site_t *const site = site_at(ledger, block->site);
  count_live(ledger, block, -1);
  site->frees += (double)block->weight;
  if (ledger->last == n) {
    site->temporary += (double)block->weight;
    ledger->last = 0;
  }
  leave_heap(ledger, block);
  oh_numbered_remove(&ledger->blocks, n);
  if (!block->lifted) leave_cell(ledger, block->address);
  block->serial = 0;
}

static _Atomic(uint32_t) threads;

/* Beyond 65,535 threads they share numbers. */
static uint16_t this_thread(void) {
  static _Thread_local uint16_t number;
  if (number == 0) number = (uint16_t)(atomic_fetch_add(&threads, 1) % UINT16_MAX + 1);
  return number;
}

static uint8_t log2_of(size_t align) {
  uint8_t bits = 0; /* at most 63 */
  while (align >> bits > 1) bits++;
  return bits;
}

/* The number of a block that was put in; 0: counted only. */
static uint32_t enter(oh_ledger_t *ledger, oh_record_t const *record, uint32_t site) {
  uint64_t const address = (uintptr_t)record->ptr;
  uint32_t n = 0;
  if (ledger->blocks.count < ledger->most_blocks) {
    n = oh_numbered_add(&ledger->blocks, hash_block(record->heap, address));
  }
  if (n == 0) return 0;
  oh_block_t *const block = block_at(ledger, n);
  block->address = address;
  block->size = record->size;
  block->heap = record->heap;
  block->site = site;
  block->weight = weight_kept(record->weight);
  block->time = (uint32_t)((os_clock_ms() - ledger->made_ms) / CLOCK);
  block->thread = this_thread();
  block->align = log2_of(record->align);
  block->handle = record->has_handle ? HELD : NO_HANDLE;
  if (++ledger->serial == 0) ledger->serial = 1;
  block->serial = ledger->serial;
  enter_heap(ledger, n);
  enter_cell(ledger, address);
  return n;
}

/* Of the serial number as many bits as leave room for 2^32 blocks. */
#define TICKET_BITS 20

static uint64_t ticket_of(oh_ledger_t const *ledger, uint32_t n) {
  uint32_t const serial = block_at(ledger, n)->serial & ((1u << TICKET_BITS) - 1);
  return (uint64_t)n << TICKET_BITS | serial;
}

uint64_t oh_ledger_add(oh_ledger_t *ledger, oh_record_t const *record) {
  uint64_t ticket = 0;
  os_mutex_lock(&ledger->lock);
  uint32_t const stale = find(ledger, record->heap, record->ptr);
  if (stale != 0) forget(ledger, stale);
  uint32_t const site = site_of(ledger, record->stack, heap_at(ledger, record->heap)->name);
  double const weight = (double)weight_kept(record->weight);
  uint32_t n = 0;
  if (site != 0) {
    site_at(ledger, site)->allocs += weight;
    site_at(ledger, site)->total_bytes += weight * (double)record->size;
    n = enter(ledger, record, site);
  }
  ledger->last = n;
  if (n != 0) {
    count_live(ledger, block_at(ledger, n), 1);
    ticket = ticket_of(ledger, n);
  } else {
    ledger->unlisted += weight;
    ledger->unlisted_live += weight;
  }
  os_mutex_unlock(&ledger->lock);
  return ticket;
}

bool oh_ledger_remove(oh_ledger_t *ledger, uint32_t heap, void const *ptr) {
  os_mutex_lock(&ledger->lock);
  uint32_t const n = find(ledger, heap, ptr);
  if (n != 0) forget(ledger, n);
  os_mutex_unlock(&ledger->lock);
  return n != 0;
}

/* No block is found there while it is lifted. */
static uint64_t nowhere(uint32_t n) {
  return UINT64_MAX - n;
}

static void rehome(oh_ledger_t *ledger, uint32_t n, uint64_t address) {
  oh_block_t *const block = block_at(ledger, n);
  block->address = address;
  oh_numbered_rehash(&ledger->blocks, n, hash_block(block->heap, address));
}

uint32_t oh_ledger_lift(oh_ledger_t *ledger, uint32_t heap, void const *ptr) {
  os_mutex_lock(&ledger->lock);
  uint32_t const n = find(ledger, heap, ptr);
  if (n != 0) {
    leave_cell(ledger, block_at(ledger, n)->address);
    rehome(ledger, n, nowhere(n));
    block_at(ledger, n)->lifted = true;
    heap_at(ledger, heap)->lifted++;
  }
  os_mutex_unlock(&ledger->lock);
  return n;
}

/* One of its lifted blocks is settled. */
static void settle(oh_ledger_t *ledger, uint32_t heap) {
  oh_heap_entry_t *const entry = heap_at(ledger, heap);
  if (--entry->lifted == 0 && entry->users == 0) oh_numbered_remove(&ledger->heaps, heap);
}

static void set_size(oh_ledger_t *ledger, oh_block_t *block, uint64_t size) {
  double const grown = (double)size - (double)block->size;
  if (grown > 0) site_at(ledger, block->site)->total_bytes += grown * (double)block->weight;
  count_live(ledger, block, -1);
  block->size = size;
  count_live(ledger, block, 1);
}

static void put(oh_ledger_t *ledger, uint32_t n, uint64_t address, uint64_t size) {
  oh_block_t *const block = block_at(ledger, n);
  uint32_t const heap = block->heap;
  /* A block that lies there already was freed unseen: before this one grows, or there was a peak that
     never was. */
  uint32_t const stale = find(ledger, heap, (void const *)(uintptr_t)address);
  if (stale != 0) forget(ledger, stale);
  set_size(ledger, block, size);
  block->lifted = false;
  rehome(ledger, n, address);
  enter_cell(ledger, address);
  if (heap_at(ledger, heap)->users == 0) forget(ledger, n);
  settle(ledger, heap);
}

void oh_ledger_put(oh_ledger_t *ledger, uint32_t lifted, void const *ptr, size_t size) {
  os_mutex_lock(&ledger->lock);
  put(ledger, lifted, (uintptr_t)ptr, size);
  os_mutex_unlock(&ledger->lock);
}

void oh_ledger_put_back(oh_ledger_t *ledger, uint32_t lifted, void const *ptr) {
  os_mutex_lock(&ledger->lock);
  put(ledger, lifted, (uintptr_t)ptr, block_at(ledger, lifted)->size);
  os_mutex_unlock(&ledger->lock);
}

void oh_ledger_strike(oh_ledger_t *ledger, uint32_t lifted) {
  os_mutex_lock(&ledger->lock);
  uint32_t const heap = block_at(ledger, lifted)->heap;
  forget(ledger, lifted);
  settle(ledger, heap);
  os_mutex_unlock(&ledger->lock);
}

/* The block that a ticket is of; 0: it is gone. */
static uint32_t of_ticket(oh_ledger_t const *ledger, uint64_t ticket) {
  uint32_t const n = (uint32_t)(ticket >> TICKET_BITS);
  bool const found = n != 0 && n <= ledger->blocks.highest && block_at(ledger, n)->serial != 0;
  return found && ticket_of(ledger, n) == ticket ? n : 0;
}

static void set_handle(oh_ledger_t *ledger, uint32_t n, unsigned handle) {
  count_live(ledger, block_at(ledger, n), -1);
  block_at(ledger, n)->handle = (uint8_t)handle;
  count_live(ledger, block_at(ledger, n), 1);
}

uint64_t oh_ledger_add_handle(oh_ledger_t *ledger, uint32_t lifted) {
  os_mutex_lock(&ledger->lock);
  uint8_t const handle = block_at(ledger, lifted)->handle;
  if (handle < UINT8_MAX) set_handle(ledger, lifted, handle < HELD ? HELD : handle + 1u);
  if (block_at(ledger, lifted)->thread != this_thread()) block_at(ledger, lifted)->elsewhere = true;
  uint64_t const ticket = ticket_of(ledger, lifted);
  os_mutex_unlock(&ledger->lock);
  return ticket;
}

bool oh_ledger_lose(oh_ledger_t *ledger, uint64_t ticket) {
  os_mutex_lock(&ledger->lock);
  uint32_t const n = of_ticket(ledger, ticket);
  uint8_t const handle = n == 0 ? NO_HANDLE : block_at(ledger, n)->handle;
  /* Of more handles than can be counted nobody knows which is the last. */
  if (n != 0 && handle < UINT8_MAX) set_handle(ledger, n, handle > HELD ? handle - 1u : LOST);
  os_mutex_unlock(&ledger->lock);
  return n != 0;
}

void oh_ledger_lose_of_thread(oh_ledger_t *ledger) {
  os_mutex_lock(&ledger->lock);
  for (uint32_t n = 1; n <= ledger->blocks.highest; n++) {
    oh_block_t const *const block = block_at(ledger, n);
    bool const held = block->serial != 0 && block->handle >= HELD && !block->elsewhere;
    if (held && block->thread == this_thread()) set_handle(ledger, n, LOST);
  }
  os_mutex_unlock(&ledger->lock);
}

bool oh_ledger_release(oh_ledger_t *ledger, uint64_t ticket) {
  os_mutex_lock(&ledger->lock);
  uint32_t const n = of_ticket(ledger, ticket);
  /* One that is lifted is freed or moved by somebody at this moment. */
  bool const free = n != 0 && !block_at(ledger, n)->lifted;
  if (free) forget(ledger, n);
  os_mutex_unlock(&ledger->lock);
  return free;
}

void oh_ledger_unknown(oh_ledger_t *ledger) {
  os_mutex_lock(&ledger->lock);
  if (ledger->unlisted_live >= 1) {
    ledger->unlisted_live--;
  } else {
    ledger->unknown_frees++;
  }
  os_mutex_unlock(&ledger->lock);
}

uint32_t oh_ledger_newest(oh_ledger_t *ledger) {
  os_mutex_lock(&ledger->lock);
  uint32_t const serial = ledger->serial;
  os_mutex_unlock(&ledger->lock);
  return serial;
}

static void drop(oh_ledger_t *ledger, uint32_t heap, uint32_t serial, uint64_t from) {
  uint32_t n = heap_at(ledger, heap)->newest;
  while (n != 0) {
    oh_block_t const *const block = block_at(ledger, n);
    uint32_t const older = block->older;
    /* Serial numbers may have gone around. */
    if ((int32_t)(block->serial - serial) <= 0 && serial != 0) break;
    if (block->address >= from && !block->lifted) forget(ledger, n);
    n = older;
  }
}

void oh_ledger_drop(oh_ledger_t *ledger, uint32_t heap, uint32_t serial, void const *from) {
  os_mutex_lock(&ledger->lock);
  drop(ledger, heap, serial, (uintptr_t)from);
  os_mutex_unlock(&ledger->lock);
}

void oh_ledger_end_heap(oh_ledger_t *ledger, uint32_t heap) {
  os_mutex_lock(&ledger->lock);
  if (--heap_at(ledger, heap)->users == 0) {
    drop(ledger, heap, 0, 0);
    if (heap_at(ledger, heap)->lifted == 0) oh_numbered_remove(&ledger->heaps, heap);
  }
  os_mutex_unlock(&ledger->lock);
}
