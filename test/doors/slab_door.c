/* slab_door.c: the slab strategy's table, as functions that a test can call. */

#include "slab.h"

void *door_alloc(oh_slab_t *slab, size_t size, size_t align) {
  return oh_slab_vtable.alloc(slab, size, align);
}

bool door_resize(oh_slab_t *slab, void *ptr, size_t size, size_t align, size_t new_size) {
  return oh_slab_vtable.resize(slab, ptr, size, align, new_size);
}

void *door_remap(oh_slab_t *slab, void *ptr, size_t size, size_t align, size_t new_size) {
  return oh_slab_vtable.remap(slab, ptr, size, align, new_size);
}

void door_free(oh_slab_t *slab, void *ptr, size_t size, size_t align) {
  oh_slab_vtable.free(slab, ptr, size, align);
}
