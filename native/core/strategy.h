/* strategy.h: the strategies that can be put behind a lock, each as a table of functions on its
   state: those of its vtable, and what JavaScript is told besides, which C is not. */

#ifndef OH_STRATEGY_H
#define OH_STRATEGY_H

#include "figures.h"
#include "offheap.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oh_strategy {
  oh_vtable_t const *vtable;
  /* As in the vtable, but sizes are exact, 0 too, and a free says whether it was refused. */
  bool (*resize)(void *state, void *ptr, size_t size, size_t align, size_t new_size);
  bool (*free)(void *state, void *ptr, size_t size, size_t align);
  /* Is ptr the address of a block that was freed? For telling why it was refused. */
  bool (*is_free)(void *state, void const *ptr);
  void (*read)(void const *state, oh_figures_t *figures);
} oh_strategy_t;

/* The strategy that has this table, or NULL: it is of no strategy whose state is in one block, or
   of a stack, whose order of frees is no order between threads. */
oh_strategy_t const *oh_strategy_of(oh_vtable_t const *vtable);

#ifdef __cplusplus
}
#endif

#endif
