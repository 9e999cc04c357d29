// What an operation costs with more and more live blocks, each as likely as another to be freed.

import { liveBlocks } from './live-blocks.mjs'

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'live-random',
  title: 'A random block of so many live ones replaced',
  about: 'a free and an allocation, 72 bytes on average; cache misses included',
  ...liveBlocks('random'),
}
