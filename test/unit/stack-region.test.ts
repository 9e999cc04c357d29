/** StackAllocator: handles, the region that it works in, and offsets beyond 2^31. */
import { describe, expect, test } from 'vitest'
import { type Allocation, type OffheapError, Region, StackAllocator } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { borrowed } from '../support/regions.js'
import { Memory } from '../support/wasm.js'

const HEADER = 8

describe('the handle of a block', () => {
  test('knows when the block was popped or freed by its address', () => {
    const stack = new StackAllocator(1000)
    const a = stack.alloc(10, 1)
    const raw = stack.rawAlloc(20, 1)
    const b = stack.tryAlloc(30, 1)!
    const { ptr } = b
    stack.pop()
    expect([a.freed, b.freed]).toEqual([false, true])
    expectCode('USE_AFTER_FREE', () => b.bytes)
    expectCode('DOUBLE_FREE', () => b.free())
    b[Symbol.dispose]()
    const again = stack.alloc(30, 1)
    expect(again.ptr).toBe(ptr)
    expect([b.freed, again.freed]).toEqual([true, false])
    expectCode('USE_AFTER_FREE', () => b.resize(4))
    stack.rawFree(ptr, 30, 1)
    expect(again.freed).toBe(true)
    stack.rawFree(raw, 20, 1)
    expect(a.freed).toBe(false)
    a.bytes.fill(1)
    a.free()
    expect([a.freed, stack.stats().used]).toEqual([true, 0])
  })

  test('is that of its block alone, whatever was allocated beside it without one', () => {
    const stack = new StackAllocator(10_000)
    const handles: (Allocation | null)[] = []
    for (let i = 0; i < 100; i++) {
      if (i % 3 === 0) handles.push(stack.alloc(i, 1))
      else handles.push(stack.rawAlloc(i, 1) === 0 ? null : null)
    }
    for (let i = 99; i >= 0; i--) {
      expect(handles[i]?.freed ?? false).toBe(false)
      stack.pop()
      expect(handles[i]?.freed ?? true).toBe(true)
      expect(handles.slice(0, i).some((a) => a?.freed)).toBe(false)
    }
  })

  test('goes stale with a reset', () => {
    const stack = new StackAllocator(1000)
    const a = stack.alloc(10)
    stack.reset()
    const b = stack.alloc(10)
    expect([a.freed, b.freed]).toEqual([true, false])
    expectCode('USE_AFTER_FREE', () => a.ptr)
    stack.pop()
    expect(b.freed).toBe(true)
  })

  test('ends in the right order with using', () => {
    const stack = new StackAllocator(1000)
    {
      using a = stack.alloc(100)
      using b = stack.dupe('text')
      expect([a.freed, b.buffer.toString()]).toEqual([false, 'text'])
    }
    expect(stack.stats().used).toBe(0)
  })
})

/** Everything that could hand out, free or look at memory. */
const operations = (
  stack: StackAllocator,
  a: Allocation,
  ptr: number,
): readonly (() => unknown)[] => [
  () => stack.alloc(8),
  () => stack.tryAlloc(8),
  () => stack.rawAlloc(8, 8),
  () => stack.rawAlloc(0, 8),
  () => stack.rawFree(ptr, 8, 8),
  () => stack.rawResize(ptr, 8, 8, 4),
  () => stack.rawRemap(ptr, 8, 8, 4),
  () => stack.pop(),
  () => stack.reset(),
  () => stack.view(ptr, 8),
  () => stack.dupe('text'),
  () => stack.realloc(a, 16),
  () => a.free(),
]

function codeOf(operation: () => unknown): string {
  try {
    operation()
  } catch (error) {
    return (error as OffheapError).code
  }
  return 'no error'
}

const ENDED = ['ERR_OFFHEAP_DISPOSED', 'ERR_OFFHEAP_USE_AFTER_FREE', 'ERR_OFFHEAP_DOUBLE_FREE']

describe.each(['the region is disposed', 'the allocator is disposed'])('when %s', (what) => {
  test('every operation says so, and nothing is handed out', () => {
    const region = Region.malloc(1024)
    const stack = new StackAllocator(region)
    const a = stack.alloc(8, 8)
    const ptr = stack.rawAlloc(8, 8)
    if (what.startsWith('the region')) region.dispose()
    else stack.dispose()
    for (const operation of operations(stack, a, ptr)) {
      expect(ENDED, String(operation)).toContain(codeOf(operation))
    }
    expect([stack.owns(ptr), stack.remaining, stack.stats().used]).toEqual([false, 0, 0])
    stack.dispose()
    region.dispose()
  })
})

test('a memory that can grow is not made to, nor used, by an allocator that has ended', () => {
  const memory = new Memory({ initial: 1, maximum: 4 })
  const region = Region.wasm(memory, { start: 1000 })
  const ended = new StackAllocator(region)
  const a = ended.alloc(8, 8)
  const { ptr } = a
  ended.dispose()
  using next = new StackAllocator(region)
  const b = next.alloc(64)
  b.bytes.fill(7)
  for (const operation of operations(ended, a, ptr)) {
    // A view is of the region, which is the caller's.
    if (!String(operation).includes('view')) expect(operation).toThrow()
  }
  expect([b.freed, b.bytes.every((byte) => byte === 7)]).toEqual([false, true])
  expect(memory.buffer.byteLength).toBe(65_536)
})

describe('the memory', () => {
  test('that was transferred elsewhere is not written to, and its loss is an error', () => {
    const buffer = new ArrayBuffer(1000)
    const stack = new StackAllocator(buffer)
    const ptr = stack.rawAlloc(8, 8)
    stack.rawAlloc(8, 8)
    const moved = structuredClone(buffer, { transfer: [buffer] })
    const before = new Uint8Array(moved.slice(0))
    for (const operation of [
      () => stack.rawAlloc(8, 8),
      () => stack.rawAlloc(0, 8),
      () => stack.pop(),
      () => stack.rawFree(ptr, 8, 8),
    ]) {
      expectCode('DISPOSED', operation)
    }
    expect(new Uint8Array(moved)).toEqual(before)
    expect(stack.stats().used).toBe(16)
  })

  test('can be a WebAssembly memory, which grows, and whose buffer is then another', () => {
    for (const shared of [false, true]) {
      const memory = new Memory({ initial: 1, maximum: 4, shared })
      const stack = new StackAllocator(Region.wasm(memory, { start: 1000 }))
      const sizes = [60_000, 10, 100_000, 0, 50_000]
      const ptrs = sizes.map((size) => stack.rawAlloc(size, 8))
      expect(ptrs).not.toContain(0)
      expect(stack.rawAlloc(100_000, 8)).toBe(0)
      const resized = stack.rawResize(ptrs[4]!, 50_000, 8, 51_000)
      expect(resized).toBe(true)
      memory.grow(0)
      stack.rawFree(ptrs[4]!, 51_000, 8)
      for (const i of [3, 2, 1, 0]) stack.rawFree(ptrs[i]!, sizes[i]!, 8)
      expect(stack.stats()).toMatchObject({ used: 0, footprint: 0 })
    }
  })

  test('may start at an odd address', () => {
    using region = borrowed(5000, 5)
    const stack = new StackAllocator(region)
    for (const align of [1, 2, 64, 256]) {
      const ptr = stack.rawAlloc(100, align)
      expect(ptr % align).toBe(0)
    }
    while (stack.pop());
    expect(stack.remaining).toBe(5000)
  })
})

describe('the largest region', () => {
  const SIZE = 2 ** 32 - 4096

  test('is used to its last byte, and back', () => {
    using region = Region.pages(SIZE)
    const stack = new StackAllocator(region)
    const { address } = region
    const sizes = [2 ** 30, 2 ** 30 + 7, 100, 2 ** 31 - 2 ** 20, 1000]
    let end = address
    const blocks = sizes.map((size) => {
      const ptr = stack.rawAlloc(size, 64)
      expect(ptr).toBe(Math.ceil((end + HEADER) / 64) * 64)
      end = ptr + size
      return { ptr, size }
    })
    expect(stack.remaining).toBe(address + SIZE - end)
    const rest = stack.alloc(stack.remaining - HEADER, 1)
    rest.bytes[rest.size - 1] = 7
    expect(rest.ptr + rest.size).toBe(address + SIZE)
    expect([stack.remaining, stack.rawAlloc(0, 1)]).toEqual([0, 0])
    expect(rest.resize(rest.size + 1)).toBe(false)
    expectCode('OUT_OF_ORDER', () => stack.rawFree(blocks[3]!.ptr, blocks[3]!.size, 64))
    expectCode('INVALID_POINTER', () => stack.rawFree(blocks[3]!.ptr, blocks[3]!.size - 1, 64))
    const used = sizes.reduce((sum, size) => sum + size, rest.size)
    expect(stack.stats()).toMatchObject({ used, footprint: SIZE })
    rest.free()
    for (const { ptr, size } of blocks.toReversed()) {
      expectCode('INVALID_POINTER', () => stack.rawFree(ptr, size + 1, 64))
      stack.rawFree(ptr, size, 64)
    }
    expect(stack.stats()).toMatchObject({ used: 0, peak: used, footprint: 0, peakFootprint: SIZE })
  })

  test('is one block, which may be larger than a signed word', () => {
    using region = Region.pages(SIZE)
    const stack = new StackAllocator(region)
    const a = stack.alloc(SIZE - HEADER, 1)
    expect([a.size, a.resize(2 ** 31 + 5), stack.remaining]).toEqual([
      SIZE - HEADER,
      true,
      SIZE - HEADER - 2 ** 31 - 5,
    ])
    const b = stack.alloc(10, 1)
    expect(b.ptr).toBe(region.address + 2 ** 31 + 5 + 2 * HEADER)
    b.bytes.fill(1)
    expect(a.resize(0)).toBe(false)
    expect([stack.pop(), b.freed, a.freed]).toEqual([true, true, false])
    a.free()
    expect(stack.pop()).toBe(false)
  })

  test('has headers beyond 2^31 that are found when they are overwritten', () => {
    using region = Region.pages(SIZE)
    const stack = new StackAllocator(region)
    stack.rawAlloc(2 ** 31 + 2 ** 30, 1)
    const a = stack.rawAlloc(10, 1)
    stack.rawAlloc(20, 1)
    stack.pop()
    const header = new Uint8Array(region.buffer, a - region.address - HEADER, HEADER)
    for (let at = 0; at < HEADER; at++) {
      header[at]! ^= 0x10
      expectCode('POISONED', () => stack.pop(), `byte ${at}`)
      expectCode('POISONED', () => stack.rawFree(a, 10, 1), `byte ${at}`)
      header[at]! ^= 0x10
    }
    stack.rawAlloc(20, 1)
    expect([stack.pop(), stack.pop(), stack.pop(), stack.pop()]).toEqual([true, true, true, false])
  })
})
