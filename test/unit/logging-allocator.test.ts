/** LoggingAllocator: the lines, and that no sink can cost a block. */
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  type Allocation,
  BumpAllocator,
  cAllocator,
  LoggingAllocator,
  type LogSink,
  nullAllocator,
  Region,
} from '../../lib/index.js'
import { wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { PassingAllocator } from '../support/passing.js'

const hex = (ptr: number): string => `0x${ptr.toString(16)}`

function logged(inner = new BumpAllocator(1000)) {
  const lines: string[] = []
  const allocator = new LoggingAllocator(inner, (line) => lines.push(line))
  return { inner, allocator, lines }
}

describe('a line for each operation', () => {
  test('that succeeds', () => {
    const { allocator, lines } = logged()
    const ptr = allocator.rawAlloc(100, 8)
    allocator.rawResize(ptr, 100, 8, 50)
    allocator.rawRemap(ptr, 50, 8, 60)
    allocator.rawFree(ptr, 60, 8)
    expect(lines).toEqual([
      `alloc size=100 align=8 ptr=${hex(ptr)}`,
      `resize ptr=${hex(ptr)} size=100 align=8 newSize=50 ok=true`,
      `remap ptr=${hex(ptr)} size=50 align=8 newSize=60 newPtr=${hex(ptr)}`,
      `free ptr=${hex(ptr)} size=60 align=8`,
    ])
  })

  test('that finds no memory', () => {
    const { allocator, lines } = logged()
    const ptr = allocator.rawAlloc(100, 8)
    allocator.rawAlloc(2 ** 40, 1)
    allocator.rawResize(ptr, 100, 8, 5000)
    allocator.rawRemap(ptr, 100, 8, 5000)
    expect(lines.slice(1)).toEqual([
      'alloc size=1099511627776 align=1 ptr=0x0',
      `resize ptr=${hex(ptr)} size=100 align=8 newSize=5000 ok=false`,
      `remap ptr=${hex(ptr)} size=100 align=8 newSize=5000 newPtr=0x0`,
    ])
  })

  test('that is refused, and the error is passed on', () => {
    const { allocator, lines } = logged()
    expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(NaN, 8))
    expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(8, 3))
    expectCode('INVALID_POINTER', () => allocator.rawResize(4096, 8, 8, 4))
    expectCode('INVALID_POINTER', () => allocator.rawRemap(4096, 8, 8, 4))
    expectCode('INVALID_POINTER', () => allocator.rawFree(4096, 8, 8))
    expect(lines).toEqual([
      'alloc size=NaN align=8 error=ERR_OFFHEAP_INVALID_LAYOUT',
      'alloc size=8 align=3 error=ERR_OFFHEAP_INVALID_LAYOUT',
      'resize ptr=0x1000 size=8 align=8 newSize=4 error=ERR_OFFHEAP_INVALID_POINTER',
      'remap ptr=0x1000 size=8 align=8 newSize=4 error=ERR_OFFHEAP_INVALID_POINTER',
      'free ptr=0x1000 size=8 align=8 error=ERR_OFFHEAP_INVALID_POINTER',
    ])
    expect(allocator.stats().used).toBe(0)
  })

  test('whatever the arguments are, without calling into them', () => {
    const { allocator, lines } = logged()
    const loud = {
      toString: () => expect.unreachable(),
      valueOf: () => expect.unreachable(),
    }
    for (const value of [Symbol('8'), 8n, '8', loud, null, undefined, -1]) {
      expectCode('INVALID_POINTER', () => allocator.rawFree(wrong(value), 8, 8))
      expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(wrong(value), 8))
    }
    expect(lines.filter((line) => line.startsWith('free ptr=? size=8'))).toHaveLength(7)
    expect(lines.filter((line) => line.startsWith('alloc size=? align=8'))).toHaveLength(6)
  })

  test('that the inner allocator fails with an error of its own', () => {
    const inner = new (class extends PassingAllocator {
      override rawAlloc(): number {
        throw new TypeError('a bug')
      }
    })(cAllocator)
    const lines: string[] = []
    const allocator = new LoggingAllocator(inner, (line) => lines.push(line))
    expect(() => allocator.alloc(8)).toThrow(TypeError)
    expect(lines).toEqual(['alloc size=8 align=16 error=?'])
  })

  test('that realloc consists of', () => {
    const { allocator, lines } = logged()
    const a = allocator.alloc(10, 1)
    allocator.alloc(10, 1)
    allocator.realloc(a, 20)
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'alloc',
      'alloc',
      'resize',
      'remap',
      'alloc',
      'free',
    ])
  })

  test('as words and pairs that can be taken apart', () => {
    const { allocator, lines } = logged()
    allocator.alloc(10, 1).free()
    for (const line of lines) {
      const [operation, ...pairs] = line.split(' ')
      expect(['alloc', 'free']).toContain(operation)
      const fields = Object.fromEntries(pairs.map((pair) => pair.split('=')))
      expect([Number(fields.size), Number(fields.align)]).toEqual([10, 1])
      expect(Number(fields.ptr)).toBeGreaterThan(0)
    }
  })
})

describe('the sink', () => {
  test('may be a stream, which gets lines with their end', () => {
    const stream = new PassThrough()
    const allocator = new LoggingAllocator(nullAllocator, stream)
    allocator.tryAlloc(8)
    allocator.tryAlloc(16)
    // One read gives all of it, or since Node 26 one chunk.
    const first = String(stream.read())
    expect(first + String(stream.read() ?? '')).toBe(
      'alloc size=8 align=16 ptr=0x0\nalloc size=16 align=16 ptr=0x0\n',
    )
  })

  test('is called as a function, and its write as a method', () => {
    const seen: unknown[] = []
    const sink = function (this: unknown): void {
      seen.push(this)
    }
    const stream = { write: sink }
    new LoggingAllocator(nullAllocator, sink).tryAlloc(8)
    new LoggingAllocator(nullAllocator, stream).tryAlloc(8)
    expect(seen).toEqual([undefined, stream])
  })

  test.each([undefined, null, 0, 'stdout', {}, { write: 1 }, [], Symbol('s'), 5n])(
    'is not a %s',
    (sink) => {
      const make = (): unknown => new LoggingAllocator(cAllocator, wrong(sink))
      expect(expectCode('INVALID_ARGUMENT', make).message).toContain('write method')
    },
  )

  test('may allocate from the allocator itself: that is served, and not logged', () => {
    const kept: Allocation[] = []
    const lines: string[] = []
    let keeps = true
    const allocator: LoggingAllocator = new LoggingAllocator(new BumpAllocator(1000), (line) => {
      lines.push(line)
      if (!keeps) return
      kept.push(allocator.dupe(line))
      const other = allocator.alloc(8)
      other.resize(4)
      other.free()
    })
    const a = allocator.alloc(16)
    a.free()
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['alloc', 'free'])
    expect(kept.map(({ buffer }) => buffer.toString())).toEqual(lines)
    keeps = false
    for (const one of kept) one.free()
    expect(allocator.stats().used).toBe(0)
    expect(lines, 'outside of the sink all is logged').toHaveLength(4)
  })
})

describe('a sink that throws', () => {
  /** Throws while `broken` is set. */
  function breakable(inner = new BumpAllocator(1000)) {
    const state = { broken: false, lines: 0 }
    const sink: LogSink = () => {
      state.lines++
      if (state.broken) throw new Error(`line ${state.lines}`)
    }
    return { inner, state, allocator: new LoggingAllocator(inner, sink) }
  }

  test('undoes an allocation, and its error comes out at once', () => {
    const { inner, state, allocator } = breakable()
    state.broken = true
    expect(() => allocator.alloc(100)).toThrow('line 1')
    expect(() => allocator.rawAlloc(100, 1)).toThrow('line 2')
    expect(() => allocator.dupe('text')).toThrow('line 3')
    expect(() => allocator.rawAlloc(5000, 1)).toThrow('line 4')
    expect(inner.totalAllocated).toBe(0)
    expect(allocator.stats()).toMatchObject({ used: 0, peak: 0 })
    state.broken = false
    allocator.alloc(1000, 1).free()
  })

  test('does not keep a block from being freed; the next allocation throws, and does nothing', () => {
    const { inner, state, allocator } = breakable()
    const a = allocator.alloc(100)
    state.broken = true
    a.free()
    expect([a.freed, inner.totalAllocated]).toEqual([true, 0])
    state.broken = false
    expect(() => allocator.alloc(8)).toThrow('line 2')
    expect(state.lines).toBe(2)
    allocator.alloc(8).free()
  })

  test('does not part a handle from its block', () => {
    const { inner, state, allocator } = breakable()
    const a = allocator.alloc(100, 1)
    state.broken = true
    expect(a.resize(50)).toBe(true)
    expect([a.size, inner.totalAllocated]).toEqual([50, 50])
    expect(allocator.realloc(a, 200)).toBe(a)
    expect([a.size, inner.totalAllocated]).toEqual([200, 200])
    expect(a.resize(5000)).toBe(false)
    state.broken = false
    a.free()
    expect(inner.totalAllocated).toBe(0)
    expect(() => allocator.rawAlloc(8, 8), 'of several errors the first').toThrow('line 2')
    expect(allocator.rawAlloc(8, 8)).toBeGreaterThan(0)
  })

  test('does not cost the new place of a block that moved', () => {
    const state = { broken: false }
    const allocator = new LoggingAllocator(cAllocator, () => {
      if (state.broken) throw new Error('full')
    })
    const ptr = allocator.rawAlloc(100, 16)
    state.broken = true
    const moved = allocator.rawRemap(ptr, 100, 16, 1_000_000)
    expect(moved).toBeGreaterThan(0)
    allocator.rawFree(moved, 1_000_000, 16)
    expect(allocator.stats().used).toBe(0)
    expect(() => allocator.dispose()).toThrow('full')
  })

  test('does not hide why the inner allocator refused', () => {
    const { state, allocator } = breakable()
    state.broken = true
    expectCode('INVALID_LAYOUT', () => allocator.rawAlloc(-1, 8))
    expect(() => allocator.rawAlloc(8, 8)).toThrow('line 1')
    expectCode('INVALID_POINTER', () => allocator.rawFree(4096, 8, 8))
    expect(() => allocator.rawAlloc(8, 8)).toThrow('line 2')
  })

  test('is heard of at dispose, if nothing is allocated before; and once', () => {
    const { state, allocator } = breakable()
    const a = allocator.alloc(8)
    state.broken = true
    a.free()
    expect(() => allocator.dispose()).toThrow('line 2')
    allocator.dispose()
    expectCode('DISPOSED', () => allocator.alloc(8))
  })

  test('may allocate while its error is kept for the next allocation', () => {
    let line = 0
    let served = 0
    const allocator: LoggingAllocator = new LoggingAllocator(cAllocator, () => {
      if (++line === 3) throw new Error('once')
      if (line === 4) served = allocator.rawAlloc(8, 8)
    })
    const [a, b] = [allocator.alloc(8), allocator.alloc(8)]
    a.free()
    b.free()
    expect(served).toBeGreaterThan(0)
    allocator.rawFree(served, 8, 8)
    expect(() => allocator.alloc(8)).toThrow('once')
  })

  test('may throw anything, undefined too', () => {
    let broken = true
    const allocator = new LoggingAllocator(cAllocator, () => {
      if (broken) throw undefined
    })
    const thrown = (run: () => unknown): unknown[] => {
      try {
        run()
      } catch (error) {
        return [error]
      }
      return []
    }
    expect(thrown(() => allocator.alloc(8))).toEqual([undefined])
    broken = false
    const a = allocator.alloc(8)
    broken = true
    a.free()
    broken = false
    expect(thrown(() => allocator.alloc(8))).toEqual([undefined])
    allocator.alloc(8).free()
  })
})

test('works over a region that C does not own', () => {
  const { allocator, lines } = logged(new BumpAllocator(Region.from(new ArrayBuffer(64))))
  allocator.alloc(64, 1)
  expect(lines).toHaveLength(1)
})
