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

function openHeap({ table, state, region, own }: CHeap, name: string): OpenDoor {
  const { native } = loadAddon()
  if (region !== null && !region.addressable) throw unaddressable(name, region.address)
  const pin = region?.pin()
  const memory = region?.buffer ?? null
  const external = native.openDoor(
    native.tables[table],
    own?.self ?? region?.address ?? 0,
    state,
    memory,
    region?.byteLength ?? 0,
    own?.keeper ?? null,
  )
  return opened(external, () => {
    native.closeDoor(external)
    pin?.[Symbol.dispose]()
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
  const heap = allocator._cHeap()
  return heap === null ? openCallback(allocator) : openHeap(heap, allocator.name)
})
