/* free_list_places.h: where in the state of a free list the words of a granule are. For the files
   of the free list only; offheap.h says what the words mean.

   The lines and the tree lie behind the struct, so they are reached from its address and not from a
   field. Granules are numbered below 2^28, groups below 2^21. */

#ifndef OH_FREE_LIST_PLACES_H
#define OH_FREE_LIST_PLACES_H

#include "bits.h"
#include "offheap.h"

#define GRANULE 16u
#define GRANULE_SHIFT 4   /* log2 of its bytes */
#define LINE_GRANULES 32u
#define LINE_SHIFT 5
#define GROUP_LINES 4u
#define GROUP_SHIFT 7     /* log2 of the granules in a group */
#define LONG_LEAST 16u    /* from so many granules on, a length is kept */
#define LONG_MASK 0x7fffu /* the bits behind a start that are empty then */
#define NONE UINT32_MAX   /* no granule, no group */

/* ---- Bits ------------------------------------------------------------------------------------ */

static inline uint32_t bit_of(uint32_t g) {
  return 1u << (g & 31);
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* The line before the first one, which is empty: that of granule g is number g / 32 + 1 from it. */
static inline oh_free_list_line_t *line_before_all(oh_free_list_t *list) {
  return (oh_free_list_line_t *)(void *)((char *)list + offsetof(oh_free_list_t, before));
}

/* The line of granule g. A line more can be read behind it. */
static inline oh_free_list_line_t *line_of(oh_free_list_t *list, uint32_t g) {
  return line_before_all(list) + 1 + (g >> LINE_SHIFT);
}

/* The line of granule g - 1, also for granule 0. */
static inline oh_free_list_line_t *line_before(oh_free_list_t *list, uint32_t g) {
  return line_before_all(list) + ((g + 31) >> LINE_SHIFT);
}

/* The word in which the slack of granule g is. */
static inline uint32_t *slack_word(oh_free_list_t *list, uint32_t g) {
  return &line_of(list, g)->slack[g >> 3 & 3];
}

/* The word that keeps the length of what starts at g: the first in the table behind g's own. */
static inline uint32_t *length_word(oh_free_list_t *list, uint32_t g) {
  return slack_word(list, g + 8);
}

static inline oh_free_list_node_t *tree_of(oh_free_list_t *list) {
  return (oh_free_list_node_t *)(void *)((char *)list + (size_t)list->tree * sizeof(uint32_t));
}

#endif
