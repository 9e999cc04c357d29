/** GcAllocator, with each of its options. */
import { describe } from 'vitest'
import type { Subject } from '../../lib/conformance/index.js'
import { GcAllocator, type GcOptions } from '../../lib/index.js'
import { gcToTest } from '../support/gc.js'
import { conformance } from './run.js'

const subject = (name: string, options: GcOptions): Subject => ({
  name: `GcAllocator ${name}`,
  make: () => new GcAllocator(options),
  largest: Infinity,
  maxAlign: 2 ** 20,
  findsDoubleFrees: true,
  findsInvalidFrees: true,
})

describe.skipIf(!gcToTest)('the collected heap (libgc)', () => {
  conformance(subject('with no options', {}))
  conformance(subject('of pointer-free blocks', { pointerFree: true }))
  conformance(subject('that finds leaks', { findLeaks: true }))
  conformance(subject('that is told of what is reclaimed', { onReclaim: () => {} }))
})
