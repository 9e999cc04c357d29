/**
 * State blocks: a strategy's mutable state as 32-bit words outside its payload.
 *
 * The words are those of the structs in native/include/offheap.h, so that the same heap can be worked
 * on from C. They live in a V8-allocated ArrayBuffer: its backing store never moves while it is
 * referenced, is outside the garbage-collected heap, and needs no addon. Words are unsigned; an
 * Int32Array reads one with `>>> 0`.
 */

/** The largest payload that a state block can describe, in bytes: ends must fit a word. */
export const MAX_CAPACITY = 0xfffff000

/**
 * Word indices of oh_bump_t. A const enum, so that they are literals in the compiled code: V8 loads
 * and checks an imported constant anew at each use.
 */
export const enum BumpWord {
  LIMIT = 0,
  CURSOR = 1,
  BASE_LO = 2,
  BASE_HI = 3,
  GAPS = 4,
  PEAK_USED = 5,
  PEAK_OFFSET = 6,
  FLOOR = 7,
  COUNT = 8,
}

/**
 * Word indices of oh_stack_t. Offsets count from the start of the payload; that of a block is never 0,
 * as its header lies before it, so that 0 is none.
 */
export const enum StackWord {
  /** Where the payload ends; 0 when it is gone. */
  LIMIT = 0,
  /** Where the newest block ends; one of 0 bytes takes one. */
  CURSOR = 1,
  /** The newest block. */
  TOP = 2,
  /** The block below it (0: none) and where that ends; -1: its header must be asked. */
  BELOW = 3,
  BELOW_END = 4,
  /** Bytes that are live, and the most that they and CURSOR were before they last fell. */
  USED = 5,
  PEAK_USED = 6,
  PEAK_OFFSET = 7,
  /** While BELOW is known: the two words that the newest block's header must hold. */
  SIZE_WORD = 8,
  BELOW_WORD = 9,
  /** An alignment: that of the last allocation. */
  ALIGN = 10,
  BASE_LO = 11,
  BASE_HI = 12,
  COUNT = 13,
}

/** The header before a block of a stack: see oh_stack_t. */
export const enum StackHeader {
  BYTES = 8,
  /** A size or an offset goes in as (value + 1) * FACTOR and comes out as word * INVERSE - 1. */
  FACTOR = 0x7ca6e3ab,
  INVERSE = -1546846461,
}

/**
 * Word indices of oh_pool_t. Block `i` is bit `i % 32` of group `i / 32`. Groups are begun one after the
 * other, when those before have no free block; until then their words mean nothing.
 */
export const enum PoolWord {
  /** The group to allocate from, those behind it in the list have free blocks too; NO_GROUP. */
  HEAD = 0,
  /** Blocks of the groups that were begun, and the most that they were before a reset. */
  BEGUN = 1,
  PEAK_BEGUN = 2,
  /** Blocks that there are now, and the most that there can be. */
  BLOCKS = 3,
  MOST_BLOCKS = 4,
  /** Blocks and bytes that are live, and the most bytes that were before they last fell. */
  LIVE = 5,
  USED = 6,
  PEAK_USED = 7,
  /** Address of block 0. */
  BASE_LO = 8,
  BASE_HI = 9,
  /** From one block to the next: odd * 2^SHIFT bytes, and the inverse of the odd part modulo 2^32. */
  STRIDE = 10,
  SHIFT = 11,
  INVERSE = 12,
  /** Bytes of a whole block, and the alignment of all. */
  BLOCK_SIZE = 13,
  ALIGN = 14,
  /** Bytes that a block has in the table of sizes: 4, or 0 while there is none. */
  SIZES = 15,
  /** The block that was allocated last; any other would do. */
  LAST = 16,
  GROUPS = 17,
}

/** Words of a group of 32 blocks of a pool. */
export const enum PoolGroup {
  /** A bit for each block that is free. */
  FREE = 0,
  /** The next group that has free blocks. */
  NEXT = 1,
  /** A bit for each live block that was asked for smaller than a block is. */
  PARTS = 2,
  WORDS = 3,
  NO_GROUP = -1,
}

/**
 * Word indices of oh_slab_t. Pages are of 512 bytes and counted from the first address in the region
 * that is a multiple of 512; records have numbers, 0 is none. Places in the heap are kept as offsets
 * less 2^31, so that all of 4 GiB are signed words.
 */
export const enum SlabWord {
  /** Pages below this one were handed out at some time; behind it is nothing. */
  TOP = 0,
  /** Pages that the region has; -1 when it is gone. */
  LIMIT = 1,
  ORIGIN_LO = 2,
  ORIGIN_HI = 3,
  /** The most that LIMIT can be: there are words for so many. */
  MOST_PAGES = 4,
  /** Live payload bytes, and the most before they last fell. */
  USED = 5,
  PEAK_USED = 6,
  /** The most that TOP has been, ever and since the last trim. */
  PEAK_TOP = 7,
  DIRTY_TOP = 8,
  /** Head of the list of records that are not used, the first that never was, the most that were. */
  SPARE = 9,
  FRESH = 10,
  PEAK_FRESH = 11,
  /** Stretches of 128 KiB in which there was a slab: they have bytes in the block table. */
  STRETCHES = 12,
  /** Pages below TOP that were given back to the system, and the most that were not. */
  PURGED = 13,
  PEAK_PAGES = 14,
  /** When TOP is above this, the magazines are emptied once more. */
  EMPTY_AT = 15,
  /** Pages of the cached runs, and by their number of pages, up to 64, the list of them. */
  CACHED = 16,
  CACHE = 17,
  /** Bits of the bins that have runs, and the heads of their lists. */
  BIN_MAP = 82,
  BINS = 88,
  /** By size class: the index of the word behind its magazine's last block; how many it may have. */
  NEXT = 264,
  MOST = 392,
  /** By size class: the list of slabs with free blocks, and 2^20 / class, rounded up. */
  PARTIAL = 520,
  INVERSE = 648,
  /** By size class: its magazine of 32 blocks at most, between two odd words. */
  MAGAZINE = 776,
  /** A bit for each stretch. */
  STRETCH_MAP = 5128,
  /** By page: the number of its record, shifted left by 7, and its size class. */
  PAGES = 6152,
}

/** Words of a record: of a slab, of a large block, of a run of pages without one, or of none of them. */
export const enum SlabRecord {
  /**
   * Slab: a bit for each free block in no magazine. Large block: the size that was asked for. Free run: how
   * many of its pages were given back to the system.
   */
  FREE = 0,
  /** Its first page, and how many. */
  START = 1,
  PAGES = 2,
  /** Slab: a bit for each block. Else a SlabKind. */
  ALL = 3,
  NEXT = 4,
  PREVIOUS = 5,
  WORDS = 6,
}

/** What a record is of that is no slab; a slab has blocks. */
export const enum SlabKind {
  NONE = 0,
  /** Slabs have at most 32 blocks, the lowest of which has bit 0. */
  LARGE = 2,
  FREE = 4,
  CACHED = 6,
}

/**
 * Word indices of oh_free_list_t. Memory is counted in granules of 16 bytes from the first address in the
 * region that is a multiple of 16. There is a line of words for each 32 granules, and behind all lines
 * a tree, with a node for each 4 lines.
 */
export const enum FreeListWord {
  /** Granules below this one are blocks and holes, those from it on are free. */
  TOP = 0,
  /** Whole granules that the region has, and its bytes. */
  LIMIT = 1,
  BYTES = 2,
  /** The most that TOP has been. */
  PEAK_TOP = 3,
  /** Granules of live blocks. */
  LIVE = 4,
  /** Live payload bytes, and the most before they last fell. */
  USED = 5,
  PEAK_USED = 6,
  /** The tree's first word, and the word of the node over all of it. */
  TREE = 7,
  ROOT = 8,
  ORIGIN_LO = 9,
  ORIGIN_HI = 10,
  /** By granules, up to MOST_HINT and more: a group before which no leaf has so many. */
  HINTS = 11,
  MOST_HINT = 64,
  /** A line before the first is empty. */
  LINES = 82,
}

/** Words of a line of 32 granules of a free list. */
export const enum FreeListLine {
  /** A bit where a block or a hole starts. */
  START = 0,
  /** A bit at a hole's first granule and at its last. */
  FREE = 1,
  /** Four bits a granule: how many bytes of the block that starts there were not asked for. */
  SLACK = 2,
  WORDS = 6,
}

/** Words in the tree of a free list, for each group of 4 lines. */
export const enum FreeListNode {
  /** Granules of the largest hole that starts in the group, or more. */
  LARGEST = 0,
  /** The most of LARGEST below the node that lies here: see free-list/hole-tree.ts. */
  SUBTREE = 1,
  /** A power of two, so that an index is a shift. */
  WORDS = 2,
}

/** A state block of `words` zeroed words. */
export function stateBlock(words: number): Int32Array {
  return new Int32Array(new ArrayBuffer(words * 4))
}
