/** FreeListAllocator: wrong frees, sizes and alignments are found, and scribbled memory harms nobody. */
import { describe, expect, test } from 'vitest'
import { FreeListAllocator, type OffheapError, Region } from '../../lib/index.js'
import { BAD_ALIGNS, BAD_POINTERS, BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectAnyCode, expectCode } from '../support/errors.js'

/** A heap with blocks of all kinds of lengths, and holes between some of them. */
function worn(): { heap: FreeListAllocator; live: Map<number, number>; holes: number[] } {
  const heap = new FreeListAllocator(Region.malloc(2 ** 17))
  const live = new Map<number, number>()
  const holes: number[] = []
  const lengths = [1, 16, 31, 100, 240, 241, 255, 256, 257, 300, 511, 512, 1000, 5000]
  for (let round = 0; round < 4; round++) {
    for (const size of lengths) live.set(heap.rawAlloc(size, 16), size)
  }
  let i = 0
  for (const [ptr, size] of live) {
    if (i++ % 3 !== 1) continue
    heap.rawFree(ptr, size, 16)
    live.delete(ptr)
    holes.push(ptr)
  }
  return { heap, live, holes }
}

/** Nothing that anybody could see is different after `attempts`. */
function unharmed({ heap, live }: ReturnType<typeof worn>, attempts: () => void): void {
  const before = heap.stats()
  const { remaining, largestFree } = heap
  attempts()
  expect(heap.stats()).toEqual(before)
  expect([heap.remaining, heap.largestFree]).toEqual([remaining, largestFree])
  for (const [ptr, size] of live) heap.rawFree(ptr, size, 16)
  expect([heap.largestFree, heap.totalAllocated]).toEqual([2 ** 17, 0])
}

describe('a wrong free', () => {
  test('of each address in the region but the live blocks is found', () => {
    const setting = worn()
    const { heap, live } = setting
    unharmed(setting, () => {
      const { address, byteLength } = heap.region
      for (let ptr = address - 64; ptr < address + byteLength + 64; ptr++) {
        // Between granules it is the same everywhere: some of them will do.
        if (live.has(ptr) || (ptr % 16 !== 0 && ptr % 167 !== 0)) continue
        expectAnyCode(() => heap.freePtr(ptr))
        expectAnyCode(() => heap.rawFree(ptr, 16, 16))
        expectAnyCode(() => heap.rawResize(ptr, 16, 16, 8))
      }
    })
  })

  test('says what it is: freed already, inside of a block, or never handed out', () => {
    const setting = worn()
    const { heap, live, holes } = setting
    unharmed(setting, () => {
      for (const ptr of holes) expectCode('DOUBLE_FREE', () => heap.freePtr(ptr))
      for (const ptr of holes) expectCode('INVALID_POINTER', () => heap.rawResize(ptr, 1, 1, 1))
      for (const [ptr, size] of live) {
        for (let at = 16; at < size; at += 16) {
          const { message } = expectCode('INVALID_POINTER', () => heap.freePtr(ptr + at))
          expect(message).toContain('inside of a block')
        }
        expectCode('INVALID_POINTER', () => heap.freePtr(ptr + 1))
      }
      const { address, byteLength } = heap.region
      for (const ptr of [address + byteLength - 16, address + byteLength, address - 16]) {
        expectCode('INVALID_POINTER', () => heap.freePtr(ptr))
      }
    })
  })

  test('a second time in a row is found, whatever became of the holes around', () => {
    const heap = new FreeListAllocator(4096)
    const blocks = Array.from({ length: 8 }, () => heap.rawAlloc(48, 16))
    for (const i of [2, 4, 3, 6, 7, 5, 0, 1]) {
      heap.rawFree(blocks[i]!, 48, 16)
      expectCode('DOUBLE_FREE', () => heap.rawFree(blocks[i]!, 48, 16))
      expectCode('DOUBLE_FREE', () => heap.freePtr(blocks[i]!))
    }
    expect(heap.largestFree).toBe(4096)
  })
})

describe('a wrong size or alignment', () => {
  test('is found in every operation that has one', () => {
    const setting = worn()
    const { heap, live } = setting
    unharmed(setting, () => {
      for (const [ptr, size] of live) {
        const others = [
          size - 1,
          size + 1,
          size + 16,
          size * 2,
          size + 2 ** 32,
          2 ** 31,
          2 ** 53 - 1,
        ]
        for (const other of others) {
          // A block of no bytes has one.
          if (other === 0 && size === 1) continue
          expectCode('INVALID_POINTER', () => heap.rawFree(ptr, other, 16), `${other}`)
          expectCode('INVALID_POINTER', () => heap.rawResize(ptr, other, 16, 1), `${other}`)
          expectCode('INVALID_POINTER', () => heap.rawRemap(ptr, other, 16, 1), `${other}`)
        }
        expectCode('INVALID_POINTER', () => heap.rawFree(ptr, size, 2 ** 52))
        expectCode('INVALID_POINTER', () => heap.rawResize(ptr, size, 2 ** 52, 1))
      }
    })
  })

  test('that is none is found', () => {
    const setting = worn()
    const { heap, live } = setting
    unharmed(setting, () => {
      const [[ptr, size]] = [...live] as [[number, number]]
      for (const bad of [...BAD_SIZES, undefined]) {
        const about = shown(bad)
        expectCode('INVALID_LAYOUT', () => heap.rawAlloc(wrong(bad), 16), about)
        expectCode('INVALID_LAYOUT', () => heap.rawFree(ptr, wrong(bad), 16), about)
        expectCode('INVALID_LAYOUT', () => heap.rawResize(ptr, wrong(bad), 16, 1), about)
        expectCode('INVALID_LAYOUT', () => heap.rawResize(ptr, size, 16, wrong(bad)), about)
      }
      for (const bad of [...BAD_ALIGNS, undefined]) {
        const about = shown(bad)
        expectCode('INVALID_LAYOUT', () => heap.rawAlloc(16, wrong(bad)), about)
        expectCode('INVALID_LAYOUT', () => heap.rawFree(ptr, size, wrong(bad)), about)
        expectCode('INVALID_LAYOUT', () => heap.rawResize(ptr, size, wrong(bad), 1), about)
      }
      for (const bad of BAD_POINTERS) {
        const about = shown(bad)
        expectCode('INVALID_POINTER', () => heap.freePtr(wrong(bad)), about)
        expectCode('INVALID_POINTER', () => heap.rawFree(wrong(bad), 16, 16), about)
        expectCode('INVALID_POINTER', () => heap.rawResize(wrong(bad), 16, 16, 1), about)
      }
      expect(heap.owns(wrong('16'))).toBe(false)
    })
  })
})

describe('scribbling', () => {
  test('over the whole region, free memory and all, leaves the bookkeeping as it was', () => {
    const setting = worn()
    const { heap, live, holes } = setting
    const { region } = heap
    unharmed(setting, () => {
      for (const byte of [0xff, 0x00, 0xa5, 0x10]) {
        new Uint8Array(region.buffer, region.byteOffset, region.byteLength).fill(byte)
        for (const ptr of holes) expectCode('DOUBLE_FREE', () => heap.freePtr(ptr))
        const more = [16, 100, 240, 5000].map((size) => ({ size, ptr: heap.rawAlloc(size, 16) }))
        for (const { ptr } of more) expect(live.has(ptr)).toBe(false)
        for (const { ptr, size } of more) heap.rawFree(ptr, size, 16)
      }
    })
  })

  test('past the end of a block reaches the next block, and no further', () => {
    const heap = new FreeListAllocator(4096)
    const [a, b] = [heap.alloc(16), heap.alloc(16)]
    heap.view(a.ptr, 48).fill(0xff)
    expect([b.freed, heap.stats().used]).toEqual([false, 32])
    b.free()
    a.free()
    expect(heap.largestFree).toBe(4096)
  })
})

describe('errors', () => {
  test('say the allocator, the operation and the address', () => {
    const heap = new FreeListAllocator(4096)
    const ptr = heap.rawAlloc(100, 16)
    const hex = ptr.toString(16)
    const error = expectCode('INVALID_POINTER', () => heap.rawFree(ptr, 99, 16)) as OffheapError
    expect(error.message).toContain(
      `FreeListAllocator for free, but 0x${hex} has 100 bytes, not 99`,
    )
    heap.freePtr(ptr)
    expect(expectCode('DOUBLE_FREE', () => heap.freePtr(ptr)).message).toContain(`0x${hex}`)
  })
})
