/* free_list_tree.c: the tree of a free list, see free_list_tree.h.

   In what follows x is the number of a node and b its lowest bit: it is over the groups
   [x - b, x + b), its children are x - b / 2 and x + b / 2, and below them, where b is 1, are the
   leaves x - 1 and x. Its parent is the number that has b's place empty and the next one taken. */

#include "free_list_tree.h"

#include <string.h>

static uint32_t parent_of(uint32_t x, uint32_t b) {
  return (x ^ b) | b << 1;
}

static uint32_t root_of(oh_free_list_t const *list) {
  return (list->root - list->tree) / (uint32_t)(sizeof(oh_free_list_node_t) / sizeof(uint32_t));
}

static uint32_t larger(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

uint32_t oh_holes_plan(uint32_t groups, uint32_t *root) {
  *root = 1;
  while (*root * 2 < groups) *root *= 2;
  /* Behind the last group in use lie nodes over it, and siblings of them that are read. */
  uint32_t last = groups | 1;
  uint32_t x = (groups - 1) | 1;
  for (uint32_t b = 1; x != *root; b <<= 1) {
    x = parent_of(x, b);
    last = larger(last, x + b);
  }
  return last + 1;
}

/* ---- Searches -------------------------------------------------------------------------------- */

/* The lowest group below this node, whose lowest bit is b, that has n granules or more: there is
   one. */
static uint32_t descend(oh_free_list_node_t const *tree, uint32_t x, uint32_t b, uint32_t n) {
  while ((b >>= 1) > 0) {
    if (tree[x - b].subtree >= n) {
      x -= b;
    } else {
      x += b;
    }
  }
  return tree[x - 1].largest >= n ? x - 1 : x;
}

uint32_t oh_holes_next(oh_free_list_t *list, uint32_t group, uint32_t n) {
  oh_free_list_node_t const *const tree = tree_of(list);
  uint32_t const root = root_of(list);
  uint32_t x = group | 1;
  if (x != group && tree[x].largest >= n) return x;
  for (uint32_t b = 1; x != root; b <<= 1) {
    uint32_t const parent = parent_of(x, b);
    if (x < parent && tree[parent + b].subtree >= n) return descend(tree, parent + b, b, n);
    x = parent;
  }
  return NONE;
}

uint32_t oh_holes_find_behind_hint(oh_free_list_t *list, uint32_t n) {
  uint32_t const hint = hint_of(n);
  uint32_t const group = oh_holes_next(list, list->hints[hint], n);
  /* The last hint is for larger sizes too, so only its own may raise it. */
  if (n >= OH_FREE_LIST_HINTS || group == NONE) return group;
  for (uint32_t i = hint; i < OH_FREE_LIST_HINTS && list->hints[i] < group; i++) {
    list->hints[i] = group;
  }
  return group;
}

/* ---- Updates --------------------------------------------------------------------------------- */

void oh_holes_raise(oh_free_list_t *list, uint32_t group, uint32_t n) {
  oh_free_list_node_t *const tree = tree_of(list);
  uint32_t const root = root_of(list);
  uint32_t x = group | 1;
  for (uint32_t b = 1; tree[x].subtree < n; b <<= 1) {
    tree[x].subtree = n;
    if (x == root) return;
    x = parent_of(x, b);
  }
}

void oh_holes_lower(oh_free_list_t *list, uint32_t group, uint32_t n) {
  oh_free_list_node_t *const tree = tree_of(list);
  uint32_t const root = root_of(list);
  tree[group].largest = n;
  uint32_t most = larger(n, tree[group ^ 1].largest);
  uint32_t x = group | 1;
  for (uint32_t b = 1; tree[x].subtree != most; b <<= 1) {
    tree[x].subtree = most;
    if (x == root) return;
    uint32_t const parent = parent_of(x, b);
    most = larger(most, tree[2 * parent - x].subtree);
    x = parent;
  }
}

void oh_holes_clear(oh_free_list_t *list, uint32_t groups) {
  oh_free_list_node_t *const tree = tree_of(list);
  uint32_t const root = root_of(list);
  memset(tree, 0, groups * sizeof *tree);
  /* Nodes over these groups that lie behind them are ancestors of the last. */
  uint32_t x = (groups - 1) | 1;
  tree[x].subtree = 0;
  for (uint32_t b = 1; x != root; b <<= 1) {
    x = parent_of(x, b);
    tree[x].subtree = 0;
  }
  memset(list->hints, 0, sizeof list->hints);
}
