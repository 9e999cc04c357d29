// What an operation costs with more and more live blocks, of which the oldest is freed.

import { liveBlocks } from './live-blocks.mjs'

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'live-oldest',
  title: 'The oldest block of so many live ones replaced',
  about: 'a free and an allocation, 72 bytes on average; cache misses included',
  ...liveBlocks('oldest'),
}
