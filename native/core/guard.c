/* guard.c: the table of guarded blocks. See guard.h.

   Slots lie one behind the other in areas of address space, in the order in which they were made,
   so that the slot of an address is found by bisection. A slot is unused, live or freed; only
   unused ones are in the lists, one for each number of pages, the longest unused first. */

#include "guard.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "door.h"
#include "os.h"

#define FENCE 0xfd

/* Address space of an area, and the most of them. */
#define AREA_SIZE ((size_t)1 << (sizeof(void *) > 4 ? 30 : 24))
#define MOST_AREAS 4096

/* Lists of unused slots: numbers of pages up to 8, then four to a doubling. */
#define CLASSES 256

typedef struct slot {
  char *start, *end; /* its data pages; a guard page is behind */
  /* Read by the handler while others write; what it then prints may be of two blocks. */
  _Atomic(uintptr_t) ptr;
  atomic_size_t size, align;
  atomic_int state;
  _Atomic(oh_guard_text_t const *) owner, allocated, freed;
  struct slot *next; /* in its list */
} slot_t;

typedef struct area {
  char *base;
  size_t size, used; /* bytes */
  slot_t *slots;
  atomic_size_t count;
  size_t most; /* slots that there is room for */
} area_t;

typedef struct list {
  slot_t *first, *last;
} list_t;

static os_mutex_t lock = OS_MUTEX_INIT;
static _Atomic(area_t *) areas[MOST_AREAS];
static atomic_size_t area_count;
static area_t *current; /* where new slots are made */
static list_t unused[CLASSES];
static oh_guard_text_t *texts; /* all of them, so that none is taken for lost */
static size_t live, most_live;

static size_t round_up(size_t x, size_t unit) {
  return (x + unit - 1) & ~(unit - 1);
}

oh_guard_text_t const *oh_guard_text(char const *text, size_t length) {
  oh_guard_text_t *const copy = malloc(sizeof *copy + length);
  if (copy == NULL) return NULL;
  copy->length = length;
  memcpy(copy->text, text, length);
  os_mutex_lock(&lock);
  copy->next = texts;
  texts = copy;
  os_mutex_unlock(&lock);
  return copy;
}

/* ---- Slots, under the lock ------------------------------------------------------------------- */

/* The list of slots with at least so many pages, and how many those have. */
static size_t class_of(size_t *pages) {
  if (*pages <= 8) return *pages;
  size_t step = 2, class = 8;
  while (*pages > step * 8) {
    step *= 2;
    class += 4;
  }
  size_t const quarters = (*pages + step - 1) / step; /* 5 to 8 */
  *pages = quarters * step;
  return class + quarters - 4;
}

static area_t *make_area(size_t size, size_t most) {
  size_t const index = atomic_load(&area_count);
  if (index == MOST_AREAS) return NULL;
  area_t *const area = calloc(1, sizeof *area);
  size_t const table = round_up(most * sizeof(slot_t), os_page_granularity());
  size_t const bytes = round_up(size, os_page_granularity());
  char *const base = area == NULL ? NULL : os_pages_reserve(bytes, os_page_granularity());
  void *const slots = base == NULL ? NULL : os_pages_reserve(table, os_page_granularity());
  if (slots == NULL || !os_pages_commit(slots, table)) {
    if (slots != NULL) os_pages_release(slots, table);
    if (base != NULL) os_pages_release(base, bytes);
    free(area);
    return NULL;
  }
  area->base = base;
  area->size = bytes;
  area->used = os_page_size(); /* the first guard */
  area->slots = slots;
  area->most = most;
  atomic_store(&areas[index], area);
  atomic_store(&area_count, index + 1);
  return area;
}

static area_t *area_for(size_t room) {
  size_t const page = os_page_size();
  size_t const needed = room + page;
  if (needed > AREA_SIZE / 4) return make_area(needed + page, 1);
  bool const fits = current != NULL && current->size - current->used >= needed &&
                    atomic_load(&current->count) < current->most;
  if (!fits) current = make_area(AREA_SIZE, AREA_SIZE / (2 * page));
  return current;
}

static slot_t *take(size_t data) {
  size_t const page = os_page_size();
  size_t pages = data / page;
  list_t *const list = &unused[class_of(&pages)];
  slot_t *slot = list->first;
  if (slot != NULL) {
    list->first = slot->next;
    return slot;
  }
  area_t *const area = area_for(pages * page);
  if (area == NULL) return NULL;
  size_t const count = atomic_load(&area->count);
  slot = &area->slots[count];
  slot->start = area->base + area->used;
  slot->end = slot->start + pages * page;
  area->used += pages * page + page;
  atomic_store(&area->count, count + 1);
  return slot;
}

static void put_back(slot_t *slot) {
  size_t pages = (size_t)(slot->end - slot->start) / os_page_size();
  list_t *const list = &unused[class_of(&pages)];
  slot->next = NULL;
  if (list->first == NULL) {
    list->first = slot;
  } else {
    list->last->next = slot;
  }
  list->last = slot;
}

static slot_t *begin(size_t data) {
  os_mutex_lock(&lock);
  if (most_live == 0) {
    size_t const mappings = os_pages_most_mappings();
    most_live = mappings == 0 ? SIZE_MAX : mappings / 4;
  }
  slot_t *const slot = live < most_live ? take(data) : NULL;
  if (slot != NULL) live += 1;
  os_mutex_unlock(&lock);
  return slot;
}

static void end(slot_t *slot, bool reusable) {
  os_mutex_lock(&lock);
  live -= 1;
  if (reusable) put_back(slot);
  os_mutex_unlock(&lock);
}

size_t oh_guard_live(void) {
  os_mutex_lock(&lock);
  size_t const count = live;
  os_mutex_unlock(&lock);
  return count;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* From the start of a block to the guard behind it. */
static size_t tail_of(size_t size, size_t align) {
  return round_up(size + (size == 0), align);
}

void *oh_guard_alloc(size_t size, size_t align, unsigned char fresh, oh_guard_text_t const *owner,
                     oh_guard_text_t const *where) {
  size_t const page = os_page_size();
  if (!oh_is_pow2(align) || align > page || size > PTRDIFF_MAX / 4) return NULL;
  if (!oh_guard_watch()) return NULL;
  size_t const tail = tail_of(size, align);
  size_t const data = round_up(tail, page);
  slot_t *const slot = begin(data);
  if (slot == NULL) return NULL;
  char *const from = slot->end - data;
  if (!os_pages_commit(from, data)) {
    end(slot, true);
    return NULL;
  }
  char *const ptr = slot->end - tail;
  memset(from, FENCE, data - tail);
  if (fresh != 0) memset(ptr, fresh, size);
  memset(ptr + size, FENCE, tail - size);
  atomic_store(&slot->ptr, (uintptr_t)ptr);
  atomic_store(&slot->size, size);
  atomic_store(&slot->align, align);
  atomic_store(&slot->owner, owner);
  atomic_store(&slot->allocated, where);
  atomic_store(&slot->freed, NULL);
  atomic_store(&slot->state, OH_GUARD_LIVE);
  return ptr;
}

/* The slot at or before an address in an area; NULL: it is before the first. */
static slot_t *slot_before(area_t *area, char const *address) {
  size_t low = 0, high = atomic_load(&area->count);
  while (low < high) {
    size_t const middle = low + (high - low) / 2;
    if (area->slots[middle].start <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? NULL : &area->slots[low - 1];
}

static area_t *area_of(char const *address) {
  size_t const count = atomic_load(&area_count);
  for (size_t i = 0; i < count; i++) {
    area_t *const area = atomic_load(&areas[i]);
    if (address >= area->base && address < area->base + area->size) return area;
  }
  return NULL;
}

/* The slot whose block starts there, or started; NULL: none. */
static slot_t *slot_at(void const *ptr) {
  area_t *const area = area_of(ptr);
  slot_t *const slot = area == NULL ? NULL : slot_before(area, ptr);
  return slot != NULL && atomic_load(&slot->ptr) == (uintptr_t)ptr ? slot : NULL;
}

static bool change(slot_t *slot, int from, int to) {
  return slot != NULL && atomic_compare_exchange_strong(&slot->state, &from, to);
}

bool oh_guard_free(void *ptr, oh_guard_text_t const *where) {
  slot_t *const slot = slot_at(ptr);
  if (!change(slot, OH_GUARD_LIVE, OH_GUARD_FREED)) return false;
  atomic_store(&slot->freed, where);
  size_t const tail = tail_of(atomic_load(&slot->size), atomic_load(&slot->align));
  size_t const data = round_up(tail, os_page_size());
  char *const from = slot->end - data;
  /* At its limit of mappings the system may refuse the one and still take the other. */
  if (!os_pages_revoke(from, data)) (void)os_pages_protect(from, data, OS_ACCESS_NONE);
  end(slot, false);
  return true;
}

bool oh_guard_release(void *ptr) {
  slot_t *const slot = slot_at(ptr);
  if (!change(slot, OH_GUARD_FREED, OH_GUARD_UNUSED)) return false;
  os_mutex_lock(&lock);
  put_back(slot);
  os_mutex_unlock(&lock);
  return true;
}

/* The first and last byte of [from, to) that are no fence; they are made so again. */
static bool repair(char *from, char *to, char const *ptr, oh_guard_damage_t *damage) {
  char *first = from, *last = to;
  while (first < to && (unsigned char)*first == FENCE) first++;
  if (first == to) return false;
  while ((unsigned char)last[-1] == FENCE) last--;
  damage->offset = first - ptr;
  damage->length = (size_t)(last - first);
  damage->found = (unsigned char)*first;
  memset(first, FENCE, damage->length);
  return true;
}

bool oh_guard_check(void *at, oh_guard_damage_t *damage) {
  slot_t *const slot = slot_at(at);
  if (slot == NULL || atomic_load(&slot->state) != OH_GUARD_LIVE) return false;
  char *const ptr = at;
  size_t const size = atomic_load(&slot->size);
  size_t const data = round_up(tail_of(size, atomic_load(&slot->align)), os_page_size());
  oh_guard_damage_t other;
  bool const behind = repair(ptr + size, slot->end, ptr, damage);
  return repair(slot->end - data, ptr, ptr, behind ? &other : damage) || behind;
}

/* ---- For the handler ------------------------------------------------------------------------- */

static void read_slot(slot_t *slot, oh_guard_block_t *block) {
  block->state = (oh_guard_state_t)atomic_load(&slot->state);
  block->ptr = atomic_load(&slot->ptr);
  block->size = atomic_load(&slot->size);
  block->align = atomic_load(&slot->align);
  block->owner = atomic_load(&slot->owner);
  block->allocated = atomic_load(&slot->allocated);
  block->freed = atomic_load(&slot->freed);
}

/* How far an address in a guard is from a block; SIZE_MAX: there is none. */
static size_t distance(oh_guard_block_t const *block, uintptr_t address) {
  if (block->state == OH_GUARD_UNUSED) return SIZE_MAX;
  return address < block->ptr ? block->ptr - address : address - block->ptr - block->size;
}

bool oh_guard_find(void const *address, oh_guard_block_t *block) {
  static oh_guard_block_t const none = {OH_GUARD_UNUSED, 0, 0, 0, NULL, NULL, NULL};
  *block = none;
  area_t *const area = area_of(address);
  if (area == NULL) return false;
  slot_t *const before = slot_before(area, address);
  if (before != NULL) read_slot(before, block);
  if (before != NULL && (char const *)address < before->end) return true;
  /* In a guard: of the block before it, or of the one behind. */
  size_t const next = before == NULL ? 0 : (size_t)(before - area->slots) + 1;
  if (next == atomic_load(&area->count)) return true;
  oh_guard_block_t behind;
  read_slot(&area->slots[next], &behind);
  if (distance(&behind, (uintptr_t)address) < distance(block, (uintptr_t)address)) *block = behind;
  return true;
}
