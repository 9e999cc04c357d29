/** ArenaAllocator's checkpoints: within a chunk, across chunks, and those that are not good any more. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  ArenaAllocator,
  type ArenaCheckpoint,
  BumpAllocator,
  cAllocator,
} from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { MoodyAllocator } from '../support/moody.js'

/** A parent that never resizes, so that every chunk has its length for good. */
const stiff = (): MoodyAllocator => new MoodyAllocator(cAllocator, (what) => what === 'alloc')

const freed = (handles: readonly Allocation[]): boolean[] => handles.map((a) => a.freed)

describe('a rewind', () => {
  test('within a chunk frees what is younger and keeps what is older', () => {
    using arena = new ArenaAllocator(cAllocator, { limit: 1000 })
    arena.alloc(1000, 1).resize(0)
    const old = arena.alloc(10, 1)
    old.bytes.fill(1)
    const checkpoint = arena.checkpoint()
    const young = [arena.alloc(20, 1), arena.alloc(30, 64)]
    arena.rewind(checkpoint)
    expect(arena.stats().used).toBe(11)
    expect([old.freed, ...freed(young)]).toEqual([false, true, true])
    expect(old.bytes.every((byte) => byte === 1)).toBe(true)
    for (const a of young) {
      expectCode('USE_AFTER_FREE', () => a.bytes)
      expectCode('DOUBLE_FREE', () => a.free())
    }
    expect(arena.alloc(20, 1).ptr).toBe(old.ptr + 10)
    expect(freed(young)).toEqual([true, true])
  })

  test('across chunks keeps them for the blocks to come', () => {
    const parent = stiff()
    using arena = new ArenaAllocator(parent)
    const old = arena.alloc(40, 1)
    old.bytes.fill(1)
    const checkpoint = arena.checkpoint()
    const young = [10, 1000, 5000, 20_000].map((size) => arena.alloc(size, 1))
    for (const a of young) a.bytes.fill(2)
    const [calls, held] = [{ ...parent.calls }, arena.queryCapacity()]
    arena.rewind(checkpoint)
    expect([old.freed, ...freed(young)]).toEqual([false, true, true, true, true])
    expect(arena.stats()).toMatchObject({ used: 40, peak: 26_050, footprint: held })
    const again = [10, 1000, 5000, 20_000].map((size) => arena.alloc(size, 1))
    expect(again[0]!.ptr).toBe(old.ptr + 40)
    for (const a of again) a.bytes.fill(3)
    expect(parent.calls).toEqual(calls)
    expect(freed(young)).toEqual([true, true, true, true])
    expect(old.bytes.every((byte) => byte === 1)).toBe(true)
  })

  test('a thousand times over several chunks asks the parent for nothing more', () => {
    const parent = stiff()
    using arena = new ArenaAllocator(parent)
    const old = arena.alloc(10, 1)
    let held = 0
    for (let i = 0; i < 1000; i++) {
      const checkpoint = arena.checkpoint()
      const young = [500, 2000, 9000, 100].map((size) => arena.alloc(size, 8))
      arena.rewind(checkpoint)
      expect(freed(young)).toEqual([true, true, true, true])
      held ||= arena.queryCapacity()
    }
    expect([arena.queryCapacity(), old.freed, arena.stats().used]).toEqual([held, false, 10])
  })

  test('passes over a kept chunk that is too short, until the next rewind', () => {
    const parent = stiff()
    using arena = new ArenaAllocator(parent)
    arena.alloc(40, 1)
    const checkpoint = arena.checkpoint()
    const second = arena.alloc(1000, 1).ptr
    arena.rewind(checkpoint)
    const again = arena.checkpoint()
    arena.alloc(50_000, 1)
    expect(arena.owns(second)).toBe(false)
    arena.rewind(again)
    expect(arena.alloc(1000, 1).ptr).toBe(second)
  })

  test('makes the last kept chunk longer in place where that can grow', () => {
    const bump = new BumpAllocator(20_000)
    let stretches = false
    const parent = new MoodyAllocator(bump, (what) => what === 'alloc' || stretches)
    using arena = new ArenaAllocator(parent)
    arena.alloc(40, 1)
    const checkpoint = arena.checkpoint()
    const second = arena.alloc(1000, 1).ptr
    arena.rewind(checkpoint)
    stretches = true
    const long = arena.alloc(5000, 1)
    expect([long.ptr, parent.calls.alloc]).toEqual([second, 2])
    long.bytes.fill(4)
  })

  test('of nested checkpoints goes to any of them, and closes those above it', () => {
    using arena = new ArenaAllocator(stiff())
    const blocks: Allocation[] = []
    const checkpoints: ArenaCheckpoint[] = []
    for (const size of [10, 500, 3000, 20_000]) {
      blocks.push(arena.alloc(size, 1))
      checkpoints.push(arena.checkpoint())
      checkpoints.push(arena.checkpoint())
    }
    arena.rewind(checkpoints[7]!)
    expect(freed(blocks)).toEqual([false, false, false, false])
    arena.rewind(checkpoints[3]!)
    expect(freed(blocks)).toEqual([false, false, true, true])
    expect(arena.stats().used).toBe(510)
    for (const at of [3, 4, 6, 7]) expectCode('OUT_OF_ORDER', () => arena.rewind(checkpoints[at]!))
    arena.rewind(checkpoints[2]!)
    arena.rewind(checkpoints[0]!)
    expect(freed(blocks)).toEqual([false, true, true, true])
  })

  test('to before the first chunk frees everything', () => {
    using arena = new ArenaAllocator(stiff())
    const outer = arena.checkpoint()
    const inner = arena.checkpoint()
    const blocks = [arena.alloc(10, 1), arena.alloc(1000, 1)]
    const { ptr } = blocks[0]!
    arena.rewind(inner)
    expect(freed(blocks)).toEqual([true, true])
    expect(arena.stats().used).toBe(0)
    const a = arena.alloc(10, 1)
    expect(a.ptr).toBe(ptr)
    arena.rewind(outer)
    expect(a.freed).toBe(true)
    arena.rewind(arena.checkpoint())
  })

  test('frees what was moved since, but not what stayed where it was', () => {
    using arena = new ArenaAllocator(stiff())
    const shrunk = arena.alloc(40, 1)
    const moved = arena.alloc(10, 1)
    arena.alloc(1, 1)
    const checkpoint = arena.checkpoint()
    expect(shrunk.resize(20)).toBe(true)
    arena.realloc(moved, 2000)
    arena.rewind(checkpoint)
    expect([shrunk.freed, moved.freed, shrunk.bytes.length]).toEqual([false, true, 20])
  })

  test('does not raise the cursor when the older block was freed since', () => {
    using arena = new ArenaAllocator(stiff())
    const old = arena.alloc(50, 1)
    const checkpoint = arena.checkpoint()
    old.free()
    const young = [arena.alloc(10, 1), arena.alloc(5000, 1)]
    arena.rewind(checkpoint)
    expect([old.freed, ...freed(young)]).toEqual([true, true, true])
    expect(arena.stats().used).toBeLessThanOrEqual(10)
  })
})

describe('growth in place', () => {
  test('is for blocks that no open checkpoint protects', () => {
    using arena = new ArenaAllocator(new BumpAllocator(10_000))
    const a = arena.alloc(10, 1)
    const checkpoint = arena.checkpoint()
    expect([a.resize(20), a.resize(5000), a.resize(10)]).toEqual([false, false, true])
    const b = arena.alloc(10, 1)
    expect(b.resize(20)).toBe(true)
    const inner = arena.checkpoint()
    expect(b.resize(21)).toBe(false)
    arena.rewind(arena.checkpoint())
    expect(b.resize(21)).toBe(false)
    arena.rewind(inner)
    expect([b.resize(21), b.resize(3000)]).toEqual([true, true])
    arena.rewind(checkpoint)
    expect(a.resize(20)).toBe(true)
    arena.checkpoint()
    arena.reset()
    expect(arena.alloc(10, 1).resize(20)).toBe(true)
  })

  test('is for the blocks of a chunk that was begun after the checkpoint', () => {
    using arena = new ArenaAllocator(stiff())
    arena.alloc(10, 1)
    const outer = arena.checkpoint()
    const a = arena.alloc(1000, 1)
    expect(a.resize(1010)).toBe(true)
    const inner = arena.checkpoint()
    expect(a.resize(1020)).toBe(false)
    arena.alloc(9000, 1)
    arena.rewind(inner)
    expect([a.freed, a.resize(1020)]).toEqual([false, true])
    arena.rewind(outer)
    expect(a.freed).toBe(true)
  })
})

describe('a checkpoint that is not good any more', () => {
  test.each(['free_all', 'retain_capacity', 'dispose'] as const)('after %s', (end) => {
    const arena = new ArenaAllocator(stiff())
    arena.alloc(10)
    const checkpoints = [arena.checkpoint(), arena.checkpoint()]
    if (end === 'dispose') {
      arena.dispose()
      for (const one of checkpoints) expectCode('DISPOSED', () => arena.rewind(one))
      return
    }
    arena.reset(end)
    const a = arena.alloc(10)
    for (const one of checkpoints) expectCode('OUT_OF_ORDER', () => arena.rewind(one))
    expect(a.freed).toBe(false)
    arena.dispose()
  })

  test('never lets two live blocks share their bytes', () => {
    using arena = new ArenaAllocator(cAllocator)
    arena.rawAlloc(500, 1)
    arena.reset()
    const closed = arena.checkpoint()
    arena.rewind(closed)
    const a = arena.alloc(90, 1)
    arena.checkpoint()
    expectCode('OUT_OF_ORDER', () => arena.rewind(closed))
    expect(a.freed).toBe(false)
    expect(arena.alloc(90, 1).ptr).toBe(a.ptr + 90)
  })

  test('of another allocator, and what is none at all', () => {
    using arena = new ArenaAllocator(cAllocator)
    const other = new ArenaAllocator(cAllocator).checkpoint()
    const bumps = new BumpAllocator(64).checkpoint()
    for (const value of [other, bumps, undefined, null, 0, {}, { _allocator: arena }]) {
      expectCode('INVALID_ARGUMENT', () => arena.rewind(wrong(value)), shown(value))
    }
  })
})
