/** DebugAllocator with guarded pages, as far as a process survives it. The rest is in test/faults. */
import { describe, expect, test } from 'vitest'
import { cAllocator, DebugAllocator, type DebugOptions } from '../../lib/index.js'
import { expectLine, here, misuseBy, peek, poke } from '../support/debug.js'
import { PassingAllocator } from '../support/passing.js'

const file = import.meta.url
const PAGE = 4096

describe.skipIf(process.platform === 'win32')('guard', () => {
  const guarded = (options: DebugOptions = {}): DebugAllocator =>
    new DebugAllocator(cAllocator, { guard: true, ...options })

  test('a block ends where a page does, and is filled, fences included', () => {
    const debug = guarded()
    for (const size of [1, 16, 100, 4096, 10_000]) {
      const ptr = debug.rawAlloc(size, 16)
      const end = ptr + Math.ceil(size / 16) * 16
      expect(end % PAGE).toBe(0)
      expect(cAllocator.owns(ptr)).toBe(false)
      expect(peek(ptr, size)).toEqual(Array(size).fill(0xcd))
      expect(peek(ptr + size - 1, end - ptr - size + 1).slice(1)).toEqual(
        Array(end - ptr - size).fill(0xfd),
      )
      debug.rawFree(ptr, size, 16)
    }
    expect(debug.deinit()).toBe('ok')
  })

  test('misuse is found as of other blocks', () => {
    const debug = guarded()
    const start = here()
    const a = debug.alloc(20)
    const { ptr } = a
    poke(ptr + 20, 1)
    expectLine(misuseBy('CORRUPTED', () => a.free()).allocatedAt, start + 1, file)
    poke(ptr - 3, 1)
    expect(misuseBy('CORRUPTED', () => debug.check()).message).toContain('3 bytes before its start')
    misuseBy('INVALID_POINTER', () => debug.rawFree(ptr, 21, 16))
    misuseBy('INVALID_POINTER', () => debug.rawFree(ptr + 1, 19, 1))
    expect(a.resize(19)).toBe(false)
    expect(a.resize(20)).toBe(true)
    const from = here()
    a.free()
    expectLine(misuseBy('DOUBLE_FREE', () => a.free()).freedAt, from + 1, file)
    misuseBy('DOUBLE_FREE', () => debug.rawFree(ptr, 20, 16))
    misuseBy('USE_AFTER_FREE', () => debug.view(ptr, 1))
    debug.check()
    expect(debug.deinit()).toBe('ok')
  })

  test('views are detached, and aligned as they should be', () => {
    const debug = guarded()
    const a = debug.alloc(13, 1)
    const view = a.bytes
    expect(a.ptr % PAGE).toBe(PAGE - 13)
    expect([view.length, view.byteOffset % 16]).toEqual([13, 3])
    expect(() => a.as(Float64Array)).toThrow('aligned to 8')
    a.free()
    expect([view.length, view.buffer.byteLength]).toEqual([0, 0])
    const empty = debug.alloc(0)
    expect(empty.bytes.length).toBe(0)
    empty.free()
  })

  test('realloc moves a block to its new end', () => {
    const debug = guarded()
    const a = debug.dupe('hello world')
    debug.realloc(a, 5)
    expect(Buffer.from(a.bytes).toString()).toBe('hello')
    debug.realloc(a, 10_000)
    expect(Buffer.from(a.bytes.subarray(0, 5)).toString()).toBe('hello')
    a.free()
  })

  test('addresses come back when the quarantine is over or the slots are used up', () => {
    const distinct = (options: DebugOptions): number => {
      const debug = guarded({ stackTraceFrames: 0, ...options })
      const seen = new Set<number>()
      for (let i = 0; i < 100; i++) {
        const ptr = debug.rawAlloc(100, 16)
        seen.add(ptr)
        debug.rawFree(ptr, 100, 16)
      }
      debug.dispose()
      return seen.size
    }
    // All blocks of the process share their slots, the longest unused is next: few of them first.
    expect(distinct({ quarantineBytes: 1000 })).toBeLessThan(100)
    expect(distinct({ guardSlots: 10 })).toBeLessThan(100)
    expect(distinct({})).toBe(100)
    expect(distinct({ guardSlots: 10, neverUnmap: true })).toBe(100)
  })

  test('what finds no slot or has a large alignment is fenced', () => {
    const inner = new PassingAllocator(cAllocator)
    const debug = new DebugAllocator(inner, { guard: true, guardSlots: 2 })
    const blocks = [debug.alloc(10), debug.alloc(10)]
    expect(inner.calls.alloc).toBe(0)
    blocks.push(debug.alloc(10), debug.alloc(10, 8192))
    expect(inner.calls.alloc).toBe(2)
    for (const a of blocks) {
      poke(a.ptr + 10, 1)
      misuseBy('CORRUPTED', () => a.free())
      a.free()
    }
    expect(debug.deinit()).toBe('ok')
  })

  const transfer = (ArrayBuffer.prototype as { transfer?: (this: unknown) => ArrayBuffer }).transfer

  test.runIf(transfer !== undefined)('who took a buffer away can look at it for good', () => {
    const debug = guarded()
    const a = debug.alloc(5000)
    const other = debug.alloc(5000)
    const [one, two] = [a, other].map(({ bytes }) => new Uint8Array(transfer!.call(bytes.buffer)))
    one!.fill(1)
    a.free()
    expect(debug.deinit()).toBe('leak')
    two!.fill(2)
    expect([one![4999], two![4999]]).toEqual([1, 2])
    const later = guarded()
    const fresh = Array.from({ length: 50 }, () => later.alloc(5000).ptr)
    expect(new Set(fresh).size).toBe(50)
    expect([one![4999], two![4999]]).toEqual([1, 2])
    later.dispose()
  })

  test('leaked blocks end with the allocator', () => {
    const debug = guarded()
    const view = debug.alloc(100).bytes
    debug.alloc(50).free()
    expect(debug.detectLeaks().map(({ bytes }) => bytes)).toEqual([100])
    expect(debug.deinit()).toBe('leak')
    expect(view.length).toBe(0)
  })
})

describe.skipIf(process.platform === 'win32')('guardEvery', () => {
  const sampling = (options: DebugOptions): { inner: PassingAllocator; debug: DebugAllocator } => {
    const inner = new PassingAllocator(cAllocator)
    return { inner, debug: new DebugAllocator(inner, options) }
  }

  test.each([1, 10, 100])('guards one in %i on average', (guardEvery) => {
    const { inner, debug } = sampling({ guardEvery, guardSlots: 20_000 })
    const count = 300 * guardEvery
    for (let i = 0; i < count; i++) debug.rawFree(debug.rawAlloc(32, 16), 32, 16)
    const guarded = count - inner.calls.alloc
    expect(inner.calls.free).toBe(inner.calls.alloc)
    if (guardEvery === 1) expect(guarded).toBe(count)
    else expect(Math.abs(guarded - 300)).toBeLessThan(120)
    expect(debug.deinit()).toBe('ok')
  })

  test('its slots are bounded, and freed ones used again, the oldest first', () => {
    const { inner, debug } = sampling({ guardEvery: 1, guardSlots: 4 })
    // Of a size that nobody else here has.
    const live = Array.from({ length: 10 }, () => debug.rawAlloc(20_000, 16))
    expect(inner.calls.alloc).toBe(6)
    for (const ptr of live) debug.rawFree(ptr, 20_000, 16)
    const again = Array.from({ length: 4 }, () => debug.rawAlloc(20_000, 16))
    expect(new Set(again)).toEqual(new Set(live.slice(0, 4)))
    expect(inner.calls.alloc).toBe(6)
    for (const ptr of again) debug.rawFree(ptr, 20_000, 16)
    expect(debug.deinit()).toBe('ok')
  })

  test('handles of either kind do what handles do', () => {
    const { debug } = sampling({ guardEvery: 3 })
    for (let i = 0; i < 300; i++) {
      const a = debug.alloc(40)
      a.bytes.fill(i)
      a.resize(30)
      debug.realloc(a, 500)
      expect(a.bytes[29]).toBe(i & 255)
      expect(debug.owns(a.ptr)).toBe(true)
      a.free()
      expect(() => a.free()).toThrow('freed already')
    }
    expect(debug.totalRequestedBytes).toBe(0)
    expect(debug.deinit()).toBe('ok')
  })

  test('misuse of a guarded block is found, and leaks among them', () => {
    const { debug } = sampling({ guardEvery: 1 })
    const start = here()
    const a = debug.alloc(20)
    expectLine(debug.detectLeaks()[0]!.stack, start + 1, file)
    a.free()
    expectLine(misuseBy('DOUBLE_FREE', () => a.free()).freedAt, start + 3, file)
  })

  test('the limit holds for all together', () => {
    const { debug } = sampling({ guardEvery: 2, memoryLimit: 1000 })
    const blocks = Array.from({ length: 10 }, () => debug.alloc(100))
    expect(debug.tryAlloc(1)).toBe(null)
    for (const a of blocks) a.free()
    debug.alloc(1000).free()
  })
})
