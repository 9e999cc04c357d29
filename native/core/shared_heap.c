/* shared_heap.c: see shared_heap.h. */

#include "shared_heap.h"

#include <string.h>

#include "door.h"
#include "pages.h"

/* ---- The list of those that live ------------------------------------------------------------- */

static os_mutex_t list_lock = OS_MUTEX_INIT;
static oh_shared_t *list;
static double last_number;

static void enter(oh_shared_t *heap) {
  os_mutex_lock(&list_lock);
  heap->number = ++last_number;
  heap->next = list;
  list = heap;
  os_mutex_unlock(&list_lock);
}

/* The heap and its state, which begins on a page of its own. */
static void discard(oh_shared_t *heap) {
  (void)oh_pages_free(heap->state, 0, 0);
  os_heap_free(heap, false);
}

/* What is 0 is left alone: the pages are so already, and are not touched for it. */
static void copy_state(char *to, char const *from, size_t size) {
  static char const zeros[1024];
  for (size_t at = 0; at < size; at += sizeof zeros) {
    size_t const part = size - at < sizeof zeros ? size - at : sizeof zeros;
    if (memcmp(from + at, zeros, part) != 0) memcpy(to + at, from + at, part);
  }
}

oh_shared_t *oh_shared_create(oh_vtable_t const *table, void const *state, size_t state_size,
                              void *base, size_t capacity) {
  oh_strategy_t const *const strategy = oh_strategy_of(table);
  if (strategy == NULL) return NULL;
  oh_shared_t *const heap = (oh_shared_t *)os_heap_alloc(sizeof *heap, OS_HEAP_ALIGN);
  if (heap == NULL) return NULL;
  heap->state = oh_pages_alloc(state_size, 1, NULL);
  if (heap->state == NULL || !os_lock_init(&heap->lock)) {
    discard(heap);
    return NULL;
  }
  copy_state((char *)heap->state, (char const *)state, state_size);
  heap->strategy = strategy;
  heap->base = base;
  heap->capacity = capacity;
  heap->holders = 1;
  enter(heap);
  return heap;
}

static oh_shared_t *find(double number) {
  oh_shared_t *heap = list;
  while (heap != NULL && heap->number != number) heap = heap->next;
  return heap;
}

/* Is the payload in the size bytes at memory? */
static bool lies_in(oh_shared_t const *heap, void const *memory, size_t size) {
  uintptr_t const from = (uintptr_t)heap->base - (uintptr_t)memory;
  return from <= size && heap->capacity <= size - from;
}

oh_shared_t *oh_shared_attach(double number, void const *memory, size_t size, bool *ended) {
  os_mutex_lock(&list_lock);
  oh_shared_t *heap = find(number);
  /* Numbers are whole, so what is between two of them never was one. */
  *ended = heap == NULL && number >= 1 && number <= last_number &&
           number == (double)(uint64_t)number;
  if (heap != NULL && !lies_in(heap, memory, size)) heap = NULL;
  if (heap != NULL) heap->holders++;
  os_mutex_unlock(&list_lock);
  return heap;
}

void oh_shared_let_go(oh_shared_t *heap) {
  os_mutex_lock(&list_lock);
  bool const last = --heap->holders == 0;
  if (last) {
    oh_shared_t **at = &list;
    while (*at != heap) at = &(*at)->next;
    *at = heap->next;
  }
  os_mutex_unlock(&list_lock);
  if (!last) return;
  os_lock_end(&heap->lock);
  discard(heap);
}

void oh_shared_count(uint32_t *heaps, uint32_t *holders) {
  *heaps = 0;
  *holders = 0;
  os_mutex_lock(&list_lock);
  for (oh_shared_t const *heap = list; heap != NULL; heap = heap->next) {
    *heaps += 1;
    *holders += heap->holders;
  }
  os_mutex_unlock(&list_lock);
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* 0 also of a strategy that keeps no sizes. */
static size_t size_at(oh_shared_t const *heap, void const *ptr) {
  oh_vtable_t const *const vtable = heap->strategy->vtable;
  return vtable->usable_size == NULL ? 0 : vtable->usable_size(heap->state, ptr);
}

/* Why the strategy refused a block that its caller says is one. */
static oh_status_t refusal(oh_shared_t const *heap, void const *ptr) {
  if (size_at(heap, ptr) > 0) return OH_INVALID_SIZE;
  return heap->strategy->is_free(heap->state, ptr) ? OH_DOUBLE_FREE : OH_INVALID_POINTER;
}

oh_status_t oh_shared_alloc(oh_shared_t *heap, size_t size, size_t align, void **block) {
  *block = NULL;
  if (heap == NULL) return OH_NO_MEMORY;
  if (!os_lock_take(&heap->lock)) return OH_POISONED;
  *block = heap->strategy->vtable->alloc(heap->state, size, align);
  os_lock_release(&heap->lock);
  return *block == NULL ? OH_NO_MEMORY : OH_OK;
}

oh_status_t oh_shared_free(oh_shared_t *heap, void *ptr, size_t size, size_t align) {
  if (heap == NULL) return OH_INVALID_POINTER;
  if (!os_lock_take(&heap->lock)) return OH_POISONED;
  bool const freed = heap->strategy->free(heap->state, ptr, size, align);
  oh_status_t const status = freed ? OH_OK : refusal(heap, ptr);
  os_lock_release(&heap->lock);
  return status;
}

oh_status_t oh_shared_resize(oh_shared_t *heap, void *ptr, size_t size, size_t align,
                             size_t new_size, bool *resized) {
  *resized = false;
  if (heap == NULL) return OH_INVALID_POINTER;
  if (!os_lock_take(&heap->lock)) return OH_POISONED;
  oh_strategy_t const *const strategy = heap->strategy;
  *resized = strategy->resize(heap->state, ptr, size, align, new_size);
  /* A block that is as the caller says can always be what it is. */
  bool const valid = *resized || strategy->resize(heap->state, ptr, size, align, size);
  oh_status_t const status = valid ? OH_OK : refusal(heap, ptr);
  os_lock_release(&heap->lock);
  return status;
}

oh_status_t oh_shared_usable_size(oh_shared_t *heap, void const *ptr, size_t *size) {
  *size = 0;
  if (heap == NULL) return OH_INVALID_POINTER;
  if (!os_lock_take(&heap->lock)) return OH_POISONED;
  *size = size_at(heap, ptr);
  oh_status_t const status = *size > 0 ? OH_OK : refusal(heap, ptr);
  os_lock_release(&heap->lock);
  return status;
}

oh_status_t oh_shared_read(oh_shared_t *heap, oh_figures_t *figures) {
  bool const taken = os_lock_take(&heap->lock);
  heap->strategy->read(heap->state, figures);
  if (!taken) return OH_POISONED;
  os_lock_release(&heap->lock);
  return OH_OK;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

/* false: refused, which is counted. */
static bool take(oh_shared_t *heap) {
  return oh_accepted(heap != NULL && os_lock_take(&heap->lock));
}

static void *door_alloc(void *self, size_t size, size_t align) {
  oh_shared_t *const heap = (oh_shared_t *)self;
  if (!take(heap)) return NULL;
  void *const block = heap->strategy->vtable->alloc(heap->state, size, align);
  os_lock_release(&heap->lock);
  return block;
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_shared_t *const heap = (oh_shared_t *)self;
  if (!take(heap)) return false;
  bool const resized = heap->strategy->vtable->resize(heap->state, ptr, size, align, new_size);
  os_lock_release(&heap->lock);
  return resized;
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  oh_shared_t *const heap = (oh_shared_t *)self;
  if (!take(heap)) return;
  heap->strategy->vtable->free(heap->state, ptr, size, align);
  os_lock_release(&heap->lock);
}

static size_t door_usable_size(void *self, void const *ptr) {
  size_t size = 0;
  (void)oh_shared_usable_size((oh_shared_t *)self, ptr, &size);
  return size;
}

static oh_vtable_t const shared_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};

static oh_vtable_t const shared_vtable_without_sizes = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc, door_resize, door_remap, door_free, NULL,
};

oh_vtable_t const *oh_shared_table(oh_shared_t const *heap) {
  bool const sizes = heap == NULL || heap->strategy->vtable->usable_size != NULL;
  return sizes ? &shared_vtable : &shared_vtable_without_sizes;
}
