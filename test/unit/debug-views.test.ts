/** DebugAllocator: JavaScript sees a block through a buffer of its own, which a free detaches. */
import { markAsUntransferable } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import {
  type Allocator,
  ArenaAllocator,
  BumpAllocator,
  cAllocator,
  DebugAllocator,
  FreeListAllocator,
  LimitAllocator,
  pageAllocator,
  Region,
  SlabAllocator,
} from '../../lib/index.js'
import { misuseBy } from '../support/debug.js'
import { expectCode } from '../support/errors.js'
import { Memory } from '../support/wasm.js'

const anchored: Readonly<Record<string, () => Allocator>> = {
  cAllocator: () => cAllocator,
  pageAllocator: () => pageAllocator,
  'a BumpAllocator': () => new BumpAllocator(2 ** 20),
  'a SlabAllocator': () => new SlabAllocator({ reserve: 2 ** 24 }),
  'a FreeListAllocator over pages': () => new FreeListAllocator(Region.pages(2 ** 20)),
  'a LimitAllocator over cAllocator': () => new LimitAllocator(cAllocator, 2 ** 30),
  'another DebugAllocator': () => new DebugAllocator(cAllocator),
}

describe.each(Object.entries(anchored))('over %s', (_, make) => {
  test.each([1, 100, 100_000])('a view of %i bytes reads nothing after the free', (size) => {
    const debug = new DebugAllocator(make())
    const a = debug.alloc(size)
    const view = a.bytes
    const { buffer } = view
    expect([view.length, view.byteOffset, buffer.byteLength]).toEqual([size, 0, size])
    view[0] = 7
    expect(debug.view(a.ptr, 1)[0]).toBe(7)
    a.free()
    expect([view.length, buffer.byteLength]).toEqual([0, 0])
    expect(view[0]).toBe(undefined)
    view[0] = 8
    debug.check()
    expect(debug.deinit()).toBe('ok')
  })

  test('raw blocks likewise, and those that dispose ended', () => {
    const debug = new DebugAllocator(make())
    const [one, other] = [debug.rawAlloc(64, 16), debug.rawAlloc(64, 16)]
    const views = [debug.view(one, 64), debug.view(one, 10), debug.view(other, 64)]
    debug.rawFree(one, 64, 16)
    expect(views.map(({ length }) => length)).toEqual([0, 0, 64])
    expect(debug.deinit()).toBe('leak')
    expect(views.map(({ length }) => length)).toEqual([0, 0, 0])
  })

  test('views of all lengths that a block has had', () => {
    const debug = new DebugAllocator(make())
    const a = debug.alloc(40)
    const views = [a.bytes]
    for (const size of [44, 20, 45]) {
      if (a.resize(size)) views.push(a.bytes)
      expect(a.bytes.length).toBe(a.size)
    }
    expect(views.length).toBeGreaterThan(1)
    a.free()
    expect(views.map(({ length }) => length)).toEqual(views.map(() => 0))
  })

  test('typed arrays', () => {
    const debug = new DebugAllocator(make())
    const a = debug.alloc(20, 8)
    const floats = a.as(Float64Array)
    floats[1] = 0.5
    expect(floats.length).toBe(2)
    debug.realloc(a, 200_000)
    expect(a.as(Float64Array)[1]).toBe(0.5)
    expect(floats.length).toBe(0)
    a.free()
  })
})

test('memory that is shown cannot be unmapped under a view', () => {
  const region = Region.malloc(2 ** 20)
  const bump = new BumpAllocator(region)
  const debug = new DebugAllocator(bump)
  const a = debug.alloc(100)
  a.bytes.fill(1)
  expectCode('PINNED', () => region.dispose())
  expect(a.bytes[99]).toBe(1)
  expect(debug.deinit()).toBe('leak')
  region.dispose()
})

test('not even when nobody knows of it any more', async () => {
  const views = [
    () => new BumpAllocator(2 ** 20),
    () => new SlabAllocator(Region.pages(2 ** 20)),
    () => cAllocator,
  ].map((make) => new DebugAllocator(make()).alloc(100_000).bytes)
  for (let i = 0; i < 6; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const view of views) {
    view.fill(1)
    expect([view.length, view[99_999]]).toEqual([100_000, 1])
  }
})

test('nor freed by whoever guesses its address', () => {
  const debug = new DebugAllocator(cAllocator, { fenceBytes: 0 })
  const a = debug.alloc(100_000)
  const view = a.bytes
  expectCode('PINNED', () => cAllocator.rawFree(a.ptr, 100_000, 16))
  view[99_999] = 1
  a.free()
  expect(debug.deinit()).toBe('ok')
})

test.each([
  ['a bare buffer', () => new BumpAllocator(new ArrayBuffer(2 ** 20))],
  ['shared memory', () => new BumpAllocator(Region.shared(2 ** 20))],
  [
    'a WebAssembly memory',
    () => new BumpAllocator(Region.wasm(new Memory({ initial: 32 }), { start: 64 })),
  ],
  ['an arena', () => new ArenaAllocator(cAllocator)],
])('over %s views stay what they are, and see the fill', (_, make) => {
  const debug = new DebugAllocator(make())
  const a = debug.alloc(10)
  const view = a.bytes
  view.fill(1)
  a.free()
  expect([...view]).toEqual(Array(10).fill(0xdd))
  view[3] = 4
  misuseBy('USE_AFTER_FREE', () => debug.check())
  expect(debug.deinit()).toBe('ok')
})

const transfer = (ArrayBuffer.prototype as { transfer?: (this: unknown) => ArrayBuffer }).transfer

describe.runIf(transfer !== undefined)('a buffer that somebody moves elsewhere', () => {
  test('keeps its memory, which is not handed out again', () => {
    const bump = new BumpAllocator(2 ** 16)
    const debug = new DebugAllocator(bump, { quarantineBytes: 0 })
    const a = debug.alloc(50_000)
    const moved = new Uint8Array(transfer!.call(a.bytes.buffer))
    a.free()
    moved.fill(9)
    debug.check()
    expect(debug.tryAlloc(50_000)).toBe(null)
    expect(debug.deinit()).toBe('ok')
    expect(bump.stats().used).toBeGreaterThan(50_000)
    expect(moved[49_999]).toBe(9)
  })

  test('is no longer there for its handle', () => {
    const debug = new DebugAllocator(cAllocator)
    const a = debug.alloc(100)
    transfer!.call(a.bytes.buffer)
    expectCode('DISPOSED', () => a.bytes)
    a.free()
  })
})

test('a buffer that cannot be detached keeps its block', () => {
  const debug = new DebugAllocator(cAllocator)
  const a = debug.alloc(100)
  const view = a.bytes
  markAsUntransferable(view.buffer)
  const refused = Number.parseInt(process.versions.node) >= 24
  if (refused) {
    expectCode('PINNED', () => a.free())
    expect([a.freed, view.length]).toEqual([false, 100])
    expectCode('PINNED', () => debug.deinit())
    expect(view.length).toBe(100)
  } else {
    a.free()
    expect(view.length).toBe(0)
  }
})
