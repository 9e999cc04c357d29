/* gc.h: Boehm's collector as an allocator: a block lives as long as it is held, or a block that
   lives or a registered span of memory has its address in it.

   Who holds a block: whoever allocated it, until he frees it or lets go; a handle in JavaScript,
   until that is collected; each ArrayBuffer that shows it; explicit holds. A block that nobody
   holds and nothing points at is reclaimed by the next collection, which comes by itself as the
   heap grows. An address inside a block, or just behind its end, counts as one of the block.
   Addresses are looked for at multiples of the size of a pointer; not on any stack, in no register,
   not in the C heap and in no variable of a library, unless it was registered.

   Safe from any thread: one lock. The heap is the process's; owners are accounts in it. size 0
   allocates one byte, new_size 0 means one byte. */

#ifndef OH_GC_H
#define OH_GC_H

#include "gc_library.h"
#include "gc_owners.h"
#include "offheap.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Loads libgc (name NULL: the one that the system has) and sets it up, once for the process. Before
   that, and when it fails, there is no memory and no block. */
oh_gc_state_t oh_gc_open(char const *name);

/* ---- Owners ---------------------------------------------------------------------------------- */

/* OH_GC_NO_OWNER: out of memory. */
uint32_t oh_gc_owner_new(oh_gc_options_t const *options);
/* No more blocks for it, and those that nobody but their allocation holds are let go. */
void oh_gc_owner_end(uint32_t owner);
/* Nobody asks for its records any more. Returns the sum of the changes that oh_gc_adopt told. */
size_t oh_gc_owner_forget(uint32_t owner);
/* A thread of JavaScript has ended: its handles are gone, and its spans are no roots any more. */
void oh_gc_thread_end(void const *thread);
void oh_gc_stats(uint32_t owner, oh_gc_stats_t *stats);
/* Moves up to `most` records out; returns how many. The oldest come first. */
size_t oh_gc_take_records(uint32_t owner, oh_gc_record_t *out, size_t most);
size_t oh_gc_record_count(uint32_t owner);

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* All bytes 0 up to 64 MiB, unless the owner's blocks are pointer-free. Held until it is freed or
   let go. NULL: out of memory, align no power of two, the owner has ended, no libgc. May
   collect. */
void *oh_gc_alloc(uint32_t owner, size_t size, size_t align);
/* As oh_libc_free, oh_libc_resize and oh_libc_remap. A shown block is OH_SHOWN, but not to a
   resize. */
oh_status_t oh_gc_free(void *ptr, size_t size, size_t align);
oh_status_t oh_gc_resize(void *ptr, size_t size, size_t align, size_t new_size, bool *resized);
/* The block is held by its allocation from now on, if it was not. */
oh_status_t oh_gc_remap(void *ptr, size_t size, size_t align, size_t new_size, void **moved);
/* 0: not the start of a live block. */
size_t oh_gc_usable_size(void const *ptr);
bool oh_gc_owns(void const *ptr);

/* ---- Who holds a block ----------------------------------------------------------------------- */

/* A handle takes over from the allocation. The block's serial number, or 0: no live block. *change:
   bytes by which its owner's blocks with handles have become more since that was last told, once
   they are some MiB more or less; else 0. */
uint64_t oh_gc_adopt(void const *ptr, int64_t *change);
/* The handle was collected. Does nothing if that block is gone. */
void oh_gc_drop(void const *ptr, uint64_t serial);
/* The allocation holds it no more. false: no live block. */
bool oh_gc_let_go(void const *ptr);
/* Explicit holds count. The serial number, or 0: no live block. */
uint64_t oh_gc_hold(void const *ptr);
void oh_gc_unhold(void const *ptr, uint64_t serial);
/* As oh_libc_show and the others, but a block may be shown several times: its memory is freed when
   it was freed and the last buffer is gone. */
bool oh_gc_show(void const *ptr);
bool oh_gc_unshow(void const *ptr);
oh_status_t oh_gc_free_shown(void *ptr);

/* Memory that collections read: it must stay readable until it is removed. 0: out of memory. */
uint64_t oh_gc_roots_add(void const *from, size_t size, void const *thread);
void oh_gc_roots_remove(uint64_t id);

/* ---- Collecting ------------------------------------------------------------------------------ */

/* O(live blocks + bytes of them). unmap: what is free goes back to the system. */
void oh_gc_collect(bool unmap);
/* Bytes that the collector has from the system for blocks, free or not. */
size_t oh_gc_heap_size(void);
/* Collects, and adds to the owner's records each of its blocks that nothing points at and that only
   its allocation holds. They live on; the next call reports them again. Only for owners that find
   leaks. */
void oh_gc_find_leaks(uint32_t owner);

/* self: an owner's number as a pointer. Blocks are held until they are freed. A size of 0 says that
   the alignment is not known either. */
extern oh_vtable_t const oh_gc_vtable;

#ifdef __cplusplus
}
#endif

#endif
