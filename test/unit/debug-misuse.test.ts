/** DebugAllocator: wrong frees and uses, each with the lines that allocated, freed and misused. */
import { describe, expect, test } from 'vitest'
import {
  BumpAllocator,
  cAllocator,
  DebugAllocator,
  DoubleFreeError,
  isMisuse,
  OffheapError,
  UseAfterFreeError,
} from '../../lib/index.js'
import { expectLine, here, misuseBy } from '../support/debug.js'

const file = import.meta.url

describe.each([
  ['cAllocator', () => cAllocator],
  ['a BumpAllocator over a bare buffer', () => new BumpAllocator(new ArrayBuffer(2 ** 20))],
])('over %s', (_, make) => {
  const fresh = (): DebugAllocator => new DebugAllocator(make())

  test('a second free of a handle', () => {
    const debug = fresh()
    const start = here()
    const a = debug.alloc(100)
    a.free()
    const error = misuseBy('DOUBLE_FREE', () => a.free())
    expect(error).toBeInstanceOf(DoubleFreeError)
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.freedAt, start + 2, file)
    expectLine(error.foundAt, start + 3, file)
    expect(error.block).toMatchObject({ size: 100, align: 16 })
    expect(a.freed).toBe(true)
    a[Symbol.dispose]()
    expect(debug.errors).toEqual([error])
  })

  test('a second raw free', () => {
    const debug = fresh()
    const start = here()
    const ptr = debug.rawAlloc(100, 8)
    debug.rawFree(ptr, 100, 8)
    const error = misuseBy('DOUBLE_FREE', () => debug.rawFree(ptr, 100, 8))
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.freedAt, start + 2, file)
    expectLine(error.foundAt, start + 3, file)
    expect(error.block).toEqual({ ptr, size: 100, align: 8 })
  })

  test.each([
    ['bytes', (a: ReturnType<DebugAllocator['alloc']>) => a.bytes],
    ['resize', (a: ReturnType<DebugAllocator['alloc']>) => a.resize(5)],
    ['ptr', (a: ReturnType<DebugAllocator['alloc']>) => a.ptr],
  ])('%s of a freed handle', (_name, use) => {
    const debug = fresh()
    const start = here()
    const a = debug.allocZeroed(40)
    debug.free(a)
    const error = misuseBy('USE_AFTER_FREE', () => use(a))
    expect(error).toBeInstanceOf(UseAfterFreeError)
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.freedAt, start + 2, file)
    expect(error.foundAt.length).toBeGreaterThan(0)
  })

  test('raw operations on a freed block', () => {
    const debug = fresh()
    const ptr = debug.rawAlloc(100, 8)
    const start = here()
    debug.rawFree(ptr, 100, 8)
    for (const use of [
      () => debug.rawResize(ptr, 100, 8, 50),
      () => debug.rawRemap(ptr, 100, 8, 50),
      () => debug.view(ptr, 10),
    ]) {
      expectLine(misuseBy('USE_AFTER_FREE', use).freedAt, start + 1, file)
    }
  })

  test('a free through a handle of what was freed by its address', () => {
    const debug = fresh()
    const a = debug.alloc(64)
    const { ptr } = a
    const start = here()
    debug.rawFree(ptr, 64, 16)
    expectLine(misuseBy('USE_AFTER_FREE', () => a.bytes).freedAt, start + 1, file)
    expectLine(misuseBy('DOUBLE_FREE', () => a.free()).freedAt, start + 1, file)
  })

  test('a free of an address inside a block names the block', () => {
    const debug = fresh()
    const start = here()
    const ptr = debug.rawAlloc(100, 16)
    const error = misuseBy('INVALID_POINTER', () => debug.rawFree(ptr + 16, 84, 16))
    expectLine(error.allocatedAt, start + 1, file)
    expectLine(error.foundAt, start + 2, file)
    expect(error.block).toEqual({ ptr, size: 100, align: 16 })
    expect(error.message).toContain('is 16 bytes inside the block of 100 bytes')
    debug.rawFree(ptr, 100, 16)
  })

  test('a free of an address that is none', () => {
    const debug = fresh()
    const start = here()
    const error = misuseBy('INVALID_POINTER', () => debug.rawFree(4096, 8, 8))
    expectLine(error.foundAt, start + 1, file)
    expect(error.block).toBe(null)
    expectLine(error.allocatedAt, null, file)
  })

  test.each([
    [99, 8],
    [101, 8],
    [100, 16],
    [100, 4],
  ])('a free, resize and remap as %i bytes aligned to %i', (size, align) => {
    const debug = fresh()
    const start = here()
    const ptr = debug.rawAlloc(100, 8)
    for (const wrong of [
      () => debug.rawFree(ptr, size, align),
      () => debug.rawResize(ptr, size, align, 50),
      () => debug.rawRemap(ptr, size, align, 50),
    ]) {
      const error = misuseBy('INVALID_POINTER', wrong)
      expectLine(error.allocatedAt, start + 1, file)
      expect(error.message).toContain(`as if it had ${size} bytes aligned to ${align}`)
    }
    debug.rawFree(ptr, 100, 8)
    expect(debug.deinit()).toBe('ok')
  })

  test('a handle knows where realloc has moved it', () => {
    const debug = fresh()
    const a = debug.alloc(10)
    const start = here()
    debug.realloc(a, 100_000)
    a.free()
    const error = misuseBy('DOUBLE_FREE', () => a.free())
    expectLine(error.allocatedAt, start + 1, file)
    expect(error.block!.size).toBe(100_000)
  })
})

test('the message has the three stacks', () => {
  const debug = new DebugAllocator(cAllocator, { stackTraceFrames: 1 })
  const start = here()
  const a = debug.alloc(24, 8)
  const { ptr } = a
  a.free()
  const { message } = misuseBy('DOUBLE_FREE', () => a.free())
  const lines = message.split('\n')
  expect(lines[0]).toBe(
    `DebugAllocator(cAllocator): the block of 24 bytes aligned to 8 at 0x${ptr.toString(16)} has been freed already`,
  )
  expect([lines[1], lines[3], lines[5]]).toEqual(['  allocated', '  freed', '  found'])
  const places = [lines[2], lines[4], lines[6]].map((line) => /:(\d+):\d+\)?$/.exec(line!)?.[1])
  expect(places).toEqual([start + 1, start + 3, start + 4].map(String))
})

test('frames: as many as asked for, none of this library', () => {
  const inner = (debug: DebugAllocator): number => debug.rawAlloc(8, 8)
  const middle = (debug: DebugAllocator): number => inner(debug) + 0
  const outer = (debug: DebugAllocator): number => middle(debug) + 0
  for (const frames of [0, 1, 2, 64]) {
    const debug = new DebugAllocator(cAllocator, { stackTraceFrames: frames })
    const ptr = outer(debug)
    const { allocatedAt } = misuseBy('INVALID_POINTER', () => debug.rawFree(ptr, 9, 8))
    if (frames < 64) expect(allocatedAt.length).toBe(frames)
    const names = ['inner', 'middle', 'outer'].slice(0, frames)
    expect(allocatedAt.slice(0, 3).map((frame) => frame.function)).toEqual(names)
    expect(allocatedAt.filter(({ file: of }) => /[/\\]lib[/\\]/.test(of))).toEqual([])
  }
})

test('every way to allocate is told by its own line', () => {
  const debug = new DebugAllocator(cAllocator)
  const start = here()
  const made = [
    debug.alloc(8),
    debug.tryAlloc(8)!,
    debug.allocZeroed(8),
    debug.dupe('12345678'),
    debug.dupeZ('1234567'),
    debug.realloc(debug.alloc(8), 8),
  ]
  for (const [index, a] of made.entries()) {
    a.free()
    const { allocatedAt } = misuseBy('DOUBLE_FREE', () => a.free())
    expectLine(allocatedAt, start + 2 + index, file)
  }
})

test('errors of arguments carry no stacks, and another allocator’s handle is none of its blocks', () => {
  const debug = new DebugAllocator(cAllocator)
  for (const wrong of [
    () => debug.rawAlloc(-1, 8),
    () => debug.rawFree(-1, 8, 8),
    () => debug.free(cAllocator.alloc(8)),
  ]) {
    expect(wrong).toThrow(OffheapError)
    try {
      wrong()
    } catch (error) {
      expect(isMisuse(error)).toBe(false)
    }
  }
  expect(debug.errors).toEqual([])
})

test('only the first hundred errors are kept', () => {
  const debug = new DebugAllocator(cAllocator, { stackTraceFrames: 0 })
  for (let i = 0; i < 150; i++) misuseBy('INVALID_POINTER', () => debug.rawFree(16 + i, 8, 8))
  expect(debug.errors.length).toBe(100)
  expect(debug.errors[0]!.message).toContain('0x10')
})
