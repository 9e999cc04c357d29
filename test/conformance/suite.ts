/**
 * What every allocator has to do, whatever it is made of. Plain functions that throw; run.ts binds them
 * to the test runner. The first four are those with which Zig's standard library tests its own
 * (std/heap.zig).
 */
import type { Allocator } from '../../lib/index.js'
import * as blocks from './blocks.js'
import * as limits from './limits.js'
import { hasMemory, isBounded, type Subject } from './subject.js'
import * as wrong from './wrong.js'

export interface Check {
  /** What it protects. */
  readonly about: string
  readonly run: (allocator: Allocator, subject: Subject) => void
  readonly appliesTo: (subject: Subject) => boolean
}

const always = (): boolean => true

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
    appliesTo: (s) => s.maxAlign >= 256,
  },
  {
    about: 'random blocks keep their own pattern until they are freed',
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
    about: 'the whole capacity can be allocated, and not a byte more',
    run: limits.exactCapacity,
    appliesTo: isBounded,
  },
  { about: 'single bytes fill the whole capacity', run: limits.singleBytes, appliesTo: isBounded },
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
  { about: 'a block is freed once', run: wrong.doubleFree, appliesTo: hasMemory },
]
