/* textbook_bump.c: see textbook_bump.h. */

#include "textbook_bump.h"

void *textbook_bump_alloc(textbook_bump_t *bump, size_t size, size_t align) {
  uintptr_t const start = (bump->next + align - 1) & ~(uintptr_t)(align - 1);
  if (start + size > bump->end) return NULL;
  bump->next = start + size;
  return (void *)start;
}
