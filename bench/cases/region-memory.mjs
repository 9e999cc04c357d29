// What 200,000 buffers of 64 KiB do to the process when the event loop does not get to run.

import { Region } from 'offheap'

const SIZE = 65536
const PAGE = 4096
const ROUNDS = 200_000
/** Their memory stops growing long before, and they take several times as long. */
const FOR_PEERS = 50_000

/** A write to every page: memory that nobody touches costs nothing. */
function touch(bytes) {
  for (let at = 0; at < SIZE; at += PAGE) bytes[at] = 1
  return bytes.length
}

function mallocRegion(n) {
  let sum = 0
  for (let i = 0; i < n; i++) {
    const region = Region.malloc(SIZE)
    sum += touch(new Uint8Array(region.buffer))
    region.dispose()
  }
  return sum
}

function allocUnsafeSlow(n) {
  let sum = 0
  for (let i = 0; i < n; i++) sum += touch(Buffer.allocUnsafeSlow(SIZE))
  return sum
}

function uint8array(n) {
  let sum = 0
  for (let i = 0; i < n; i++) sum += touch(new Uint8Array(SIZE))
  return sum
}

/** @type {import('../harness/types.d.ts').Case} */
export default {
  name: 'region-memory',
  title: 'Region.malloc(65536) + dispose, 200,000 times in one synchronous loop',
  about: 'one region, a byte of each page written, disposed; no warm-up, the memory is of the loop',
  once: ROUNDS,
  arms: {
    region: { label: 'Region.malloc + dispose', batch: mallocRegion, ours: true },
    slow: {
      label: 'Buffer.allocUnsafeSlow, 50,000 times',
      batch: allocUnsafeSlow,
      once: FOR_PEERS,
      dropped: true,
    },
    uint8array: {
      label: 'new Uint8Array (zeroed), 50,000 times',
      batch: uint8array,
      once: FOR_PEERS,
      dropped: true,
    },
  },
  bars: [{ arm: 'region', growthBelowMiB: 64 }],
}
