/* State blocks: the words lie where TypeScript's indices say (test/unit/state.test.ts compares the
   two sides by name), and what offheap.h says of their contents is so. */

#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "offheap.h"

#define WORD(type, field, index) \
  _Static_assert(offsetof(type, field) == (index) * sizeof(uint32_t), #type "." #field)
#define WORDS(type, count) \
  _Static_assert(sizeof(type) == (count) * sizeof(uint32_t), #type " is " #count " words")

WORD(oh_bump_t, limit, 0);
WORD(oh_bump_t, cursor, 1);
WORD(oh_bump_t, base_lo, 2);
WORD(oh_bump_t, base_hi, 3);
WORD(oh_bump_t, gaps, 4);
WORD(oh_bump_t, peak_used, 5);
WORD(oh_bump_t, peak_offset, 6);
WORD(oh_bump_t, floor, 7);
WORDS(oh_bump_t, 8);

WORD(oh_stack_t, limit, 0);
WORD(oh_stack_t, cursor, 1);
WORD(oh_stack_t, top, 2);
WORD(oh_stack_t, below, 3);
WORD(oh_stack_t, below_end, 4);
WORD(oh_stack_t, used, 5);
WORD(oh_stack_t, peak_used, 6);
WORD(oh_stack_t, peak_offset, 7);
WORD(oh_stack_t, size_word, 8);
WORD(oh_stack_t, below_word, 9);
WORD(oh_stack_t, align, 10);
WORD(oh_stack_t, base_lo, 11);
WORD(oh_stack_t, base_hi, 12);
WORDS(oh_stack_t, 13);

WORD(oh_pool_t, head, 0);
WORD(oh_pool_t, begun, 1);
WORD(oh_pool_t, peak_begun, 2);
WORD(oh_pool_t, blocks, 3);
WORD(oh_pool_t, most_blocks, 4);
WORD(oh_pool_t, live, 5);
WORD(oh_pool_t, used, 6);
WORD(oh_pool_t, peak_used, 7);
WORD(oh_pool_t, base_lo, 8);
WORD(oh_pool_t, base_hi, 9);
WORD(oh_pool_t, stride, 10);
WORD(oh_pool_t, shift, 11);
WORD(oh_pool_t, inverse, 12);
WORD(oh_pool_t, block_size, 13);
WORD(oh_pool_t, align, 14);
WORD(oh_pool_t, sizes, 15);
WORD(oh_pool_t, last, 16);
WORDS(oh_pool_t, 17);

WORD(oh_pool_group_t, free, 0);
WORD(oh_pool_group_t, next, 1);
WORD(oh_pool_group_t, parts, 2);
WORDS(oh_pool_group_t, 3);

WORD(oh_slab_t, top, 0);
WORD(oh_slab_t, limit, 1);
WORD(oh_slab_t, base_lo, 2);
WORD(oh_slab_t, base_hi, 3);
WORD(oh_slab_t, most_pages, 4);
WORD(oh_slab_t, used, 5);
WORD(oh_slab_t, peak_used, 6);
WORD(oh_slab_t, peak_top, 7);
WORD(oh_slab_t, dirty_top, 8);
WORD(oh_slab_t, spare, 9);
WORD(oh_slab_t, fresh, 10);
WORD(oh_slab_t, peak_fresh, 11);
WORD(oh_slab_t, stretches, 12);
WORD(oh_slab_t, purged, 13);
WORD(oh_slab_t, peak_pages, 14);
WORD(oh_slab_t, empty_at, 15);
WORD(oh_slab_t, cached, 16);
WORD(oh_slab_t, cache, 17);
WORD(oh_slab_t, bin_map, 82);
WORD(oh_slab_t, bins, 88);
WORD(oh_slab_t, next, 264);
WORD(oh_slab_t, most, 392);
WORD(oh_slab_t, partial, 520);
WORD(oh_slab_t, inverse, 648);
WORD(oh_slab_t, magazine, 776);
WORD(oh_slab_t, stretch_map, 5128);
WORDS(oh_slab_t, 6152);

WORD(oh_slab_record_t, free, 0);
WORD(oh_slab_record_t, start, 1);
WORD(oh_slab_record_t, pages, 2);
WORD(oh_slab_record_t, all, 3);
WORD(oh_slab_record_t, next, 4);
WORD(oh_slab_record_t, previous, 5);
WORDS(oh_slab_record_t, 6);

WORD(oh_free_list_t, top, 0);
WORD(oh_free_list_t, limit, 1);
WORD(oh_free_list_t, bytes, 2);
WORD(oh_free_list_t, peak_top, 3);
WORD(oh_free_list_t, live, 4);
WORD(oh_free_list_t, used, 5);
WORD(oh_free_list_t, peak_used, 6);
WORD(oh_free_list_t, tree, 7);
WORD(oh_free_list_t, root, 8);
WORD(oh_free_list_t, base_lo, 9);
WORD(oh_free_list_t, base_hi, 10);
WORD(oh_free_list_t, hints, 11);
WORD(oh_free_list_t, before, 76);
WORDS(oh_free_list_t, 82);

WORD(oh_free_list_line_t, start, 0);
WORD(oh_free_list_line_t, free, 1);
WORD(oh_free_list_line_t, slack, 2);
WORDS(oh_free_list_line_t, 6);

WORD(oh_free_list_node_t, largest, 0);
WORD(oh_free_list_node_t, subtree, 1);
WORDS(oh_free_list_node_t, 2);

/* ---- Stack ----------------------------------------------------------------------------------- */

static uint32_t stored(uint32_t value) {
  return (value + 1u) * OH_STACK_FACTOR;
}

static uint32_t loaded(uint32_t word) {
  return word * OH_STACK_INVERSE - 1u;
}

static uint32_t const stack_values[] = {0,     1,          7,          8,          100,       4096,
                                        65535, 0x7fffffff, 0x80000000, 0xdeadbeef, 0xffffefff};
enum { STACK_VALUES = sizeof(stack_values) / sizeof(stack_values[0]) };

static void stack_words_come_out_as_they_went_in(void) {
  for (size_t i = 0; i < STACK_VALUES; i++) {
    CHECK(loaded(stored(stack_values[i])) == stack_values[i]);
  }
  CHECK(OH_STACK_HEADER == 2 * sizeof(uint32_t));
}

/* Up or down by 2^23 and more, modulo 2^32. */
static void a_byte_that_is_overwritten_moves_a_stack_word_far(void) {
  for (size_t i = 0; i < STACK_VALUES; i++) {
    uint32_t const word = stored(stack_values[i]);
    for (unsigned at = 0; at < 32; at += 8) {
      for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t const other = (word & ~((uint32_t)0xff << at)) | byte << at;
        if (other == word) continue;
        uint32_t const moved = loaded(other) - stack_values[i];
        uint32_t const far = moved < 0u - moved ? moved : 0u - moved;
        CHECK(far >= (uint32_t)1 << 23);
      }
    }
  }
}

/* 0xffffffff is more than any size or offset can be. */
static void zeroes_are_no_stack_word(void) {
  CHECK(loaded(0) == 0xffffffffu);
  CHECK(loaded(0) > OH_MAX_CAPACITY);
}

/* ---- Pool ------------------------------------------------------------------------------------ */

static uint32_t rotate_right(uint32_t x, uint32_t by) {
  return by == 0 ? x : x >> by | x << (32 - by);
}

/* By Newton's iteration, which doubles the bits that are right. */
static uint32_t inverse_of(uint32_t odd) {
  uint32_t x = odd;
  for (int i = 0; i < 5; i++) x *= 2u - odd * x;
  return x;
}

static oh_pool_t pool_of(uint32_t stride) {
  oh_pool_t pool = {.stride = stride};
  while ((stride >> pool.shift & 1u) == 0) pool.shift++;
  pool.inverse = inverse_of(stride >> pool.shift);
  pool.blocks = (uint32_t)(OH_MAX_CAPACITY / stride);
  return pool;
}

static uint32_t index_in(oh_pool_t const *pool, uint32_t offset) {
  return rotate_right(offset * pool->inverse, pool->shift);
}

static uint32_t const strides[] = {
    8,   12,   16,   24,   40,    48,    96,    100,     128,     500,     1000,       4096,
    5008, 65535, 65536, 99999, 1234567, 1 << 24, 3 << 22, 0x40000000, 0x7fffffff, 0x80000000};
enum { STRIDES = sizeof(strides) / sizeof(strides[0]) };

static void the_offset_of_a_pool_block_gives_its_index(void) {
  for (size_t i = 0; i < STRIDES; i++) {
    oh_pool_t const pool = pool_of(strides[i]);
    CHECK((pool.stride >> pool.shift) * pool.inverse == 1u);
    uint32_t const step = pool.blocks / 1000 + 1;
    for (uint64_t at = 0; at < pool.blocks; at += step) {
      CHECK(index_in(&pool, (uint32_t)at * pool.stride) == at);
    }
    CHECK(index_in(&pool, (pool.blocks - 1) * pool.stride) == pool.blocks - 1);
  }
}

static void no_other_offset_is_that_of_a_pool_block(void) {
  for (size_t i = 0; i < STRIDES; i++) {
    oh_pool_t const pool = pool_of(strides[i]);
    for (uint32_t offset = 1; offset < 100000; offset++) {
      if (offset % pool.stride != 0) CHECK(index_in(&pool, offset) >= pool.blocks);
      uint32_t const high = (uint32_t)OH_MAX_CAPACITY - offset;
      if (high % pool.stride != 0) CHECK(index_in(&pool, high) >= pool.blocks);
    }
    CHECK(index_in(&pool, 0) == 0);
  }
}

int main(void) {
  RUN(stack_words_come_out_as_they_went_in);
  RUN(a_byte_that_is_overwritten_moves_a_stack_word_far);
  RUN(zeroes_are_no_stack_word);
  RUN(the_offset_of_a_pool_block_gives_its_index);
  RUN(no_other_offset_is_that_of_a_pool_block);
  return 0;
}
