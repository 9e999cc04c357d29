/* os_posix_heap.h: the part of os.h's C heap that is on the way of every malloc and free. Included by
   os.h only, which says what the functions do. Inline saves three calls a pair, about 1 ns. */

#ifndef OH_OS_POSIX_HEAP_H
#define OH_OS_POSIX_HEAP_H

#include <stdlib.h>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif defined(__FreeBSD__)
#include <malloc_np.h>
#else
#include <malloc.h>
#endif

/* Alignments above OS_HEAP_ALIGN: posix_memalign. */
void *os_heap_alloc_aligned(size_t size, size_t align);

static inline size_t os_heap_at_least(size_t size) {
  return size < OS_HEAP_ALIGN ? OS_HEAP_ALIGN : size;
}

static inline void *os_heap_alloc_raw(size_t size) {
  return malloc(os_heap_at_least(size));
}

static inline void *os_heap_alloc(size_t size, size_t align) {
  return align <= OS_HEAP_ALIGN ? os_heap_alloc_raw(size) : os_heap_alloc_aligned(size, align);
}

static inline void os_heap_free(void *ptr, bool raw) {
  (void)raw;
  free(ptr);
}

static inline size_t os_heap_usable(void *ptr, size_t align, bool raw) {
  (void)align;
  (void)raw;
#ifdef __APPLE__
  return malloc_size(ptr);
#else
  return malloc_usable_size(ptr);
#endif
}

#endif
