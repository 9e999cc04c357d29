// The cases, in the order in which they run.

import arena from './arena.mjs'
import bumpBytes from './bump-bytes.mjs'
import bumpKept from './bump-kept.mjs'
import bumpRaw from './bump-raw.mjs'
import cHeap from './c-heap.mjs'
import deflate from './deflate.mjs'
import doors from './doors.mjs'
import ledger from './ledger.mjs'
import liveOldest from './live-oldest.mjs'
import liveRandom from './live-random.mjs'
import lua from './lua.mjs'
import pages from './pages.mjs'
import pairs from './pairs.mjs'
import regionMemory from './region-memory.mjs'
import report from './report.mjs'
import service from './service.mjs'
import stacks from './stacks.mjs'
import threads from './threads.mjs'
import traceHeads from './trace-heads.mjs'
import traces from './traces.mjs'
import tracing from './tracing.mjs'
import view from './view.mjs'
import wasm from './wasm.mjs'

/** @type {import('../harness/types.d.ts').Case[]} */
export const cases = [
  traces,
  traceHeads,
  pairs,
  liveOldest,
  liveRandom,
  wasm,
  bumpRaw,
  bumpBytes,
  bumpKept,
  arena,
  view,
  doors,
  cHeap,
  threads,
  regionMemory,
  deflate,
  lua,
  tracing,
  service,
  stacks,
  ledger,
  report,
  pages,
]
