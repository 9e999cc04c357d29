/** Every check can be passed: an allocator with all abilities does. */
import { anyOrder, lifo, pool } from './reference.js'
import { conformance } from './run.js'

conformance(anyOrder)
conformance(lifo)
conformance(pool)
