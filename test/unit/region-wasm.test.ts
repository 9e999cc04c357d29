/** Region.wasm: a part of a linear memory, whose pointers are offsets and whose buffer comes and goes. */
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Allocator, BumpAllocator, cAllocator, Region } from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { collectGarbage } from '../support/memory.js'
import { Global, hasResizable, hasWide, Memory, PAGE } from '../support/wasm.js'

describe('a region over a WebAssembly memory', () => {
  test('is at its offset, and reaches to where the memory ends', () => {
    const memory = new Memory({ initial: 2, maximum: 4 })
    using region = Region.wasm(memory, { start: 1000 })
    expect([region.address, region.byteOffset, region.byteLength]).toEqual([1000, 1000, 130_072])
    expect([region.kind, region.addressable, region.disposed]).toEqual(['wasm', false, false])
    expect(region.buffer).toBe(memory.buffer)
    new Uint8Array(memory.buffer).set([7, 8], 1000)
    expect([...new BumpAllocator(region).alloc(2, 1).bytes]).toEqual([7, 8])
  })

  test('reaches to its end, if that lies before', () => {
    const memory = new Memory({ initial: 2, maximum: 4 })
    for (const [end, length] of [
      [1001, 1],
      [5003, 4003],
      [2 * PAGE, 2 * PAGE - 1000],
      [3 * PAGE, 2 * PAGE - 1000],
    ] as const) {
      expect(Region.wasm(memory, { start: 1000, end }).byteLength, `end ${end}`).toBe(length)
    }
  })

  test('takes offsets as numbers, as bigints, and from globals, which JS sees as signed', () => {
    const memory = new Memory({ initial: 1 })
    const starts = [
      16,
      16n,
      new Global({ value: 'i32' }, 16),
      new Global({ value: 'i64' }, 16n),
      new Global({ value: 'i32', mutable: true }, 16),
      new Global({ value: 'f64' }, 16),
    ]
    for (const start of starts) expect(Region.wasm(memory, { start }).address).toBe(16)
    for (const end of starts) expect(Region.wasm(memory, { start: 6, end }).byteLength).toBe(10)
    const high = { i32: -(2 ** 31) + 5, i64: -(2n ** 63n) }
    const far = new Global({ value: 'i32' }, high.i32)
    expect(Region.wasm(memory, { start: 6, end: far }).byteLength).toBe(PAGE - 6)
    const { message } = expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: far }))
    expect(message).toContain('2147483653')
    const absurd = new Global({ value: 'i64' }, high.i64)
    expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: absurd }))
  })

  test('refuses what is no offset, and NULL', () => {
    const memory = new Memory({ initial: 1 })
    const bad = [
      0,
      -0,
      -1,
      0n,
      -1n,
      2n ** 64n,
      1.5,
      Number.NaN,
      Infinity,
      2 ** 53,
      '16',
      true,
      null,
    ]
    const worse: unknown[] = [
      undefined,
      Symbol('x'),
      {},
      [],
      () => 16,
      { valueOf: () => 16 },
      { value: 16 },
    ]
    const globals = [
      new Global({ value: 'i32' }, 0),
      new Global({ value: 'f32' }, 1.5),
      new Global({ value: 'f64' }, Number.NaN),
      new Global({ value: 'externref' }, '16'),
    ]
    for (const value of [...bad, ...worse, ...globals]) {
      const start = wrong(value)
      expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start }), shown(value))
      if (value === undefined) continue
      expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: 16, end: start }))
    }
    for (const options of [undefined, null, 16, 'start']) {
      expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, wrong(options)))
    }
    expect(memory.buffer.byteLength).toBe(PAGE)
  })

  test('refuses a start behind the memory, and an end that is not behind the start', () => {
    const memory = new Memory({ initial: 1 })
    expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: PAGE + 1 }))
    expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: 2 ** 40 }))
    expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: 16, end: 16 }))
    expectCode('INVALID_ARGUMENT', () => Region.wasm(memory, { start: 16, end: 15 }))
  })

  test('refuses what is no memory, and does not call into what looks like one', () => {
    let calls = 0
    const fake = {
      get buffer() {
        calls++
        return new ArrayBuffer(PAGE)
      },
      grow: () => calls++,
    }
    const { buffer } = new Memory({ initial: 1 })
    for (const value of [
      undefined,
      null,
      5,
      'memory',
      buffer,
      fake,
      Object.create(Memory.prototype),
    ]) {
      expectCode('INVALID_ARGUMENT', () => Region.wasm(wrong(value), { start: 16 }))
    }
    expect(calls).toBe(0)
  })

  test('takes a memory of another realm', () => {
    const memory = runInNewContext('new WebAssembly.Memory({ initial: 1 })') as Memory
    expect(memory instanceof Memory).toBe(false)
    const bump = new BumpAllocator(Region.wasm(memory, { start: 16 }))
    bump.alloc(PAGE, 1).bytes.fill(3)
    expect(memory.buffer.byteLength).toBe(2 * PAGE)
  })

  test('starts with a fresh page where the memory ends, or says that there is none', () => {
    const memory = new Memory({ initial: 1, maximum: 2 })
    const region = Region.wasm(memory, { start: PAGE })
    expect([region.address, region.byteLength]).toEqual([PAGE, PAGE])
    expectCode('OUT_OF_MEMORY', () => Region.wasm(memory, { start: 2 * PAGE }))
  })
})

describe('its end', () => {
  test('leaves the memory alone', () => {
    const memory = new Memory({ initial: 1 })
    const region = Region.wasm(memory, { start: 16 })
    const bump = new BumpAllocator(region)
    const a = bump.alloc(8)
    const { bytes } = a
    bytes.fill(9)
    region.dispose()
    region.dispose()
    expect(region.disposed).toBe(true)
    expect([...bytes]).toEqual(Array.from({ length: 8 }, () => 9))
    expectCode('DISPOSED', () => region.buffer)
    expectCode('DISPOSED', () => a.bytes)
    expectCode('DISPOSED', () => bump.alloc(2 * PAGE))
    expect(memory.buffer.byteLength).toBe(PAGE)
  })

  test('lets the memory be collected, though somebody keeps the region', async () => {
    const [region, memory] = (() => {
      const made = new Memory({ initial: 1 })
      return [Region.wasm(made, { start: 16 }), new WeakRef(made)] as const
    })()
    await collectGarbage()
    expect(memory.deref()).toBeDefined()
    region.dispose()
    await collectGarbage()
    expect(memory.deref()).toBeUndefined()
    expect(region.byteLength).toBe(PAGE - 16)
  })

  test('does not come while it is pinned', () => {
    const region = Region.wasm(new Memory({ initial: 1 }), { start: 16 })
    const pin = region.pin()
    expectCode('PINNED', () => region.dispose())
    pin[Symbol.dispose]()
    region.dispose()
  })
})

describe('its pointers', () => {
  test('are offsets, and aligned as such', () => {
    const memory = new Memory({ initial: 1 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: 1001 }))
    const a = bump.alloc(100, 64)
    expect([a.ptr, a.bytes.byteOffset]).toEqual([1024, 1024])
    expect(bump.rawAlloc(1, 1)).toBe(1124)
    expect([bump.owns(1124), bump.owns(1000), bump.owns(1125)]).toEqual([true, false, false])
    bump.view(1124, 1)[0] = 5
    expect(new Uint8Array(memory.buffer)[1124]).toBe(5)
    expectCode('INVALID_POINTER', () => bump.view(1000, 1))
    expectCode('INVALID_POINTER', () => bump.view(PAGE - 1, 2))
  })

  test('are not given to C, whoever hands them out', () => {
    const region = Region.wasm(new Memory({ initial: 1 }), { start: 16 })
    class First extends Allocator {
      override rawAlloc(): number {
        return 16
      }
      override rawResize(): boolean {
        return true
      }
      override rawRemap(ptr: number): number {
        return ptr
      }
      override rawFree(): void {}
    }
    const bump = new BumpAllocator(region)
    const moved = bump.alloc(8)
    bump.alloc(8)
    bump.realloc(moved, 64)
    const custom = new First(region).alloc(8)
    const passedOn = new First(new First(region)).alloc(8)
    passedOn.resize(12)
    for (const block of [bump.alloc(8), moved, custom, passedOn]) {
      expect(expectCode('UNSUPPORTED', () => block.address).message).toContain('WebAssembly')
    }
    expect(new First(cAllocator).alloc(8).address).toBe(16n)
    moved.free()
    expectCode('USE_AFTER_FREE', () => moved.address)
  })

  test('are no blocks of the C heap', () => {
    const bump = new BumpAllocator(Region.wasm(new Memory({ initial: 1 }), { start: 1024 }))
    const ptr = bump.rawAlloc(64, 16)
    expectCode('INVALID_POINTER', () => cAllocator.rawFree(ptr, 64, 16))
    expect(cAllocator.owns(ptr)).toBe(false)
    expectCode('INVALID_POINTER', () => cAllocator.view(ptr, 64))
  })
})

test('two allocators share a memory, each in its own range', () => {
  const memory = new Memory({ initial: 1, maximum: 8 })
  const low = new BumpAllocator(Region.wasm(memory, { start: 16, end: PAGE / 2 }))
  const high = new BumpAllocator(Region.wasm(memory, { start: PAGE / 2, end: 3 * PAGE }))
  const a = low.alloc(PAGE / 2 - 16, 1)
  const b = high.alloc(PAGE / 2, 1)
  a.bytes.fill(1)
  b.bytes.fill(2)
  expect(low.tryAlloc(1)).toBeNull()
  expect(memory.buffer.byteLength).toBe(PAGE)
  const c = high.alloc(2 * PAGE, 1)
  c.bytes.fill(3)
  expect(high.tryAlloc(1)).toBeNull()
  expect(memory.buffer.byteLength).toBe(3 * PAGE)
  for (const [value, { bytes }] of [a, b, c].entries()) {
    expect(bytes.every((byte) => byte === value + 1)).toBe(true)
  }
})

describe.skipIf(!hasWide)('a memory with 64-bit offsets', () => {
  test('grows', () => {
    const memory = new Memory({ initial: 1n, maximum: 3n, address: 'i64' })
    const start = new Global({ value: 'i64' }, 1024n)
    const bump = new BumpAllocator(Region.wasm(memory, { start }))
    const a = bump.alloc(PAGE)
    a.bytes.fill(1)
    bump.alloc(2 * PAGE - 1024)
    expect(memory.buffer.byteLength).toBe(3 * PAGE)
    expect(a.bytes.every((byte) => byte === 1)).toBe(true)
    expect(bump.tryAlloc(1)).toBeNull()
  })
})

describe.skipIf(!hasResizable)('a memory shown as a resizable buffer', () => {
  test('is followed through both of its forms', () => {
    const memory = new Memory({ initial: 1, maximum: 4 })
    const bump = new BumpAllocator(Region.wasm(memory, { start: 1024 }))
    const a = bump.alloc(100)
    a.bytes.fill(1)
    const resizable = memory.toResizableBuffer!()
    expect(a.bytes.buffer).toBe(resizable)
    const b = bump.alloc(PAGE)
    expect(b.bytes.buffer).toBe(resizable)
    b.bytes.fill(2)
    resizable.resize(4 * PAGE)
    expect(bump.alloc(2 * PAGE - 8192).bytes.length).toBe(2 * PAGE - 8192)
    memory.toFixedLengthBuffer!()
    expect([a.bytes.length, a.bytes[99], b.bytes[PAGE - 1]]).toEqual([100, 1, 2])
    expect(a.buffer.toString('latin1')).toBe('\u0001'.repeat(100))
  })
})
