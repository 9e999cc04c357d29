/** Handles whose block is gone: every use is an error that says which, and nothing else happens. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  type Allocator,
  BumpAllocator,
  cAllocator,
  Region,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const uses = (a: Allocation): readonly (() => unknown)[] => [
  () => a.ptr,
  () => a.size,
  () => a.align,
  () => a.address,
  () => a.bytes,
  () => a.buffer,
  () => a.as(Uint8Array),
  () => a.resize(1),
]

/** The handle has been used, so that a view is kept somewhere. */
function used(allocator: Allocator, size = 64): Allocation {
  const a = allocator.alloc(size)
  a.bytes.fill(1)
  return a
}

describe('after a free', () => {
  test('every use is a use after free, also of a handle that never made a view', () => {
    const bump = new BumpAllocator(1024)
    for (const a of [used(cAllocator), cAllocator.alloc(8), used(bump), bump.alloc(0)]) {
      a.free()
      expect(a.freed).toBe(true)
      for (const use of uses(a)) expectCode('USE_AFTER_FREE', use)
    }
  })

  test('the second free is a double free, but the end of a using block is not', () => {
    const a = used(cAllocator)
    {
      using inner = a
      inner.free()
    }
    a[Symbol.dispose]()
    expectCode('DOUBLE_FREE', () => a.free())
    expectCode('DOUBLE_FREE', () => cAllocator.free(a))
  })

  test('the end of a using block frees', () => {
    let kept: Allocation
    {
      using a = used(cAllocator)
      kept = a
    }
    expect(kept.freed).toBe(true)
  })

  test('messages name the allocator and the size', () => {
    const a = used(cAllocator, 77)
    a.free()
    expect(expectCode('USE_AFTER_FREE', () => a.ptr).message).toMatch(/cAllocator.*77 bytes/)
    expect(expectCode('DOUBLE_FREE', () => a.free()).message).toMatch(/cAllocator.*77 bytes/)
  })

  test('views of a block that C holds read length 0', () => {
    const a = used(cAllocator)
    const { bytes, buffer } = a
    a.free()
    expect([bytes.length, buffer.length]).toEqual([0, 0])
  })
})

describe('after a reset', () => {
  test('every handle is freed, resized and moved ones too', () => {
    const bump = new BumpAllocator(4096)
    const resized = used(bump)
    const moved = used(bump)
    const grown = used(bump)
    const handles = [used(bump), resized, moved, grown, bump.dupe('text'), bump.allocZeroed(9)]
    expect(resized.resize(32)).toBe(true)
    bump.realloc(moved, 200)
    bump.realloc(grown, 300)
    bump.reset()
    for (const a of handles) {
      expect(a.freed).toBe(true)
      for (const use of uses(a)) expectCode('USE_AFTER_FREE', use)
      expectCode('DOUBLE_FREE', () => a.free())
      a[Symbol.dispose]()
    }
    expect(bump.totalAllocated).toBe(0)
  })

  test('a stale handle does not come back to life when its place is taken', () => {
    const bump = new BumpAllocator(4096)
    const stale = used(bump)
    bump.reset()
    const fresh = used(bump)
    expect(stale.freed).toBe(true)
    expectCode('USE_AFTER_FREE', () => bump.realloc(stale, 8))
    expect(fresh.freed).toBe(false)
    expect(fresh.bytes[0]).toBe(1)
  })
})

describe('after the region was disposed', () => {
  test('handles say that it was', () => {
    for (const end of ['region', 'allocator'] as const) {
      const bump = new BumpAllocator(1024)
      const a = used(bump)
      const untouched = bump.alloc(8)
      if (end === 'region') bump.region.dispose()
      else bump.dispose()
      for (const one of [a, untouched]) {
        expect(one.freed).toBe(true)
        for (const use of uses(one)) expectCode('DISPOSED', use)
        expectCode('DISPOSED', () => one.free())
        one[Symbol.dispose]()
      }
    }
  })

  test('memory that was taken from outside is noticed by handles', () => {
    const buffer = new ArrayBuffer(1024)
    const bump = new BumpAllocator(buffer)
    const a = used(bump)
    structuredClone(buffer, { transfer: [buffer] })
    expectCode('DISPOSED', () => a.bytes)
    expectCode('DISPOSED', () => a.as(Uint8Array))
  })

  test('an allocator that lets go of its region frees its handles', () => {
    using region = Region.malloc(1024)
    const first = new BumpAllocator(region)
    const a = used(first)
    first.dispose()
    expect(a.freed).toBe(true)
    const second = new BumpAllocator(region)
    const b = used(second)
    expectCode('USE_AFTER_FREE', () => a.bytes)
    expect(b.ptr).toBe(region.address)
  })
})

describe('what is no handle', () => {
  test.each([undefined, null, 5, 'abc', {}, new Uint8Array(8)].map((v) => [v]))('%s', (value) => {
    expectCode('INVALID_ARGUMENT', () => cAllocator.free(wrong(value)))
    expectCode('INVALID_ARGUMENT', () => cAllocator.realloc(wrong(value), 8))
  })
})
