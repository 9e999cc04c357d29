/** What the allocators over allocators have in common. */
import { describe, expect, test } from 'vitest'
import {
  type Allocator,
  BumpAllocator,
  cAllocator,
  FailingAllocator,
  FallbackAllocator,
  LimitAllocator,
  LoggingAllocator,
  nullAllocator,
  TrackingAllocator,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

const quiet = (): void => {}

const makers: readonly (readonly [string, (inner: Allocator) => Allocator])[] = [
  ['FallbackAllocator(cAllocator, nullAllocator)', (a) => new FallbackAllocator(a, nullAllocator)],
  ['FallbackAllocator(nullAllocator, cAllocator)', (a) => new FallbackAllocator(nullAllocator, a)],
  ['LimitAllocator(cAllocator)', (a) => new LimitAllocator(a, 2 ** 40)],
  ['TrackingAllocator(cAllocator)', (a) => new TrackingAllocator(a)],
  ['LoggingAllocator(cAllocator)', (a) => new LoggingAllocator(a, quiet)],
  ['FailingAllocator(cAllocator)', (a) => new FailingAllocator(a)],
]

describe.each(makers)('%s', (name, make) => {
  test('is named after what is inside, in stats and in messages', () => {
    const allocator = make(cAllocator)
    expect([allocator.name, allocator.stats().name]).toEqual([name, name])
    const error = expectCode('OUT_OF_MEMORY', () => allocator.alloc(2 ** 50))
    expect(error.message).toContain(name)
  })

  test('takes allocators only', () => {
    for (const inner of [undefined, null, 0, 100, 'c', Symbol('a'), {}, cAllocator.rawAlloc]) {
      const error = expectCode('INVALID_ARGUMENT', () => make(wrong(inner)))
      expect(error.message).toContain('an Allocator')
    }
  })

  test('dispose ends it, but neither its blocks nor the allocator inside', () => {
    const bump = new BumpAllocator(1024)
    const allocator = make(bump)
    const a = allocator.alloc(100)
    const raw = allocator.rawAlloc(50, 1)
    allocator.dispose()
    allocator.dispose()
    expectCode('DISPOSED', () => allocator.alloc(8))
    expectCode('DISPOSED', () => allocator.tryAlloc(8))
    expectCode('DISPOSED', () => allocator.rawAlloc(8, 8))
    a.bytes.fill(1)
    allocator.rawFree(raw, 50, 1)
    a.free()
    expect(bump.totalAllocated).toBe(0)
    bump.alloc(1024, 1).free()
  })

  test('its handles are its own, and the allocator inside has its own', () => {
    const bump = new BumpAllocator(1024)
    const allocator = make(bump)
    const [outer, inner] = [allocator.alloc(8), bump.alloc(8)]
    expectCode('INVALID_POINTER', () => bump.free(outer))
    expectCode('INVALID_POINTER', () => allocator.free(inner))
    inner.free()
    outer.free()
  })

  test('its handles notice no reset inside, and a free that is provably wrong then is refused', () => {
    const bump = new BumpAllocator(1024)
    const allocator = make(bump)
    const a = allocator.alloc(100)
    bump.reset()
    expect(a.freed).toBe(false)
    expectCode('INVALID_POINTER', () => a.free())
    expect(allocator.stats().used).toBe(100)
  })

  test('counts raw calls too, and the peak', () => {
    const allocator = make(new PassingAllocator(cAllocator))
    const a = allocator.rawAlloc(1000, 16)
    const b = allocator.alloc(500)
    allocator.rawFree(a, 1000, 16)
    b.resize(200)
    expect(allocator.stats()).toMatchObject({ used: 200, peak: 1500, peakFootprint: 1500 })
    b.free()
    expect(allocator.stats()).toMatchObject({ used: 0, peak: 1500, footprint: 0 })
  })

  test('has the footprint of the memory inside, padding included', () => {
    const bump = new BumpAllocator(1024)
    const allocator = make(bump)
    allocator.alloc(1, 1)
    allocator.alloc(64, 64)
    const { used, footprint } = allocator.stats()
    expect(used).toBe(65)
    expect(footprint).toBe(bump.totalAllocated)
  })

  test('blocks freed here that were allocated inside make no negative figures', () => {
    const allocator = make(cAllocator)
    allocator.rawFree(cAllocator.rawAlloc(100, 16), 100, 16)
    const { used, peak } = allocator.stats()
    expect([used, peak]).toEqual([0, 0])
  })

  test('shows the bytes and knows the addresses of the allocator inside', () => {
    const bump = new BumpAllocator(1024)
    const allocator = make(bump)
    const a = allocator.dupe('text')
    expect(Buffer.from(bump.view(a.ptr, 4)).toString()).toBe('text')
    expect([allocator.owns(a.ptr), allocator.owns(bump.region.address + 500)]).toEqual([
      true,
      false,
    ])
  })
})
