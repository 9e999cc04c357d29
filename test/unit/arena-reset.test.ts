/** ArenaAllocator's resets and its end: what is kept, what goes back, and what parents do wrong. */
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  ArenaAllocator,
  type ArenaReset,
  BumpAllocator,
  cAllocator,
  pageAllocator,
  Region,
} from '../../lib/index.js'
import { BAD_SIZES, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { MoodyAllocator } from '../support/moody.js'

/** A parent over the C heap that says no from some moment on. */
class Failing extends MoodyAllocator {
  refuses: 'nothing' | 'resize' | 'all' = 'resize'

  constructor() {
    super(cAllocator, (what) =>
      what === 'alloc' ? this.refuses !== 'all' : this.refuses === 'nothing',
    )
  }
}

/** Handles in three chunks, of 96, 1680 and 10,048 bytes. */
function filled(arena: ArenaAllocator): Allocation[] {
  return [40, 1000, 5000].map((size) => {
    const a = arena.alloc(size, 2)
    a.bytes.fill(1)
    return a
  })
}
const FILLED = 96 + 1680 + 10_048

function expectStale(handles: readonly Allocation[]): void {
  for (const a of handles) {
    expect(a.freed).toBe(true)
    expectCode('USE_AFTER_FREE', () => a.bytes)
    expectCode('USE_AFTER_FREE', () => a.ptr)
    expectCode('DOUBLE_FREE', () => a.free())
  }
}

describe('a reset', () => {
  test("to 'free_all' gives everything back", () => {
    const before = cAllocator.stats().used
    using arena = new ArenaAllocator(new Failing())
    const handles = filled(arena)
    expect([arena.queryCapacity(), cAllocator.stats().used - before]).toEqual([FILLED, FILLED])
    expect(arena.reset('free_all')).toBe(true)
    expectStale(handles)
    expect([arena.queryCapacity(), cAllocator.stats().used]).toEqual([0, before])
    arena.alloc(100).bytes.fill(2)
    expectStale(handles)
  })

  test("to 'retain_capacity' keeps one chunk as long as all, and soon asks for nothing", () => {
    const parent = new Failing()
    using arena = new ArenaAllocator(parent)
    const handles = filled(arena)
    expect(arena.reset('retain_capacity')).toBe(true)
    expectStale(handles)
    expect([arena.queryCapacity(), arena.stats().used]).toEqual([FILLED, 0])
    const calls = { ...parent.calls }
    for (let round = 0; round < 10; round++) {
      const again = filled(arena)
      expect(again[1]!.ptr - again[0]!.ptr).toBe(40)
      expect(arena.reset()).toBe(true)
      expectStale(again)
    }
    expect(parent.calls).toEqual(calls)
    expect(arena.rawAlloc(FILLED, 16)).not.toBe(0)
  })

  test('to { retain } keeps at most so much', () => {
    for (const refuses of ['nothing', 'resize'] as const) {
      const parent = new Failing()
      using arena = new ArenaAllocator(parent)
      for (const [retain, kept] of [
        [5000, 5000],
        [100_000, FILLED],
        [96, 96],
        [1, 1],
        [0, 0],
      ] as const) {
        parent.refuses = 'resize'
        arena.reset('free_all')
        const handles = filled(arena)
        parent.refuses = refuses
        expect(arena.reset({ retain })).toBe(true)
        expectStale(handles)
        expect(arena.queryCapacity()).toBe(kept)
        if (kept > 0) expect(arena.alloc(kept, 1).bytes.length).toBe(kept)
      }
    }
  })

  test('of one chunk shrinks it to what is retained', () => {
    using arena = new ArenaAllocator(new BumpAllocator(10_000))
    const a = arena.alloc(4000, 1)
    expect(arena.reset({ retain: 1000 })).toBe(true)
    expectStale([a])
    expect(arena.queryCapacity()).toBe(1000)
    const b = arena.alloc(500, 1)
    expect(b.bytes.length).toBe(500)
    expect(arena.tryAlloc(20_000, 1)).toBeNull()
    expectCode('INVALID_POINTER', () => arena.view(b.ptr, 1001))
  })

  test('makes the chunk longer in place over a parent that goes up', () => {
    const bump = new BumpAllocator(Region.malloc(20_000, { align: 64 }))
    let stretches = false
    using arena = new ArenaAllocator(
      new MoodyAllocator(bump, (what) => what === 'alloc' || stretches),
    )
    const [first] = filled(arena).map(({ ptr }) => ptr)
    stretches = true
    expect(arena.reset()).toBe(true)
    expect([arena.queryCapacity(), bump.totalAllocated]).toEqual([FILLED, FILLED])
    expect(arena.rawAlloc(FILLED, 1)).toBe(first)
  })

  test('that the parent refuses says so, and the arena works on', () => {
    for (const mode of ['retain_capacity', { retain: 9000 }] satisfies ArenaReset[]) {
      const parent = new Failing()
      using arena = new ArenaAllocator(parent)
      const handles = filled(arena)
      parent.refuses = 'all'
      expect(arena.reset(mode)).toBe(false)
      expectStale(handles)
      // The oldest chunk is what is left.
      expect([arena.queryCapacity(), arena.stats().used]).toEqual([96, 0])
      expect(arena.alloc(96, 1).bytes.length).toBe(96)
      expect(arena.tryAlloc(1)).toBeNull()
      expect(arena.reset('free_all')).toBe(true)
      expect([arena.queryCapacity(), arena.tryAlloc(1)]).toEqual([0, null])
      parent.refuses = 'resize'
      expect(arena.alloc(1000).bytes.length).toBe(1000)
    }
  })

  test('that the parent refuses at the limit leaves no more than was held', () => {
    const parent = new Failing()
    using arena = new ArenaAllocator(parent, { limit: FILLED })
    filled(arena)
    parent.refuses = 'all'
    expect(arena.reset()).toBe(false)
    expect(arena.queryCapacity()).toBeLessThanOrEqual(96)
    parent.refuses = 'resize'
    expect(arena.alloc(FILLED - 96, 1).size).toBe(FILLED - 96)
  })

  test('of an arena without chunks is done', () => {
    using arena = new ArenaAllocator(new Failing())
    const modes: ArenaReset[] = ['free_all', 'retain_capacity', { retain: 5 }]
    expect(modes.map((mode) => arena.reset(mode))).toEqual([true, true, true])
    expect(arena.queryCapacity()).toBe(0)
  })

  test('to another mode is refused and frees nothing', () => {
    using arena = new ArenaAllocator(cAllocator)
    const a = arena.alloc(8)
    const modes = [null, 0, 'free', 'RETAIN_CAPACITY', {}, { retain: Infinity }, Symbol('s')]
    for (const mode of [...modes, ...BAD_SIZES.map((retain) => ({ retain }))]) {
      expectCode('INVALID_ARGUMENT', () => arena.reset(wrong(mode)), shown(mode))
    }
    expect(a.freed).toBe(false)
  })
})

describe('the end', () => {
  test('gives everything back, and every operation says so', () => {
    const before = cAllocator.stats().used
    const arena = new ArenaAllocator(new Failing())
    const handles = filled(arena)
    const ptr = handles[0]!.ptr
    const checkpoint = arena.checkpoint()
    arena.dispose()
    arena.dispose()
    expect(cAllocator.stats().used).toBe(before)
    expectStale(handles)
    const operations = [
      () => arena.alloc(8),
      () => arena.tryAlloc(8),
      () => arena.rawAlloc(0, 1),
      () => arena.rawFree(ptr, 40, 1),
      () => arena.rawResize(ptr, 40, 1, 4),
      () => arena.rawRemap(ptr, 40, 1, 4),
      () => arena.view(ptr, 1),
      () => arena.reset(),
      () => arena.checkpoint(),
      () => arena.rewind(checkpoint),
      () => arena.dupe('text'),
    ]
    for (const operation of operations) expectCode('DISPOSED', operation, String(operation))
    expect([arena.owns(ptr), arena.queryCapacity(), arena.stats().used]).toEqual([false, 0, 0])
  })

  test.each([
    ['cAllocator', cAllocator],
    ['pageAllocator', pageAllocator],
  ])('leaves %s as it was, shown or not', (_, parent) => {
    const before = parent.stats().used
    {
      using arena = new ArenaAllocator(parent)
      for (let i = 0; i < 100; i++) arena.alloc(1000)
      arena.alloc(10).bytes.fill(1)
    }
    expect(parent.stats().used).toBe(before)
  })

  test('takes the memory from views that were taken before', () => {
    const arena = new ArenaAllocator(cAllocator)
    const { bytes } = arena.alloc(8)
    arena.dispose()
    expect(bytes.length).toBe(0)
  })
})

describe('a parent', () => {
  test('that was disposed took the memory with it: that is no error', () => {
    const bump = new BumpAllocator(10_000)
    const arena = new ArenaAllocator(bump)
    const a = arena.alloc(8)
    const unseen = arena.alloc(8)
    a.bytes.fill(1)
    bump.dispose()
    expectCode('DISPOSED', () => unseen.bytes)
    expectCode('DISPOSED', () => arena.alloc(100_000))
    arena.dispose()
    expectStale([a, unseen])
  })

  test('that was reset under the arena says so in the end, and every chunk was tried', () => {
    const bump = new BumpAllocator(100_000)
    const parent = new MoodyAllocator(bump, (what) => what === 'alloc')
    const arena = new ArenaAllocator(parent)
    const handles = filled(arena)
    bump.reset()
    expectCode('INVALID_POINTER', () => arena.dispose())
    expect(parent.calls.free).toBe(3)
    expectStale(handles)
    expect(arena.queryCapacity()).toBe(0)
    arena.dispose()
  })

  test.each(['free_all', 'retain_capacity'] as const)(
    'that was reset under the arena makes a reset to %s fail, and the arena starts anew',
    (mode) => {
      const bump = new BumpAllocator(100_000)
      using arena = new ArenaAllocator(new MoodyAllocator(bump, (what) => what === 'alloc'))
      const handles = filled(arena)
      bump.reset()
      expectCode('INVALID_POINTER', () => arena.reset(mode))
      expectStale(handles)
      arena.reset('free_all')
      arena.alloc(100).bytes.fill(3)
    },
  )

  test('that cannot free one chunk is given the others back', () => {
    const before = cAllocator.stats().used
    class Stubborn extends MoodyAllocator {
      override rawFree(ptr: number, size: number, align: number): void {
        super.rawFree(ptr, size, align)
        if (size === 1680) throw new RangeError('not this one')
      }
    }
    const arena = new ArenaAllocator(new Stubborn(cAllocator, (what) => what === 'alloc'))
    const handles = filled(arena)
    expect(() => arena.reset()).toThrow(RangeError)
    expectStale(handles)
    expect(arena.queryCapacity()).toBe(FILLED)
    arena.dispose()
    expect(cAllocator.stats().used).toBe(before)
  })

  test('that throws when it is asked leaves the arena as it was', () => {
    class Throwing extends MoodyAllocator {
      throws = false
      override rawAlloc(size: number, align: number): number {
        if (this.throws) throw new RangeError('alloc')
        return super.rawAlloc(size, align)
      }
      override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
        if (this.throws) throw new RangeError('resize')
        return super.rawResize(ptr, size, align, newSize)
      }
    }
    const parent = new Throwing(cAllocator, () => true)
    using arena = new ArenaAllocator(parent)
    const a = arena.alloc(40)
    const before = arena.stats()
    parent.throws = true
    expect(() => arena.alloc(10_000)).toThrow(RangeError)
    expect(() => a.resize(10_000)).toThrow(RangeError)
    expect(arena.stats()).toEqual(before)
    expect([a.size, a.bytes.length]).toEqual([40, 40])
    parent.throws = false
    expect(arena.alloc(10_000).bytes.length).toBe(10_000)
  })
})
