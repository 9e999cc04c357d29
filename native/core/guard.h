/* guard.h: blocks on pages of their own, each of which ends where an inaccessible page begins and
   becomes inaccessible when it is freed. Who touches what he must not ends the process, after a
   report: which block, whose, and who allocated and freed it.

       | guard | data pages ... fence | block | guard | data pages of the next slot ...

   After electric-fence allocators and LLVM's GWP-ASan. One table for the process, behind a lock;
   slots are never unmapped, so that the handler of the signal can read them at any time. A slot
   keeps its number of pages for good.

   Costs: two system calls and a page fault a block, some microseconds; a page of memory at least
   and two of addresses. While a block lives it takes two of the mappings that the system allows;
   of those, blocks take half at most. Safe from any thread. Sizes in bytes. */

#ifndef OH_GUARD_H
#define OH_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What reports print. Never freed. */
typedef struct oh_guard_text {
  struct oh_guard_text *next;
  size_t length;
  char text[1]; /* length bytes */
} oh_guard_text_t;

typedef enum {
  OH_GUARD_UNUSED, /* no block, or one whose addresses may be handed out again */
  OH_GUARD_LIVE,
  OH_GUARD_FREED,
} oh_guard_state_t;

/* What is known of a block. */
typedef struct oh_guard_block {
  oh_guard_state_t state;
  uintptr_t ptr;
  size_t size, align;
  oh_guard_text_t const *owner, *allocated, *freed; /* NULL: not known */
} oh_guard_block_t;

typedef struct oh_guard_damage {
  ptrdiff_t offset; /* of the first byte that was overwritten, from the start of the block */
  size_t length;    /* up to the last one */
  unsigned char found;
} oh_guard_damage_t;

/* Can a process here learn where it touched what it must not? Else there are no guarded blocks. */
bool oh_guard_supported(void);

/* A copy. NULL: no memory. */
oh_guard_text_t const *oh_guard_text(char const *text, size_t length);

/* A block filled with the byte `fresh`, as near to the guard behind it as align lets it be; bytes
   in between are fence. Texts may be NULL. NULL: align is no power of two or above a page, there is no
   memory, or too many blocks live. The first call watches for faults from then on. */
void *oh_guard_alloc(size_t size, size_t align, unsigned char fresh, oh_guard_text_t const *owner,
                     oh_guard_text_t const *where);
/* Makes a block inaccessible; its addresses stay its own. false: it is no live block. */
bool oh_guard_free(void *ptr, oh_guard_text_t const *where);
/* Lets the addresses of a freed block be handed out again. false: it is no freed block. */
bool oh_guard_release(void *ptr);
/* Was a fence of a live block overwritten? It is repaired. */
bool oh_guard_check(void *ptr, oh_guard_damage_t *damage);
/* Blocks that live. */
size_t oh_guard_live(void);

/* The block that an address is of, or next to. false: there are no guarded pages. Safe in handlers
   of signals. */
bool oh_guard_find(void const *address, oh_guard_block_t *block);

/* Reports from now on what touches guarded pages, and then does what was done of such a signal
   before. Does so once. false: not possible. In guard_posix.c and guard_win32.c. */
bool oh_guard_watch(void);

#ifdef __cplusplus
}
#endif

#endif
