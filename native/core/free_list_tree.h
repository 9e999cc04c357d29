/* free_list_tree.h: finds the lowest group of lines in which a hole is large enough.

   A complete binary tree. A leaf has the size of the largest hole that starts in its group, a node
   the larger of its two children, so that the lowest group with a hole of n granules is found in
   one descent, and an update ends where a node does not change. There are no links and nothing is
   balanced: the tree has the shape of the address space, in which its nodes lie in order. The node
   over the groups [x - b, x + b) lies beside the leaf of group x, where b is the lowest bit of x.

   Leaves may say too much: a hole that is taken is not looked for in them, as often another of its
   size is freed soon. A search that finds nothing in a group corrects its leaf, so that each wrong
   one costs one look. For the same reason sizes are rounded up when they are entered, to 5
   significant bits: a hole that grows granule by granule climbs the tree only now and then.

   For each small size a hint keeps a group before which all leaves are smaller. Searches begin
   there, climb to where the tree has more and descend: a step or two in most cases. Hints never
   fall as sizes rise, so that an update ends at the first that need not change. */

#ifndef OH_FREE_LIST_TREE_H
#define OH_FREE_LIST_TREE_H

#include "free_list_places.h"

/* What a tree over so many groups, at least 1, takes: how many nodes there must be; *root is the
   number of the one over all of it. */
uint32_t oh_holes_plan(uint32_t groups, uint32_t *root);

/* The lowest group behind this one whose leaf has n granules or more, or NONE. */
uint32_t oh_holes_next(oh_free_list_t *list, uint32_t group, uint32_t n);
/* The lowest of all groups, or NONE, when the hint does not say it. */
uint32_t oh_holes_find_behind_hint(oh_free_list_t *list, uint32_t n);
/* A leaf has grown to n: so have the nodes over it that say less. */
void oh_holes_raise(oh_free_list_t *list, uint32_t group, uint32_t n);
/* Corrects a leaf that says too much: the largest hole that starts in this group has n granules. */
void oh_holes_lower(oh_free_list_t *list, uint32_t group, uint32_t n);
/* Forgets all holes: none starts behind the first so many groups, at least 1. */
void oh_holes_clear(oh_free_list_t *list, uint32_t groups);

/* ---- Inline, because most calls end here ----------------------------------------------------- */

/* The hint for so many granules. That for 0 is 0 always. */
static inline uint32_t hint_of(uint32_t n) {
  return n < OH_FREE_LIST_HINTS - 1 ? n : OH_FREE_LIST_HINTS - 1;
}

/* Granules of the largest hole, or more. */
static inline uint32_t oh_holes_most(oh_free_list_t *list) {
  return *(uint32_t *)(void *)((char *)list + (size_t)list->root * sizeof(uint32_t));
}

/* The lowest group whose leaf has n granules or more, or NONE. */
static inline uint32_t oh_holes_find(oh_free_list_t *list, uint32_t n) {
  uint32_t const from = list->hints[hint_of(n)];
  return tree_of(list)[from].largest >= n ? from : oh_holes_find_behind_hint(list, n);
}

/* A size as it is entered: from 32 granules on rounded up to 5 significant bits. */
static inline uint32_t hole_size_up(uint32_t size) {
  if (size <= 32) return size;
  uint32_t const shift = highest_bit(size - 1) - 4;
  return (((size - 1) >> shift) + 1) << shift;
}

/* A hole of size granules starts in this group now. */
static inline void oh_holes_enter(oh_free_list_t *list, uint32_t group, uint32_t size) {
  uint32_t const n = hole_size_up(size);
  oh_free_list_node_t *const leaf = &tree_of(list)[group];
  if (leaf->largest < n) {
    leaf->largest = n;
    oh_holes_raise(list, group, n);
  }
  for (uint32_t i = hint_of(n); list->hints[i] > group; i--) list->hints[i] = group;
}

#endif
