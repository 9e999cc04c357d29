/* free_list_granules.c: where blocks and holes lie, see free_list_granules.h. */

#include "free_list_granules.h"

#include <string.h>

#include "free_list_tree.h"

/* A hole. */
typedef struct hole {
  uint32_t start;
  uint32_t length; /* granules                                                                   */
} hole_t;

/* ---- Reading the state ----------------------------------------------------------------------- */

static bool is_free(oh_free_list_t *list, uint32_t g) {
  return (line_of(list, g)->free & bit_of(g)) != 0;
}

/* Granules of the block or hole that starts here. */
static uint32_t length_of(oh_free_list_t *list, uint32_t g) {
  oh_free_list_line_t const *const line = line_of(list, g);
  uint32_t const bit = g & 31;
  uint32_t const next = line[0].start >> bit >> 1 | line[1].start << (31 - bit);
  return (next & LONG_MASK) != 0 ? lowest_bit(next) + 1 : *length_word(list, g);
}

/* Granules of the hole that ends before g. */
static uint32_t length_before(oh_free_list_t *list, uint32_t g) {
  oh_free_list_line_t const *const line = line_of(list, g);
  uint32_t const bit = g & 31;
  /* The starts below g, the nearest on top. */
  uint32_t const below = line->start << 1 << (31 - bit) | (line - 1)->start >> bit;
  if (below >> (33 - LONG_LEAST) != 0) return 32 - highest_bit(below);
  return *slack_word(list, g - 8);
}

/* Does the payload reach to granule end, less slack bytes? Its last granule may be short. */
static bool reaches(oh_free_list_t const *list, uint64_t end, uint32_t slack) {
  return end * GRANULE - slack <= list->bytes;
}

bool oh_granules_find(oh_free_list_t *list, uint32_t g, block_t *block) {
  if (g >= list->top) return false;
  oh_free_list_line_t const *const line = line_of(list, g);
  if ((line->start & ~line->free & bit_of(g)) == 0) return false;
  block->start = g;
  block->length = length_of(list, g);
  block->size = block->length * GRANULE - (*slack_word(list, g) >> (g & 7) * 4 & 15);
  return true;
}

bool oh_granules_is_vacant(oh_free_list_t *list, uint32_t g) {
  if (g >= list->top) return true;
  uint32_t bits = line_of(list, g)->start & (UINT32_MAX >> (31 - (g & 31)));
  g |= 31;
  /* The first granule is a start always. */
  while (bits == 0) bits = line_of(list, g -= LINE_GRANULES)->start;
  return is_free(list, g - 31 + highest_bit(bits));
}

/* ---- Marks ----------------------------------------------------------------------------------- */

static void set_start(oh_free_list_t *list, uint32_t g) {
  line_of(list, g)->start |= bit_of(g);
}

static void clear_start(oh_free_list_t *list, uint32_t g) {
  line_of(list, g)->start &= ~bit_of(g);
}

static void clear_free(oh_free_list_t *list, uint32_t g) {
  line_of(list, g)->free &= ~bit_of(g);
}

static void set_top(oh_free_list_t *list, uint32_t top) {
  list->top = top;
  if (top > list->peak_top) list->peak_top = top;
  set_start(list, top);
}

/* Of a hole, for those who come from either end. */
static void keep_length(oh_free_list_t *list, uint32_t g, uint32_t n) {
  *length_word(list, g) = n;
  *slack_word(list, g + n - 8) = n;
}

/* A live block lies here: its length, its slack and the figures. */
static void mark(oh_free_list_t *list, uint32_t g, wanted_t wanted) {
  uint32_t *const slacks = slack_word(list, g);
  uint32_t const shift = (g & 7) * 4;
  *slacks = (*slacks & ~(15u << shift)) | wanted.slack << shift;
  if (wanted.length >= LONG_LEAST) *length_word(list, g) = wanted.length;
  list->live += wanted.length;
  list->used += wanted.length * GRANULE - wanted.slack;
}

/* A live block is none any more, or another; what was used may be the most that it has been. */
static void unmark(oh_free_list_t *list, block_t block) {
  if (list->used > list->peak_used) list->peak_used = list->used;
  list->used -= block.size;
  list->live -= block.length;
}

/* Makes a hole of n granules that have their bit as a start. */
static void enter_hole(oh_free_list_t *list, uint32_t g, uint32_t n) {
  uint32_t const last = g + n - 1;
  line_of(list, g)->free |= bit_of(g);
  line_of(list, last)->free |= bit_of(last);
  if (n >= LONG_LEAST) keep_length(list, g, n);
  oh_holes_enter(list, g >> GROUP_SHIFT, n);
}

/* ---- Taking ---------------------------------------------------------------------------------- */

/* The lowest hole of at least n granules that starts in a group. false: there is none, and
   hole->length is that of the largest that does. */
static bool search(oh_free_list_t *list, uint32_t group, uint32_t n, hole_t *hole) {
  uint32_t first = group << GROUP_SHIFT;
  uint32_t most = 0;
  for (uint32_t i = 0; i < GROUP_LINES; i++, first += LINE_GRANULES) {
    oh_free_list_line_t const *const line = line_of(list, first);
    for (uint32_t bits = line->start & line->free; bits != 0; bits &= bits - 1) {
      hole->start = first + lowest_bit(bits);
      hole->length = length_of(list, hole->start);
      if (hole->length >= n) return true;
      if (hole->length > most) most = hole->length;
    }
  }
  hole->length = most;
  return false;
}

/* The next hole behind this one that starts before end. */
static bool next_hole(oh_free_list_t *list, uint32_t end, hole_t *hole) {
  uint32_t g = hole->start;
  do {
    g += length_of(list, g);
  } while (g < end && g < list->top && !is_free(list, g));
  if (g >= end || !is_free(list, g)) return false;
  hole->start = g;
  hole->length = length_of(list, g);
  return true;
}

/* The first n granules of a hole are no longer free. */
static void cut(oh_free_list_t *list, hole_t hole, uint32_t n) {
  uint32_t const rest = hole.start + n;
  uint32_t const left = hole.length - n;
  clear_free(list, hole.start);
  if (left == 0) {
    clear_free(list, rest - 1);
    return;
  }
  /* Its last granule stays what it is, and its group knows a hole of this size or a larger one. */
  oh_free_list_line_t *const line = line_of(list, rest);
  line->start |= bit_of(rest);
  line->free |= bit_of(rest);
  if (left >= LONG_LEAST) keep_length(list, rest, left);
  uint32_t const group = rest >> GROUP_SHIFT;
  if (group != hole.start >> GROUP_SHIFT) oh_holes_enter(list, group, left);
}

/* n granules from start on, anywhere in a hole, are no longer free. */
static void carve(oh_free_list_t *list, hole_t hole, uint32_t start, uint32_t n) {
  if (start == hole.start) {
    cut(list, hole, n);
    return;
  }
  uint32_t const end = hole.start + hole.length;
  clear_free(list, end - 1);
  set_start(list, start);
  enter_hole(list, hole.start, start - hole.start);
  if (start + n == end) return;
  set_start(list, start + n);
  enter_hole(list, start + n, end - start - n);
}

uint32_t oh_granules_take(oh_free_list_t *list, wanted_t wanted) {
  uint32_t const n = wanted.length;
  uint32_t group = oh_holes_most(list) >= n ? oh_holes_find(list, n) : NONE;
  for (; group != NONE; group = oh_holes_find(list, n)) {
    hole_t hole;
    if (search(list, group, n, &hole)) {
      cut(list, hole, n);
      mark(list, hole.start, wanted);
      return hole.start;
    }
    oh_holes_lower(list, group, hole.length);
  }
  uint32_t const top = list->top;
  if (!reaches(list, (uint64_t)top + n, wanted.slack)) return NONE;
  set_top(list, top + n);
  mark(list, top, wanted);
  return top;
}

/* The lowest number from "from" on that is phase modulo step, a power of two. */
static uint64_t align_up(uint32_t from, uint64_t step, uint64_t phase) {
  return from + ((phase - from) & (step - 1));
}

uint32_t oh_granules_take_aligned(oh_free_list_t *list, wanted_t wanted, uint64_t step,
                                  uint64_t phase) {
  uint32_t const n = wanted.length;
  uint32_t group = oh_holes_most(list) >= n ? oh_holes_find(list, n) : NONE;
  for (; group != NONE; group = oh_holes_next(list, group, n)) {
    uint32_t const end = (group + 1) << GROUP_SHIFT;
    hole_t hole;
    bool found = search(list, group, n, &hole);
    if (!found) oh_holes_lower(list, group, hole.length);
    for (; found; found = next_hole(list, end, &hole)) {
      uint64_t const start = align_up(hole.start, step, phase);
      if (start + n > (uint64_t)hole.start + hole.length) continue;
      carve(list, hole, (uint32_t)start, n);
      mark(list, (uint32_t)start, wanted);
      return (uint32_t)start;
    }
  }
  uint32_t const top = list->top;
  uint64_t const at = align_up(top, step, phase);
  if (!reaches(list, at + n, wanted.slack)) return NONE;
  uint32_t const start = (uint32_t)at;
  set_top(list, start + n);
  if (start > top) {
    set_start(list, start);
    enter_hole(list, top, start - top);
  }
  mark(list, start, wanted);
  return start;
}

/* ---- Giving back ----------------------------------------------------------------------------- */

/* n granules from g on, which reach the top, become a part of it, and so does the hole before. */
static void join_top(oh_free_list_t *list, uint32_t g, uint32_t n) {
  uint32_t start = g;
  oh_free_list_line_t *const before = line_before(list, g);
  if ((before->free & bit_of(g - 1)) != 0) {
    start -= length_before(list, g);
    clear_free(list, start);
    before->free &= ~bit_of(g - 1);
    clear_start(list, g);
  }
  clear_start(list, g + n);
  list->top = start;
}

/* n granules from g on become free: one hole with those around them, or a part of the top. */
static void join(oh_free_list_t *list, uint32_t g, uint32_t n) {
  uint32_t const end = g + n;
  if (end == list->top) {
    join_top(list, g, n);
    return;
  }
  uint32_t start = g;
  uint32_t length = n;
  oh_free_list_line_t *const behind = line_of(list, end);
  if ((behind->free & bit_of(end)) != 0) {
    length += length_of(list, end);
    behind->start &= ~bit_of(end);
    behind->free &= ~bit_of(end);
  }
  oh_free_list_line_t *const before = line_before(list, g);
  if ((before->free & bit_of(g - 1)) != 0) {
    start -= length_before(list, g);
    length += g - start;
    before->free &= ~bit_of(g - 1);
    clear_start(list, g);
  }
  enter_hole(list, start, length);
}

/* Takes n granules from g on, where a block ends; the payload reaches so far. */
static bool lengthen(oh_free_list_t *list, uint32_t g, uint32_t n) {
  if (g == list->top) {
    clear_start(list, g);
    set_top(list, g + n);
    return true;
  }
  if (!is_free(list, g)) return false;
  hole_t const hole = {g, length_of(list, g)};
  if (hole.length < n) return false;
  cut(list, hole, n);
  clear_start(list, g);
  return true;
}

bool oh_granules_resize(oh_free_list_t *list, block_t block, wanted_t wanted) {
  uint32_t const g = block.start;
  uint32_t const n = wanted.length;
  if (!reaches(list, (uint64_t)g + n, wanted.slack)) return false;
  if (n > block.length && !lengthen(list, g + block.length, n - block.length)) return false;
  unmark(list, block);
  mark(list, g, wanted);
  if (n < block.length) {
    set_start(list, g + n);
    join(list, g + n, block.length - n);
  }
  return true;
}

void oh_granules_give(oh_free_list_t *list, block_t block) {
  unmark(list, block);
  join(list, block.start, block.length);
}

void oh_granules_clear(oh_free_list_t *list) {
  uint32_t const peak = list->peak_top;
  memset(line_of(list, 0), 0, ((peak >> LINE_SHIFT) + 1) * sizeof(oh_free_list_line_t));
  oh_holes_clear(list, (peak >> GROUP_SHIFT) + 1);
  list->top = 0;
  list->live = 0;
  list->used = 0;
  set_start(list, 0);
}
