/** Region.from: the caller's own memory, wherever it starts, never taken away. */
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { BumpAllocator, Region } from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { peek } from '../support/memory.js'

/** The types of Node 20 do not have it. */
const { Memory } = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (options: { initial: number }) => {
        buffer: ArrayBuffer
        grow(by: number): number
      }
    }
  }
).WebAssembly

const detached = (): ArrayBuffer => {
  const buffer = new ArrayBuffer(64)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

describe('a region over a view', () => {
  test('starts where the view starts, odd offsets included', () => {
    const buffer = new ArrayBuffer(100)
    for (const offset of [0, 1, 7, 63]) {
      using region = Region.from(new Uint8Array(buffer, offset, 20))
      using whole = Region.from(buffer)
      expect(region.byteOffset).toBe(offset)
      expect(region.byteLength).toBe(20)
      expect(region.buffer).toBe(buffer)
      expect(region.address).toBe(whole.address + offset)
      new Uint8Array(buffer)[offset] = 100 + offset
      expect(peek(region.address, 1)[0]).toBe(100 + offset)
    }
  })

  test('takes views of every type', () => {
    const buffer = new ArrayBuffer(64)
    const views = [
      new Uint8Array(buffer, 8, 16),
      new Float64Array(buffer, 8, 2),
      new BigInt64Array(buffer, 8, 2),
      new DataView(buffer, 8, 16),
      Buffer.from(buffer, 8, 16),
    ]
    for (const view of views) {
      using region = Region.from(view)
      expect([region.byteOffset, region.byteLength]).toEqual([8, 16])
    }
  })

  test('takes a slice of the pool that Node cuts small Buffers from', () => {
    const slice = Buffer.from('text from the pool')
    using region = Region.from(slice)
    expect(region.byteOffset).toBe(slice.byteOffset)
    expect(Buffer.from(peek(region.address, slice.length)).toString()).toBe('text from the pool')
  })

  test('takes shared memory and another region', () => {
    const shared = new SharedArrayBuffer(32)
    using over = Region.from(shared)
    expect(over.buffer).toBe(shared)
    const inner = Region.malloc(64)
    using outer = Region.from(inner.buffer)
    expect(outer.address).toBe(inner.address)
    inner.dispose()
    expectCode('DISPOSED', () => outer.buffer)
  })

  test('takes buffers and views of another realm, as test runners make them', () => {
    for (const what of ['ArrayBuffer(16)', 'SharedArrayBuffer(16)', 'Uint8Array(16)']) {
      const memory = runInNewContext(`new ${what}`) as ArrayBuffer
      using region = Region.from(memory)
      expect(region.byteLength, what).toBe(16)
      expect(new BumpAllocator(memory).remaining, what).toBe(16)
    }
  })

  test('is disposed without touching the buffer, which may be used again', () => {
    const buffer = new ArrayBuffer(16)
    Region.from(buffer).dispose()
    expect(buffer.byteLength).toBe(16)
    using again = Region.from(buffer)
    expect(again.kind).toBe('view')
  })
})

describe('what is refused', () => {
  test.each([undefined, null, 5, 'abc', {}, [1, 2], () => 0, new Map()].map((v) => [shown(v), v]))(
    '%s is no memory',
    (_, value) => {
      expectCode('INVALID_ARGUMENT', () => Region.from(wrong(value)))
    },
  )

  test('empty memory', () => {
    expectCode('INVALID_ARGUMENT', () => Region.from(new ArrayBuffer(0)))
    expectCode('INVALID_ARGUMENT', () => Region.from(new Uint8Array(0)))
    expectCode('INVALID_ARGUMENT', () => Region.from(new Uint8Array(new ArrayBuffer(8), 8)))
  })

  test('a buffer that was detached', () => {
    expectCode('INVALID_ARGUMENT', () => Region.from(detached()))
  })

  test.each<[string, (buffer: ArrayBuffer) => ArrayBufferView]>([
    ['Uint8Array', (buffer) => new Uint8Array(buffer)],
    ['Float64Array', (buffer) => new Float64Array(buffer)],
    ['DataView', (buffer) => new DataView(buffer)],
  ])('a %s whose buffer was detached', (_, over) => {
    const buffer = new ArrayBuffer(64)
    const view = over(buffer)
    structuredClone(buffer, { transfer: [buffer] })
    expectCode('INVALID_ARGUMENT', () => Region.from(view))
  })

  test('a buffer that could shrink under the region', () => {
    const buffer = new ArrayBuffer(16, { maxByteLength: 64 })
    expectCode('INVALID_ARGUMENT', () => Region.from(buffer))
    expectCode('INVALID_ARGUMENT', () => Region.from(new Uint8Array(buffer)))
    const shared = new SharedArrayBuffer(16, { maxByteLength: 64 })
    expectCode('INVALID_ARGUMENT', () => Region.from(shared))
  })

  test('a view that its buffer has become too short for', () => {
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 })
    const views = [new Uint8Array(buffer, 32, 32), new DataView(buffer, 32, 32)]
    buffer.resize(16)
    for (const view of views) expectCode('INVALID_ARGUMENT', () => Region.from(view))
  })
})

describe('memory that goes away later', () => {
  test('by a transfer is noticed at the next use', () => {
    const buffer = new ArrayBuffer(64)
    const region = Region.from(buffer)
    expect(region.buffer.byteLength).toBe(64)
    structuredClone(buffer, { transfer: [buffer] })
    expect(expectCode('DISPOSED', () => region.buffer).message).toContain('transfer')
    region.dispose()
    expect(region.disposed).toBe(true)
  })

  test('by the growth of a WebAssembly memory is noticed at the next use', () => {
    const memory = new Memory({ initial: 1 })
    using region = Region.from(memory.buffer)
    memory.grow(1)
    expectCode('DISPOSED', () => region.buffer)
  })
})
