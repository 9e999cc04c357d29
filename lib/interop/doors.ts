/** Opens allocators for C: those that are written in C on the state that both work on. */
import type { Allocator } from '../core/allocator.js'
import { unaddressable } from '../core/region.js'
import { type CHeap, type OpenDoor, provideDoors } from '../core/valloc.js'
import { Box, loadAddon } from '../native/binding.js'
import { callbackFor } from './callback.js'

/** What the addon has just opened. */
function opened(external: object, close: () => void): OpenDoor {
  const { box } = loadAddon()
  return {
    external,
    address: BigInt(box[Box.PTR]!),
    self: BigInt(box[Box.RESULT]!),
    vt: BigInt(box[Box.NEW_SIZE]!),
    close,
  }
}

function openHeap(heap: CHeap, name: string): OpenDoor {
  const { table, state, region, keeper = null, close } = heap
  const { native } = loadAddon()
  if (region !== null && !region.addressable) throw unaddressable(name, region.address)
  const pin = region?.pin()
  const memory = region?.buffer ?? null
  const at = typeof table === 'number' ? table : native.tables[table]
  const self = heap.self ?? region?.address ?? 0
  const external = native.openDoor(at, self, state, memory, region?.byteLength ?? 0, keeper)
  return opened(external, () => {
    native.closeDoor(external)
    pin?.[Symbol.dispose]()
    close?.()
  })
}

function openCallback(allocator: Allocator): OpenDoor {
  const { native, box } = loadAddon()
  const external = native.openCallback(callbackFor(allocator, box))
  return opened(external, () => native.closeDoor(external))
}

/**
 * Calls through vallocs that were refused since the process started: frees of what is no live block, calls
 * from the wrong thread or for an allocator that is gone. Out of memory is none. All threads together.
 */
export function refusedCalls(): number {
  return loadAddon().native.refusedCalls()
}

provideDoors((allocator) => {
  const heap = allocator._doorHeap()
  return heap === null ? openCallback(allocator) : openHeap(heap, allocator.name)
})
