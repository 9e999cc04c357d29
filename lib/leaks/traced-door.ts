/** The door for C of an allocator that is traced: the C of that allocator, and a ledger on the way. */
import type { CHeap, Valloc } from '../core/valloc.js'
import type { TracedDoor } from './ledger/ledger.js'
import type { Trace } from './trace.js'

/**
 * @param inner The traced allocator's own, which is released with the door.
 * @param keeper What must live as long.
 */
export function tracedHeap(trace: Trace, heap: number, inner: Valloc, keeper: object): CHeap {
  let door: TracedDoor
  try {
    door = trace.openDoor(heap, inner.self, inner.vt)
  } catch (error) {
    inner.release()
    throw error
  }
  const close = (): void => {
    trace.closeDoor(door)
    inner.release()
  }
  const { table, self } = door
  return { table, self, state: null, region: null, keeper, close }
}
