/* null.c: the allocator that never has memory. oh_is_null knows it by its missing alloc. For tests
   of what happens when memory is out, and as a default that is safe to call. Costs nothing. */

#include "libc.h"

oh_vtable_t const oh_null_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), NULL, NULL, NULL, NULL, NULL,
};
