/* door.h: what the tables of all allocators share.

   C code has nobody to throw to: a call that is refused changes nothing, returns NULL or false where it
   returns anything, and is counted here. Safe from any thread. */

#ifndef OH_DOOR_H
#define OH_DOOR_H

#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#else
#include <stdatomic.h>

/* What oh_refused_calls counts, for who reads it at each call. */
extern _Atomic(uint64_t) oh_refused;
#endif

/* Counts a call through a table that was refused. Returns false. */
bool oh_refuse(void);
/* Such calls since the process started, all allocators together. Running out of memory is none. */
uint64_t oh_refused_calls(void);

/* As it is; false is counted. */
static inline bool oh_accepted(bool accepted) {
  return accepted || oh_refuse();
}

#ifdef __cplusplus
}
#endif

#endif
