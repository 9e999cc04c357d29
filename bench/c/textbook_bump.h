/* textbook_bump.h: a bump allocator as textbooks have it: round up, compare, move. It believes its
   caller: no check of the alignment, none for overflow, no figures kept. In a file of its own, so
   that the compiler neither inlines it nor makes a copy for constant arguments. */

#ifndef TEXTBOOK_BUMP_H
#define TEXTBOOK_BUMP_H

#include <stddef.h>
#include <stdint.h>

typedef struct textbook_bump {
  uintptr_t next;
  uintptr_t end;
} textbook_bump_t;

/* NULL: no room. */
void *textbook_bump_alloc(textbook_bump_t *bump, size_t size, size_t align);

#endif
