/**
 * Regions where the runtime refuses external buffers, as Electron does: V8's memory serves instead. Each
 * test file is a process of its own: this one runs with the switch that makes it so.
 */
import { describe, expect, test, vi } from 'vitest'
import { cAllocator, pageAllocator, rawCAllocator, Region } from '../../lib/index.js'
import { expectCode } from '../support/errors.js'
import { addressSpace, MIB, peek, processGauge } from '../support/memory.js'
import { regionBehaves } from '../support/region-suite.js'

vi.hoisted(() => {
  process.env['OFFHEAP_NO_EXTERNAL_BUFFERS'] = '1'
})

regionBehaves({
  name: 'malloc, of V8',
  make: (size) => Region.malloc(size),
  owned: true,
  isInLarger: true,
})
regionBehaves({
  name: 'pages, of V8',
  make: (size) => Region.pages(size, { guard: true, name: 'no effect' }),
  owned: true,
  isInLarger: true,
})

describe('regions of V8 memory', () => {
  test('are as aligned as they were asked to be, and all zeros', () => {
    for (let align = 1; align <= MIB; align *= 16) {
      using region = Region.malloc(100, { align })
      expect(region.address % Math.max(align, 16)).toBe(0)
      expect(region.kind).toBe('malloc')
      expect(peek(region.address, 100).every((byte) => byte === 0)).toBe(true)
    }
    using pages = Region.pages(100)
    expect(pages.address % pageAllocator.pageSize).toBe(0)
    expect(pages.kind).toBe('pages')
  })

  test('that no system has are out of memory', () => {
    expectCode('OUT_OF_MEMORY', () => Region.malloc(2 ** 52))
    expectCode('OUT_OF_MEMORY', () => Region.pages(2 ** 52))
  })

  test.runIf(process.platform === 'linux')(
    'leave no pages of the system behind',
    processGauge,
    () => {
      const before = addressSpace()
      for (let i = 0; i < 10; i++) Region.pages(256 * MIB).dispose()
      expect(addressSpace() - before).toBeLessThan(512 * MIB)
    },
  )

  test('leave nothing of the C heap behind', processGauge, () => {
    const before = cAllocator.info()?.inUse ?? 0
    for (let i = 0; i < 20; i++) Region.malloc(MIB).dispose()
    expect((cAllocator.info()?.inUse ?? 0) - before).toBeLessThan(4 * MIB)
  })
})

describe('memory that only C can have', () => {
  test('is not borrowed', () => {
    const ptr = cAllocator.rawAlloc(64, 16)
    expectCode('UNSUPPORTED', () => Region.borrow(ptr, 64))
    cAllocator.rawFree(ptr, 64, 16)
  })

  test.each([cAllocator, rawCAllocator, pageAllocator])(
    'is allocated and freed by $name, but not shown',
    (allocator) => {
      const before = allocator.stats().used
      const a = allocator.alloc(64)
      expect(allocator.owns(a.ptr)).toBe(true)
      expectCode('UNSUPPORTED', () => a.bytes)
      expectCode('UNSUPPORTED', () => allocator.dupe('text'))
      expectCode('UNSUPPORTED', () => allocator.allocZeroed(64))
      allocator.realloc(a, 4000)
      expect([a.size, a.freed]).toEqual([4000, false])
      a.free()
      expect(allocator.stats().used).toBe(before)
    },
  )
})
