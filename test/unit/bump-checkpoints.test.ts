/** BumpAllocator's checkpoints: what a rewind frees, what it keeps, and which are no longer good. */
import { describe, expect, test } from 'vitest'
import { BumpAllocator } from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'

const fresh = (): BumpAllocator => new BumpAllocator(new ArrayBuffer(1000))

describe('a rewind', () => {
  test('frees what is younger than the checkpoint and keeps what is older', () => {
    const bump = fresh()
    const old = bump.alloc(10, 1)
    old.bytes.fill(1)
    const checkpoint = bump.checkpoint()
    const young = [bump.alloc(20, 1), bump.alloc(30, 64)]
    bump.rewind(checkpoint)
    expect(bump.totalAllocated).toBe(10)
    expect(bump.stats()).toMatchObject({ used: 10, footprint: 10 })
    expect(old.freed).toBe(false)
    expect(old.bytes.every((byte) => byte === 1)).toBe(true)
    for (const a of young) {
      expect(a.freed).toBe(true)
      expectCode('USE_AFTER_FREE', () => a.bytes)
      expectCode('DOUBLE_FREE', () => a.free())
    }
    expect(bump.alloc(20, 1).ptr).toBe(old.ptr + 10)
    expect(young[0]!.freed).toBe(true)
  })

  test('of nested checkpoints goes to any of them, and closes those above it', () => {
    const bump = fresh()
    const blocks = []
    const checkpoints = []
    for (let i = 0; i < 4; i++) {
      blocks.push(bump.alloc(10, 1))
      checkpoints.push(bump.checkpoint())
    }
    const [, second, third, fourth] = checkpoints
    bump.rewind(fourth!)
    expect(blocks.map(({ freed }) => freed)).toEqual([false, false, false, false])
    bump.rewind(second!)
    expect(blocks.map(({ freed }) => freed)).toEqual([false, false, true, true])
    expect(bump.totalAllocated).toBe(20)
    expectCode('OUT_OF_ORDER', () => bump.rewind(third!))
    expectCode('OUT_OF_ORDER', () => bump.rewind(second!))
    bump.rewind(checkpoints[0]!)
    expect(blocks.map(({ freed }) => freed)).toEqual([false, true, true, true])
  })

  test('frees what was moved since, but not what stayed where it was', () => {
    const bump = fresh()
    const shrunk = bump.alloc(50, 1)
    const moved = bump.alloc(10, 1)
    bump.alloc(1, 1)
    const checkpoint = bump.checkpoint()
    expect(shrunk.resize(20)).toBe(true)
    bump.realloc(moved, 100)
    bump.rewind(checkpoint)
    expect([shrunk.freed, moved.freed]).toEqual([false, true])
    expect(shrunk.bytes.length).toBe(20)
  })

  test('takes nothing from a block that lives on', () => {
    const bump = fresh()
    const old = bump.alloc(10, 1)
    const checkpoint = bump.checkpoint()
    bump.realloc(old, 100)
    bump.rewind(checkpoint)
    const next = bump.alloc(50, 1)
    if (!old.freed) expect(next.ptr).toBeGreaterThanOrEqual(old.ptr + old.size)
    expect(bump.totalAllocated).toBeGreaterThanOrEqual(50)
  })

  test('does not raise the cursor when the older block was freed since', () => {
    const bump = fresh()
    const old = bump.alloc(100, 1)
    const checkpoint = bump.checkpoint()
    old.free()
    const young = bump.alloc(10, 1)
    bump.rewind(checkpoint)
    expect([old.freed, young.freed]).toEqual([true, true])
    expect(bump.totalAllocated).toBeLessThanOrEqual(10)
    const { used, footprint } = bump.stats()
    expect(used).toBeLessThanOrEqual(footprint)
  })

  test('remembers the peak', () => {
    const bump = fresh()
    const checkpoint = bump.checkpoint()
    bump.alloc(700, 1)
    bump.rewind(checkpoint)
    expect(bump.stats()).toMatchObject({ used: 0, peak: 700, footprint: 0, peakFootprint: 700 })
  })

  test('a thousand times is like the first', () => {
    const bump = fresh()
    const old = bump.alloc(10, 1)
    for (let i = 0; i < 1000; i++) {
      const checkpoint = bump.checkpoint()
      const young = bump.alloc(900, 1)
      bump.rewind(checkpoint)
      expect(young.freed).toBe(true)
    }
    expect([bump.totalAllocated, old.freed]).toEqual([10, false])
  })
})

describe('growth in place', () => {
  test('is for blocks that no open checkpoint protects', () => {
    const bump = fresh()
    const a = bump.alloc(10, 1)
    const checkpoint = bump.checkpoint()
    expect([a.resize(20), a.resize(10)]).toEqual([false, true])
    const b = bump.alloc(10, 1)
    expect(b.resize(20)).toBe(true)
    bump.rewind(checkpoint)
    expect(a.resize(20)).toBe(true)
    bump.checkpoint()
    bump.reset()
    expect(bump.alloc(10, 1).resize(20)).toBe(true)
  })
})

describe('a checkpoint that is not good any more', () => {
  test('after it was rewound to', () => {
    const bump = fresh()
    const checkpoint = bump.checkpoint()
    bump.rewind(checkpoint)
    expectCode('OUT_OF_ORDER', () => bump.rewind(checkpoint))
  })

  test('stays so when another is opened at the same place', () => {
    const bump = fresh()
    const closed = bump.checkpoint()
    bump.rewind(closed)
    const open = bump.checkpoint()
    expectCode('OUT_OF_ORDER', () => bump.rewind(closed))
    bump.rewind(open)
  })

  test('never lets two live blocks share their bytes', () => {
    const bump = fresh()
    const closed = bump.checkpoint()
    bump.rewind(closed)
    const a = bump.alloc(90, 1)
    bump.checkpoint()
    expectCode('OUT_OF_ORDER', () => bump.rewind(closed))
    expect(a.freed).toBe(false)
    expect(bump.alloc(90, 1).ptr).toBe(a.ptr + 90)
  })

  test('after a reset', () => {
    const bump = fresh()
    const checkpoint = bump.checkpoint()
    bump.reset()
    const a = bump.alloc(10, 1)
    expectCode('OUT_OF_ORDER', () => bump.rewind(checkpoint))
    expect(a.freed).toBe(false)
  })

  test('of another allocator, and what is none at all', () => {
    const bump = fresh()
    expectCode('INVALID_ARGUMENT', () => bump.rewind(fresh().checkpoint()))
    for (const value of [
      undefined,
      null,
      0,
      {},
      { _allocator: bump, _epoch: 0, _cursor: 0, _gaps: 0 },
    ]) {
      expectCode('INVALID_ARGUMENT', () => bump.rewind(wrong(value)), shown(value))
    }
  })
})
