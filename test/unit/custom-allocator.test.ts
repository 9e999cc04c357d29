/** Allocators that users write: four raw operations, and the checked tier comes with them. */
import { describe, expect, test } from 'vitest'
import { Allocator, BumpAllocator, cAllocator, Region } from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { peek } from '../support/memory.js'
import { PassingAllocator } from '../support/passing.js'

/** The least that an allocator can be: it goes up in a region and gives nothing back. */
class Upward extends Allocator {
  protected at = 0

  constructor(protected readonly region: Region) {
    super(region)
  }

  override rawAlloc(size: number, align: number): number {
    const { address, byteLength } = this.region
    const start = Math.ceil((address + this.at) / align) * align
    if (start + size > address + byteLength) return 0
    this.at = start + Math.max(size, 1) - address
    return start
  }

  override rawResize(_ptr: number, size: number, _align: number, newSize: number): boolean {
    return newSize <= size
  }

  override rawRemap(): number {
    return 0
  }

  override rawFree(): void {}
}

describe('over a region that the base class is told of', () => {
  test('everything works through handles', () => {
    using region = Region.malloc(4096)
    const allocator = new Upward(region)
    const a = allocator.dupe('Grüße')
    expect(a.ptr).toBe(region.address)
    expect(a.buffer.toString()).toBe('Grüße')
    expect(Buffer.from(peek(a.ptr, a.size)).toString()).toBe('Grüße')
    const b = allocator.alloc(64, 256)
    expect(b.ptr % 256).toBe(0)
    expect(b.as(Float64Array).length).toBe(8)
    expect(b.address).toBe(BigInt(b.ptr))
    expect(a.resize(2)).toBe(true)
    expect(a.buffer.toString()).toBe('Gr')
    allocator.realloc(a, 500)
    expect(a.buffer.toString('latin1', 0, 2)).toBe('Gr')
    a.free()
    expectCode('DOUBLE_FREE', () => a.free())
    expectCode('OUT_OF_MEMORY', () => allocator.alloc(5000))
    expect(allocator.tryAlloc(5000)).toBeNull()
    expect(allocator.name).toBe('Upward')
  })

  test('view and owns know the region, and its end', () => {
    const region = Region.malloc(4096)
    const allocator = new Upward(region)
    const { address } = region
    expect([allocator.owns(address), allocator.owns(address + 4095)]).toEqual([true, true])
    expect([allocator.owns(address - 1), allocator.owns(address + 4096)]).toEqual([false, false])
    expect(allocator.view(address + 4000, 96).length).toBe(96)
    expectCode('INVALID_POINTER', () => allocator.view(address + 4000, 97))
    expectCode('INVALID_POINTER', () => allocator.view(address - 1, 1))
    const a = allocator.alloc(8)
    a.bytes[0] = 1
    region.dispose()
    expect(allocator.owns(address)).toBe(false)
    expectCode('DISPOSED', () => allocator.view(address, 1))
    expectCode('DISPOSED', () => a.bytes)
  })

  test('owns never throws, whatever it is asked', () => {
    using region = Region.malloc(64)
    const allocator = new Upward(region)
    for (const value of [undefined, null, '5', 5n, {}, Symbol('s'), NaN, -1]) {
      expect(allocator.owns(wrong(value))).toBe(false)
    }
  })

  test('stats count what went through handles', () => {
    using region = Region.malloc(4096)
    const allocator = new Upward(region)
    const a = allocator.alloc(100)
    const b = allocator.alloc(50)
    allocator.realloc(b, 20)
    a.free()
    expect(allocator.stats()).toEqual({
      name: 'Upward',
      capacity: Infinity,
      used: 20,
      peak: 150,
      footprint: 20,
      peakFootprint: 150,
    })
  })
})

describe('over an allocator that the base class is told of', () => {
  test('it is asked for views, and whether it owns', () => {
    const inner = new BumpAllocator(1024)
    const allocator = new PassingAllocator(inner)
    const a = allocator.alloc(64)
    a.bytes.fill(3)
    expect(inner.view(a.ptr, 64).every((byte) => byte === 3)).toBe(true)
    expect([allocator.owns(a.ptr), allocator.owns(a.ptr - 1)]).toEqual([true, false])
    expectCode('INVALID_POINTER', () => allocator.view(a.ptr - 1, 8))
    expectCode('INVALID_POINTER', () => inner.free(a))
    a.free()
    expect(inner.totalAllocated).toBe(0)
  })

  test('works two deep', () => {
    const allocator = new PassingAllocator(new PassingAllocator(cAllocator))
    const a = allocator.dupeZ('deep')
    allocator.realloc(a, 100_000)
    expect(a.buffer.toString('latin1', 0, 4)).toBe('deep')
    a.free()
    expect(allocator.stats().used).toBe(0)
  })
})

describe('over memory that the base class is not told of', () => {
  test('blocks of the C heap are found by their address', () => {
    const allocator = new PassingAllocator(cAllocator, null)
    const a = allocator.dupe('text')
    expect(a.buffer.toString()).toBe('text')
    expect(allocator.owns(a.ptr)).toBe(false)
    const empty = allocator.alloc(0)
    expect(empty.bytes.length).toBe(0)
    empty.free()
    a.free()
  })

  test('memory in a region is found by its address', () => {
    using region = Region.pages(8192)
    const allocator = new PassingAllocator(new BumpAllocator(region), null)
    allocator.alloc(100)
    const a = allocator.dupe('text')
    expect(a.buffer.toString()).toBe('text')
    expect(a.ptr).toBeGreaterThan(region.address)
    expect(new Uint8Array(region.buffer)[a.ptr - region.address]).toBe('t'.charCodeAt(0))
  })

  test('what nobody knows is not shown, and the message says what to do', () => {
    const allocator = new PassingAllocator(cAllocator, null)
    for (const ptr of [4096, 2 ** 46, Number.MAX_SAFE_INTEGER]) {
      expect(expectCode('UNSUPPORTED', () => allocator.view(ptr, 8)).message).toContain(
        'constructor',
      )
    }
    expectCode('UNSUPPORTED', () => allocator.view(4096, 0))
    const live = cAllocator.alloc(64)
    expect(allocator.view(live.ptr, 64).length).toBe(64)
    expectCode('UNSUPPORTED', () => allocator.view(live.ptr, 2 ** 20))
    live.free()
    expectCode('INVALID_POINTER', () => allocator.view(-1, 8))
    expectCode('INVALID_LAYOUT', () => allocator.view(4096, -1))
    const freed = cAllocator.rawAlloc(64, 16)
    cAllocator.rawFree(freed, 64, 16)
    expectCode('UNSUPPORTED', () => allocator.view(freed, 64))
  })

  test('a copy that cannot be made gives its block back', () => {
    const inner = new BumpAllocator(new SharedArrayBuffer(1024))
    const allocator = new PassingAllocator(inner, null)
    for (const copy of [() => allocator.dupe('text'), () => allocator.allocZeroed(8)]) {
      expectCode('UNSUPPORTED', copy)
      expect(inner.totalAllocated).toBe(0)
      expect(allocator.stats().used).toBe(0)
    }
  })
})

describe('the checked tier', () => {
  test('checks layouts before the four operations see them', () => {
    using region = Region.malloc(64)
    const allocator = new Upward(region)
    for (const size of [-1, NaN, '8', 8n]) {
      expectCode('INVALID_LAYOUT', () => allocator.alloc(wrong(size)))
    }
    expectCode('INVALID_LAYOUT', () => allocator.alloc(8, 3))
    const a = allocator.alloc(8)
    expectCode('INVALID_LAYOUT', () => a.resize(-1))
    expectCode('INVALID_LAYOUT', () => allocator.realloc(a, 0.5))
  })

  test('ends with dispose', () => {
    const allocator = new PassingAllocator(cAllocator)
    allocator.dispose()
    allocator.dispose()
    expectCode('DISPOSED', () => allocator.alloc(8))
    expectCode('DISPOSED', () => allocator.tryAlloc(8))
    expectCode('DISPOSED', () => allocator.dupe('text'))
    cAllocator.alloc(8).free()
  })
})
