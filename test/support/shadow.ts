/** The conformance suite's model of a heap, which can here also reach bytes past this library. */
import type { Allocator } from '../../lib/index.js'
import { Shadow as SuiteShadow } from '../../lib/conformance/shadow.js'
import { peek, poke } from './memory.js'

export type { Block } from '../../lib/conformance/shadow.js'

/** How a raw block's bytes are reached: through the allocator's view, or past it. */
export type Access = 'view' | 'past'

export class Shadow extends SuiteShadow {
  constructor(allocator: Allocator, access: Access = 'view') {
    super(allocator, access === 'past' ? { read: peek, write: poke } : null)
  }
}
