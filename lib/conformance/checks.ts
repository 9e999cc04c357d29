/**
 * What every allocator has to do, whatever it is made of: plain functions that throw, for any test
 * runner or none. The first four are those with which Zig's standard library tests its own
 * (std/heap.zig).
 */
import type { Allocator } from '../core/allocator.js'
import * as blocks from './blocks.js'
import * as found from './found.js'
import * as limits from './limits.js'
import { hasMemory, isBounded, isExact, isLifo, type Subject } from './subject.js'
import * as wrong from './wrong.js'

/** One thing that allocators have to do. */
export interface Check {
  /** What that is, as the name of a test. */
  readonly about: string
  /** Throws if a fresh allocator of the subject does not; otherwise leaves no block behind. */
  readonly run: (allocator: Allocator, subject: Subject) => void
  /** Is it asked of an allocator with these abilities? */
  readonly appliesTo: (subject: Subject) => boolean
}

const always = (): boolean => true

/** All checks. */
export const checks: readonly Check[] = [
  {
    about: '100 small blocks stay intact while another grows to 20,000 bytes and shrinks to 0',
    run: blocks.smallBlocks,
    appliesTo: hasMemory,
  },
  {
    about: 'addresses are aligned after alloc and after each realloc, 1 to 64',
    run: blocks.alignments,
    appliesTo: hasMemory,
  },
  {
    about: 'addresses are aligned to half a page, or the alignment is refused',
    run: blocks.largeAlignment,
    appliesTo: hasMemory,
  },
  {
    about: 'a block that shrinks to a larger alignment keeps its bytes',
    run: blocks.alignedShrink,
    appliesTo: hasMemory,
  },
  {
    about: 'realloc to a larger alignment grants it and keeps the bytes',
    run: blocks.growingAlignment,
    appliesTo: (s) => hasMemory(s) && s.maxAlign >= 256,
  },
  {
    about: 'random blocks keep their own pattern through resizes, until they are freed',
    run: blocks.patterns,
    appliesTo: hasMemory,
  },
  {
    about: 'resize in place leaves the address and the other blocks alone',
    run: blocks.inPlace,
    appliesTo: hasMemory,
  },
  {
    about: 'allocZeroed clears memory that was used before',
    run: blocks.zeroed,
    appliesTo: hasMemory,
  },
  {
    about: 'a block of 0 bytes has an address of its own',
    run: blocks.emptyBlocks,
    appliesTo: hasMemory,
  },
  {
    about: 'out of memory is a value below and an error above, and over once blocks are freed',
    run: limits.outOfMemory,
    appliesTo: always,
  },
  {
    about: 'a realloc that fails leaves the block as it was',
    run: limits.failedRealloc,
    appliesTo: hasMemory,
  },
  {
    about: 'the largest block can be allocated, and not a byte more',
    run: limits.largestBlock,
    appliesTo: isBounded,
  },
  {
    about: 'blocks fill the capacity to the byte',
    run: limits.exactCapacity,
    appliesTo: isExact,
  },
  {
    about: 'blocks of one size all have the same room',
    run: blocks.equalBlocks,
    appliesTo: (s) => s.blockSize !== undefined,
  },
  {
    about: 'what is freed in any order becomes one again',
    run: blocks.gathering,
    appliesTo: (s) => isBounded(s) && s.gathersFreed === true,
  },
  { about: 'stats add up at every step', run: limits.stats, appliesTo: hasMemory },
  {
    about: 'stats of an allocator without memory are 0',
    run: limits.noStats,
    appliesTo: (s) => !hasMemory(s),
  },
  {
    about: 'what is no layout is refused and changes nothing',
    run: wrong.layouts,
    appliesTo: always,
  },
  {
    about: 'what is no pointer of its own is refused and changes nothing',
    run: wrong.pointers,
    appliesTo: always,
  },
  { about: 'a view reaches its own memory only', run: wrong.views, appliesTo: always },
  { about: 'owns answers for anything and never throws', run: wrong.owns, appliesTo: always },
  {
    about: 'the handle of a freed block is of no use',
    run: wrong.handlesFreedOnce,
    appliesTo: hasMemory,
  },
  {
    about: 'a second raw free is found and changes nothing',
    run: found.doubleFrees,
    appliesTo: (s) => hasMemory(s) && s.findsDoubleFrees === true,
  },
  {
    about: 'a wrong size is found and changes nothing',
    run: found.wrongSizes,
    appliesTo: (s) => hasMemory(s) && Boolean(s.findsWrongSizes),
  },
  {
    about: 'an address that is no block of its own is found and changes nothing',
    run: found.invalidFrees,
    appliesTo: (s) => hasMemory(s) && (s.findsInvalidFrees ?? false) !== false,
  },
  {
    about: 'a free out of order is refused and changes nothing',
    run: found.outOfOrder,
    appliesTo: (s) => hasMemory(s) && isLifo(s),
  },
]
