/* traced.h: an allocator for C that writes down in a ledger who allocates what, and passes everything
   on: the same addresses, the same answers.

   A block that is resized stays with the stack that allocated it; while there are samples, a resize is
   a free and an allocation.

   The stack that it writes down is C's, on top of the stack of JavaScript that called into C, where
   that was said (oh_traced_enter). With a sample every so many bytes, an allocation that is not one
   costs a subtraction, and its free a look into a table of bytes; see sampling.h. */

#ifndef OH_TRACED_H
#define OH_TRACED_H

#include "ledger.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OH_TRACED_MOST_FRAMES 64

typedef enum { OH_TRACED_OFF, OH_TRACED_EXACT, OH_TRACED_SAMPLED } oh_traced_mode_t;

typedef struct oh_traced oh_traced_t;

extern oh_vtable_t const oh_traced_vtable;
/* The same for what keeps no sizes. */
extern oh_vtable_t const oh_traced_vtable_without_sizes;

/* Holds the ledger. NULL: no memory. */
oh_traced_t *oh_traced_make(oh_ledger_t *ledger, uint32_t heap, oh_valloc_t inner);
void oh_traced_end(oh_traced_t *traced);
/* From any thread; it is off at first. Who was always exact counts frees of what is not in the ledger;
   afterwards such a block may have been passed by. sample_bytes: on average between two samples;
   frames: at most OH_TRACED_MOST_FRAMES of C. */
void oh_traced_set(oh_traced_t *traced, oh_traced_mode_t mode, double sample_bytes, uint32_t frames);

/* The stack of JavaScript that calls into C on this thread from now on; 0: none. The one before. */
uint32_t oh_traced_enter(uint32_t stack);

#ifdef __cplusplus
}
#endif

#endif
