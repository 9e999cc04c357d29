/* pool.h: the pool strategy for C callers, on the state block that TypeScript works on too.

   Blocks of one size, allocated and freed in any order. The semantics are those of
   lib/allocators/pool.ts, address for address. Not safe from several threads at once.

   What TypeScript throws for is refused here, and changes nothing: a pointer that is no live block,
   a second free, a wrong size, an address without the alignment.

   Two things that TypeScript does the state does not suffice for, and both are refused rather than
   guessed at:
   - A part, which is a block that was asked for smaller than block_size: its size is in a table
     that the state does not say the place of. So parts are not allocated here, and a block is not
     resized to be one; those that TypeScript allocated are not freed or resized here. The table
     below rounds what C asks for up to a whole block.
   - By how many blocks a pool grows when all are live. oh_pool_grow is told.

   Handles in JavaScript do not learn of what is freed from here. */

#ifndef OH_POOL_H
#define OH_POOL_H

#include "figures.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks that have room in capacity bytes at base; of capacity OH_MAX_CAPACITY at most is used. 0:
   not one, or block_size is 0, or align no power of two. */
size_t oh_pool_fit(void const *base, size_t capacity, size_t block_size, size_t align);
/* Bytes of the state of a pool that can grow to so many blocks. */
size_t oh_pool_state_size(size_t most_blocks);
/* A pool of which nothing was allocated, over memory that most_blocks fit into (see oh_pool_fit):
   blocks are there now, the rest for oh_pool_grow. Blocks of less than 8 bytes have 8. pool has
   oh_pool_state_size(most_blocks) bytes, of which only the first are written, in O(1). false: what
   the numbers say cannot be. */
bool oh_pool_init(oh_pool_t *pool, void *base, size_t capacity, size_t block_size, size_t align,
                  size_t blocks, size_t most_blocks);

/* A block, which is of size block_size and of an alignment up to that of the pool. NULL for others,
   when all blocks are live, or the region is gone. O(1), no division, no call. */
void *oh_pool_alloc(oh_pool_t *pool, size_t size, size_t align);
/* true for the size that the block has: see above. */
bool oh_pool_resize(oh_pool_t *pool, void *ptr, size_t size, size_t align, size_t new_size);
/* Gives a block back. size is exact. false: refused, nothing changed. O(1), no division. */
bool oh_pool_free(oh_pool_t *pool, void *ptr, size_t size, size_t align);
/* The same for a block whose size is not known. */
bool oh_pool_free_block(oh_pool_t *pool, void *ptr);
/* The most bytes that the live block at ptr has room for; 0: there is none. */
size_t oh_pool_usable_size(oh_pool_t const *pool, void const *ptr);
/* Does a block start there that was handed out and freed? For telling why a pointer was refused. */
bool oh_pool_is_free(oh_pool_t const *pool, void const *ptr);
void oh_pool_read(oh_pool_t const *pool, oh_figures_t *figures);
/* Makes up to step more blocks, as TypeScript does when all are live; memory for all of most_blocks
   must be there. false: there are as many as there can be, some are free, or the region is gone. */
bool oh_pool_grow(oh_pool_t *pool, size_t step);
/* Frees every block at once. What has grown stays so. O(1). */
void oh_pool_reset(oh_pool_t *pool);

/* self is an oh_pool_t. remap resizes in place or returns NULL. A size of 0 at free, resize and
   remap is that of the block, and its alignment then does not count. */
extern oh_vtable_t const oh_pool_vtable;

#ifdef __cplusplus
}
#endif

#endif
