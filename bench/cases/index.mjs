// The cases, in the order in which they run.

import arena from './arena.mjs'
import bumpBytes from './bump-bytes.mjs'
import bumpKept from './bump-kept.mjs'
import bumpRaw from './bump-raw.mjs'
import cHeap from './c-heap.mjs'
import pages from './pages.mjs'
import regionMemory from './region-memory.mjs'
import view from './view.mjs'

/** @type {import('../harness/types.d.ts').Case[]} */
export const cases = [bumpRaw, bumpBytes, bumpKept, arena, view, cHeap, regionMemory, pages]
