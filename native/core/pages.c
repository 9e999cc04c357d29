/* pages.c: runs of whole pages.

   A run is a reservation of addresses with the payload committed inside it:

       base                ptr                 ptr + size        base + total
       | (slack) | guard   | payload ...        | guard | (slack)  |

   Without guards ptr is base. Slack is address space only: it is there when a guarded run asks for
   an alignment above the page size, and on Windows, where reservations are multiples of 64 KiB.

   One lock covers the table and every change of a run in it, system calls included. That makes the
   order right without thought: an address leaves the table before the kernel can give it to another
   thread, and enters it before anyone can name it. Only reserving and releasing happen outside the
   lock, on runs that the table does not hold yet or any more.

   Costs: two system calls to allocate, one to free, each some microseconds; a page fault for each
   page that is touched. */

#include "pages.h"

#include <stdatomic.h>

#include "door.h"
#include "extent_map.h"
#include "os.h"

#define HUGE_ALIGN ((size_t)2 << 20)

static os_mutex_t lock = OS_MUTEX_INIT;
static oh_extent_map_t extents;

/* ---- Arithmetic ------------------------------------------------------------------------------ */

/* unit is a power of two. 0: x is 0, or the result would not fit. */
static size_t round_up(size_t x, size_t unit) {
  return x > SIZE_MAX - (unit - 1) ? 0 : (x + unit - 1) & ~(unit - 1);
}

static size_t round_down(size_t x, size_t unit) {
  return x & ~(unit - 1);
}

/* 0: larger than any object may be, where the difference of two pointers no longer fits. */
static size_t whole_pages(size_t size) {
  return size > PTRDIFF_MAX ? 0 : round_up(size + (size == 0), os_page_size());
}

/* ---- Making and unmaking --------------------------------------------------------------------- */

/* Reserves what run->size and the guards need, and fills in where it is. */
static bool reserve(oh_extent_t *run, size_t align) {
  size_t const unit = os_page_granularity();
  size_t const page = os_page_size();
  size_t const front = run->guarded ? page : 0;
  /* The system aligns the start of a reservation, which is not what has to be aligned here. */
  size_t const slack = run->guarded && align > page ? align - page : 0;
  if (slack > SIZE_MAX - 2 * front || run->size > SIZE_MAX - 2 * front - slack) return false;
  run->total = round_up(run->size + 2 * front + slack, unit);
  if (run->total == 0) return false;
  run->base = os_pages_reserve(run->total, run->guarded || align < unit ? unit : align);
  if (run->base == NULL) return false;
  size_t const past = slack == 0 ? 0 : (size_t)((uintptr_t)run->base + front) & (align - 1);
  run->ptr = run->base + front + (past == 0 ? 0 : align - past);
  return true;
}

static bool enter(oh_extent_t const *extent) {
  os_mutex_lock(&lock);
  bool const entered = oh_extent_reserve(&extents);
  if (entered) oh_extent_put(&extents, extent);
  os_mutex_unlock(&lock);
  return entered;
}

void *oh_pages_alloc(size_t size, size_t align, oh_pages_options_t const *options) {
  static oh_pages_options_t const none = {false, false, NULL};
  if (options == NULL) options = &none;
  oh_extent_t run = {0};
  run.size = whole_pages(size);
  run.align = align;
  run.guarded = options->guard;
  if (!oh_is_pow2(align) || run.size == 0) return NULL;
  if (options->huge && align < HUGE_ALIGN) align = HUGE_ALIGN;
  run.pinned = align > os_page_size();
  if (!reserve(&run, align)) return NULL;
  if (os_pages_commit(run.ptr, run.size)) {
    if (options->huge) (void)os_pages_hint_huge(run.ptr, run.size);
    if (options->name != NULL) (void)os_pages_set_name(run.ptr, run.size, options->name);
    if (enter(&run)) return run.ptr;
  }
  os_pages_release(run.base, run.total);
  return NULL;
}

/* ---- Finding, under the lock ----------------------------------------------------------------- */

static oh_status_t find_live(void const *ptr, oh_extent_t **run) {
  *run = oh_extent_find(&extents, ptr);
  if (*run == NULL) return OH_INVALID_POINTER;
  return (*run)->live ? OH_OK : OH_DOUBLE_FREE;
}

/* For what changes or ends a run. */
static oh_status_t find(void const *ptr, size_t size, size_t align, oh_extent_t **run) {
  oh_status_t const status = find_live(ptr, run);
  if (status != OH_OK) return status;
  if (align != 0 && align != (*run)->align) return OH_INVALID_ALIGN;
  if (size > (*run)->size) return OH_INVALID_SIZE;
  return (*run)->shown ? OH_SHOWN : OH_OK;
}

static oh_status_t find_shown(void const *ptr, oh_extent_t **run) {
  oh_status_t const status = find_live(ptr, run);
  return status == OH_OK && !(*run)->shown ? OH_INVALID_POINTER : status;
}

/* ---- Freeing --------------------------------------------------------------------------------- */

/* The second half of a free that holds the lock: strikes the run out if it was found, lets go of
   the lock, and only then gives back the pages. */
static oh_status_t finish(oh_status_t found, oh_extent_t *run) {
  char *base = NULL;
  size_t total = 0;
  if (found == OH_OK) {
    base = run->base;
    total = run->total;
    oh_extent_kill(&extents, run);
  }
  os_mutex_unlock(&lock);
  if (base != NULL) os_pages_release(base, total);
  return found;
}

oh_status_t oh_pages_free(void *ptr, size_t size, size_t align) {
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t const found = find(ptr, size, align, &run);
  return finish(found, run);
}

oh_status_t oh_pages_free_shown(void *ptr) {
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t const found = find_shown(ptr, &run);
  return finish(found, run);
}

static bool set_shown(void const *ptr, bool shown) {
  oh_extent_t *run;
  os_mutex_lock(&lock);
  bool const changed = find_live(ptr, &run) == OH_OK && run->shown != shown;
  if (changed) run->shown = shown;
  os_mutex_unlock(&lock);
  return changed;
}

bool oh_pages_show(void const *ptr) {
  return set_shown(ptr, true);
}

bool oh_pages_unshow(void const *ptr) {
  return set_shown(ptr, false);
}

size_t oh_pages_usable_size(void const *ptr) {
  oh_extent_t *run;
  os_mutex_lock(&lock);
  size_t const size = find_live(ptr, &run) == OH_OK ? run->size : 0;
  os_mutex_unlock(&lock);
  return size;
}

/* ---- Resizing, under the lock ---------------------------------------------------------------- */

/* The system takes the tail with its addresses, or at least its memory. */
static bool shrink(oh_extent_t *run, size_t size) {
  size_t const end = (size_t)(run->ptr - run->base) + size;
  if (os_pages_release_tail(run->ptr + size, run->total - end)) {
    run->total = end;
  } else if (!os_pages_decommit(run->ptr + size, run->size - size)) {
    return false;
  }
  run->size = size;
  return true;
}

/* Into addresses that a shrink has left behind or that rounding has added; else behind the end. */
static bool grow(oh_extent_t *run, size_t size) {
  if (size <= run->total) {
    if (!os_pages_commit(run->ptr + run->size, size - run->size)) return false;
  } else {
    if (run->size != run->total || !os_pages_grow(run->ptr, run->size, size)) return false;
    run->total = size;
  }
  run->size = size;
  return true;
}

static bool resize(oh_extent_t *run, size_t size) {
  if (run->guarded) return size <= run->size;
  if (size == run->size) return true;
  return size < run->size ? shrink(run, size) : grow(run, size);
}

oh_status_t oh_pages_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized) {
  *resized = false;
  size_t const wanted = whole_pages(new_size);
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t const status = find(ptr, size, align, &run);
  if (status == OH_OK && wanted != 0) *resized = resize(run, wanted);
  os_mutex_unlock(&lock);
  return status;
}

/* Room in the table comes first: once the pages have moved there is no way back. */
static void *move(void *ptr, size_t wanted) {
  if (!oh_extent_reserve(&extents)) return NULL;
  oh_extent_t *const run = oh_extent_find(&extents, ptr);
  if (run->guarded || run->pinned || run->size != run->total) return NULL;
  oh_extent_t moved = *run;
  moved.ptr = os_pages_move(run->ptr, run->size, wanted);
  if (moved.ptr == NULL) return NULL;
  moved.base = moved.ptr;
  moved.size = moved.total = wanted;
  oh_extent_kill(&extents, run);
  oh_extent_put(&extents, &moved);
  return moved.ptr;
}

oh_status_t oh_pages_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved) {
  *moved = NULL;
  size_t const wanted = whole_pages(new_size);
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t const status = find(ptr, size, align, &run);
  if (status == OH_OK && wanted != 0) *moved = resize(run, wanted) ? ptr : move(ptr, wanted);
  os_mutex_unlock(&lock);
  return status;
}

/* ---- Parts of a run -------------------------------------------------------------------------- */

static bool within(oh_extent_t const *run, size_t offset, size_t size) {
  return offset <= run->size && size <= run->size - offset;
}

static oh_status_t decommit(oh_extent_t *run, size_t offset, size_t size, size_t *given) {
  if (!within(run, offset, size)) return OH_INVALID_SIZE;
  size_t const from = round_up(offset, os_page_size());
  size_t const to = round_down(offset + size, os_page_size());
  if (from >= to) return OH_OK;
  if (!os_pages_decommit(run->ptr + from, to - from)) return OH_NO_MEMORY;
  if (!os_pages_commit(run->ptr + from, to - from)) return OH_NO_MEMORY;
  *given = to - from;
  return OH_OK;
}

oh_status_t oh_pages_decommit(void *ptr, size_t offset, size_t size, size_t *given) {
  *given = 0;
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t status = find_live(ptr, &run);
  if (status == OH_OK) status = decommit(run, offset, size, given);
  os_mutex_unlock(&lock);
  return status;
}

static oh_status_t protect(oh_extent_t *run, size_t offset, size_t size, int access) {
  if (!within(run, offset, size) || (offset | size) % os_page_size() != 0) return OH_INVALID_SIZE;
  if (size == 0) return OH_OK;
  return os_pages_protect(run->ptr + offset, size, (os_access_t)access) ? OH_OK : OH_NO_MEMORY;
}

oh_status_t oh_pages_protect(void *ptr, size_t offset, size_t size, int access) {
  oh_extent_t *run;
  os_mutex_lock(&lock);
  oh_status_t status = find_live(ptr, &run);
  if (status == OH_OK) status = protect(run, offset, size, access);
  os_mutex_unlock(&lock);
  return status;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static bool accepted(oh_status_t status) {
  return oh_accepted(status == OH_OK);
}

static void *door_alloc(void *self, size_t size, size_t align) {
  (void)self;
  return oh_pages_alloc(size, align, NULL);
}

static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  bool resized;
  return accepted(oh_pages_resize(ptr, size, size == 0 ? 0 : align, new_size, &resized)) && resized;
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  (void)self;
  void *moved;
  (void)accepted(oh_pages_remap(ptr, size, size == 0 ? 0 : align, new_size, &moved));
  return moved;
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  (void)self;
  (void)accepted(oh_pages_free(ptr, size, size == 0 ? 0 : align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  (void)self;
  return oh_pages_usable_size(ptr);
}

oh_vtable_t const oh_pages_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
