/* gc_collector.c: Boehm's collector, used for what it does best and for nothing else: it finds what
   can be reached.

   Where it looks. A conservative collector usually reads the data of every library, and the stack
   and the registers of every thread. In a process of Node that would cost time, keep garbage alive
   by accident, and stop threads by signals at any moment; and it would help nobody: addresses that
   JavaScript knows are numbers in V8's heap, where no collector looks, so all of them have to be
   registered anyway. Hence the roots are exactly what the table of blocks (gc_blocks.h) says is
   held, and the spans that were registered. Libraries' data is turned off (GC_set_no_dls), and
   push_roots takes the place of the procedure that would push the stacks. What then survives by
   accident are blocks whose address some words of other blocks look like, and those left in
   registers or in the frame that calls the collector: 2 of 200,000 when tried.

   Threads. libgc stops those threads that it knows, by signals. It knows none: GC_init runs on a
   thread of its own, which signs off and ends, and the handlers that it installed are taken out
   again. A thread that libgc does not know may allocate and collect, as long as one does so at a
   time: there is one lock around everything. So every thread of JavaScript may use the heap, none
   is ever interrupted, and it does not matter which ends when; who allocates waits while another
   collects. GC_set_markers_count(1) keeps libgc from threads that help it mark.

   What is reclaimed. When all is marked and nothing is swept yet, libgc calls back: every block of
   the table that is not marked then is gone, and leaves the table. No finalizers are needed, which
   would keep a block for one more collection; the callback calls nobody, it leaves records for the
   owners that want them. A block that is held is never even asked about.

   Finding leaks. libgc's own mode (GC_set_find_leak) is for the whole process, has to be chosen
   before it starts, and prints to stderr. Here an owner's blocks that only their allocation holds
   are weighed: they are no roots for one collection. When all is marked, those that are not are
   reported, and then marked by hand, as is whatever else is not: such a collection reclaims
   nothing. (Finalizers, which would keep them too, need a thread that libgc knows, and what is left
   of them keeps other blocks.)

   Costs on 2 shared cores of an AMD EPYC: setting up 1 ms; a collection 0.4 ms with 10,000 live
   blocks of 64 bytes, 10 ms with 100,000, 90 ms with a million. */

#include "gc_internal.h"

#include <string.h>

/* So many collections must find a page empty before libgc gives it back: found by trying. */
#define UNMAP_ROUNDS 3

/* One for each multiple of 16 up to half a page, of the largest pages that there are. Ours, because
   GC_new_free_list would make them in the collected heap. */
static void *free_lists[(65536 / 2 / 16) + 1];

oh_gc_heap_t oh_gc_heap = {.lock = OS_MUTEX_INIT};

static oh_gc_heap_t *const heap = &oh_gc_heap;

/* ---- What libgc calls, with the lock held ---------------------------------------------------- */

static void push_roots(void) {
  oh_gc_blocks_t const *const all = &heap->blocks;
  if (all->capacity > 0) heap->library.push_all(all->roots, all->roots + all->capacity);
  heap->library.push_all(&heap->spare, &heap->spare + 1);
  for (size_t i = 0; i < heap->span_count; i++) {
    heap->library.push_all(heap->spans[i].from, heap->spans[i].to);
  }
}

static void reclaimed(oh_gc_block_t *block) {
  oh_gc_owner_t *const owner = oh_gc_owner_at(block->owner);
  owner->stats.reclaimed_blocks++;
  owner->stats.reclaimed_bytes += block->size;
  if (owner->options.notify) oh_gc_owner_record(owner, block->ptr, block->size);
  oh_gc_owner_lose(owner, block->size, block->usable);
  oh_gc_blocks_kill(&heap->blocks, block);
}

static void on_event(int event) {
  if (event != OH_GC_EVENT_MARK_END) return;
  for (size_t i = 0; i < heap->blocks.capacity; i++) {
    oh_gc_block_t *const block = &heap->blocks.slots[i];
    if (!block->live || heap->blocks.roots[i] != NULL) continue;
    if (heap->library.is_marked(block->base)) continue;
    if (!heap->weighing) {
      reclaimed(block);
      continue;
    }
    heap->library.set_mark_bit(block->base);
    if (block->weighed) oh_gc_owner_record(oh_gc_owner_at(block->owner), block->ptr, block->size);
  }
}

/* ---- Out of memory --------------------------------------------------------------------------- */

/* Pages of libgc's, more than half of one. Without addresses in them they are found on any page. */
#define SPARE ((size_t)4000)

void oh_gc_out_of_memory(void) {
  heap->library.disable();
  heap->library.free(heap->spare);
  heap->spare = heap->library.malloc_atomic(SPARE);
  heap->library.enable();
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void set_up(void *unused) {
  (void)unused;
  heap->library.set_no_dls(1);
  heap->library.set_all_interior_pointers(1);
  heap->library.set_handle_fork(0);
  heap->library.set_markers_count(1);
  heap->library.init();
  heap->library.set_warn_proc(heap->library.ignore_warn_proc);
  heap->library.set_push_other_roots(push_roots);
  heap->library.set_on_collection_event(on_event);
  heap->spare = heap->library.malloc_atomic(SPARE);
  heap->uncleared = (int)heap->library.new_kind(free_lists, 0, 1, 0);
  /* Else libgc takes the distance from this stack to that of whoever allocates for memory to be
     read, and waits for as many bytes to be allocated before it collects: for ever. */
  heap->library.allow_register_threads();
  (void)heap->library.unregister_my_thread();
}

static oh_gc_state_t open_first(char const *name) {
  oh_gc_library_t found;
  oh_gc_state_t const state = oh_gc_library_find(name, &found, &heap->handle);
  if (state != OH_GC_OPEN) return state;
  if (found.is_init_called()) return OH_GC_IN_USE;
  oh_gc_options_t const options = {NULL, false, false, false};
  if (oh_gc_owner_at(0) == NULL && oh_gc_owners_add(&options) != 0) return OH_GC_NO_THREAD;
  heap->library = found;
  heap->opened = os_run_aside(set_up, NULL) && heap->spare != NULL;
  return heap->opened ? OH_GC_OPEN : OH_GC_NO_THREAD;
}

static oh_gc_state_t open_again(char const *name) {
  if (name == NULL) return OH_GC_OPEN;
  oh_gc_library_t found;
  void *other;
  oh_gc_state_t const state = oh_gc_library_find(name, &found, &other);
  if (state != OH_GC_OPEN) return state;
  return other == heap->handle ? OH_GC_OPEN : OH_GC_ANOTHER;
}

oh_gc_state_t oh_gc_open(char const *name) {
  os_mutex_lock(&heap->lock);
  oh_gc_state_t const state = heap->opened ? open_again(name) : open_first(name);
  os_mutex_unlock(&heap->lock);
  return state;
}

/* ---- Collecting ------------------------------------------------------------------------------ */

void oh_gc_collect(bool unmap) {
  os_mutex_lock(&heap->lock);
  for (int i = 0; heap->opened && unmap && i < UNMAP_ROUNDS; i++) {
    heap->library.gcollect_and_unmap();
  }
  if (heap->opened && !unmap) heap->library.gcollect();
  os_mutex_unlock(&heap->lock);
}

size_t oh_gc_heap_size(void) {
  os_mutex_lock(&heap->lock);
  size_t const size = heap->opened ? heap->library.get_heap_size() : 0;
  os_mutex_unlock(&heap->lock);
  return size;
}

static bool held_by_allocation_alone(oh_gc_block_t const *block) {
  return block->live && block->raw && !block->handle && block->holds == 0 && block->shown == 0;
}

static void weigh(uint32_t owner, bool weighed) {
  for (size_t i = 0; i < heap->blocks.capacity; i++) {
    oh_gc_block_t *const block = &heap->blocks.slots[i];
    if (block->owner != owner || !held_by_allocation_alone(block)) continue;
    block->weighed = weighed;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  heap->weighing = weighed;
}

void oh_gc_find_leaks(uint32_t number) {
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t const *const owner = oh_gc_owner_at(number);
  if (heap->opened && owner != NULL && owner->options.find_leaks) {
    weigh(number, true);
    heap->library.gcollect();
    weigh(number, false);
  }
  os_mutex_unlock(&heap->lock);
}

/* ---- Registered roots ------------------------------------------------------------------------ */

static bool room_for_span(void) {
  if (heap->span_count < heap->span_capacity) return true;
  size_t const more = heap->span_capacity == 0 ? 16 : heap->span_capacity * 2;
  oh_gc_span_t *const next = os_heap_alloc_raw(more * sizeof(oh_gc_span_t));
  if (next == NULL) return false;
  if (heap->span_count > 0) memcpy(next, heap->spans, heap->span_count * sizeof(oh_gc_span_t));
  if (heap->spans != NULL) os_heap_free(heap->spans, true);
  heap->spans = next;
  heap->span_capacity = more;
  return true;
}

uint64_t oh_gc_roots_add(void const *from, size_t size, void const *thread) {
  char *const start = (char *)(uintptr_t)from;
  os_mutex_lock(&heap->lock);
  uint64_t id = 0;
  if (room_for_span()) {
    id = ++heap->span_id;
    oh_gc_span_t const span = {start, start + size, thread, id};
    heap->spans[heap->span_count++] = span;
  }
  os_mutex_unlock(&heap->lock);
  return id;
}

/* Those of a thread, or, with NULL, the one with this number. */
static void remove_spans(void const *thread, uint64_t id) {
  size_t kept = 0;
  for (size_t i = 0; i < heap->span_count; i++) {
    oh_gc_span_t const *const span = &heap->spans[i];
    bool const goes = thread == NULL ? span->id == id : span->thread == thread;
    if (!goes) heap->spans[kept++] = *span;
  }
  heap->span_count = kept;
}

void oh_gc_roots_remove(uint64_t id) {
  os_mutex_lock(&heap->lock);
  remove_spans(NULL, id);
  os_mutex_unlock(&heap->lock);
}

/* ---- Owners ---------------------------------------------------------------------------------- */

uint32_t oh_gc_owner_new(oh_gc_options_t const *options) {
  os_mutex_lock(&heap->lock);
  uint32_t const owner = heap->opened ? oh_gc_owners_add(options) : OH_GC_NO_OWNER;
  os_mutex_unlock(&heap->lock);
  return owner;
}

void oh_gc_owner_end(uint32_t number) {
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t *const owner = oh_gc_owner_at(number);
  if (owner != NULL) owner->ended = true;
  for (size_t i = 0; owner != NULL && i < heap->blocks.capacity; i++) {
    oh_gc_block_t *const block = &heap->blocks.slots[i];
    if (!block->live || block->owner != number) continue;
    block->raw = false;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  os_mutex_unlock(&heap->lock);
}

static void forget(oh_gc_owner_t *owner) {
  owner->forgotten = true;
  oh_gc_owner_no_records(owner);
  oh_gc_owner_let_go(owner);
}

size_t oh_gc_owner_forget(uint32_t number) {
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t *const owner = oh_gc_owner_at(number);
  size_t const reported = owner == NULL ? 0 : owner->reported;
  if (owner != NULL) forget(owner);
  os_mutex_unlock(&heap->lock);
  return reported;
}

void oh_gc_thread_end(void const *thread) {
  os_mutex_lock(&heap->lock);
  for (size_t i = 0; i < heap->blocks.capacity; i++) {
    oh_gc_block_t *const block = &heap->blocks.slots[i];
    if (!block->live || oh_gc_owner_at(block->owner)->options.thread != thread) continue;
    block->handle = false;
    oh_gc_blocks_update(&heap->blocks, block);
  }
  for (uint32_t i = 0; i < oh_gc_owners_end(); i++) {
    oh_gc_owner_t *const owner = oh_gc_owner_at(i);
    if (owner == NULL || owner->options.thread != thread) continue;
    owner->options.thread = NULL;
    forget(owner);
  }
  remove_spans(thread, 0);
  os_mutex_unlock(&heap->lock);
}

void oh_gc_stats(uint32_t number, oh_gc_stats_t *stats) {
  static oh_gc_stats_t const none;
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t const *const owner = oh_gc_owner_at(number);
  *stats = owner == NULL ? none : owner->stats;
  os_mutex_unlock(&heap->lock);
}

size_t oh_gc_take_records(uint32_t number, oh_gc_record_t *out, size_t most) {
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t *const owner = oh_gc_owner_at(number);
  size_t const taken = owner == NULL ? 0 : oh_gc_owner_take(owner, out, most);
  os_mutex_unlock(&heap->lock);
  return taken;
}

size_t oh_gc_record_count(uint32_t number) {
  os_mutex_lock(&heap->lock);
  oh_gc_owner_t const *const owner = oh_gc_owner_at(number);
  size_t const count = owner == NULL ? 0 : owner->count - owner->first;
  os_mutex_unlock(&heap->lock);
  return count;
}
