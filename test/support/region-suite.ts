/** What every region does, whatever its memory: an address, one buffer, pins, and an end. */
import { describe, expect, test } from 'vitest'
import type { Region } from '../../lib/index.js'
import { expectCode } from './errors.js'
import { peek, poke } from './memory.js'
import type { Kind } from './regions.js'

/** All of a region's bytes. */
const bytesOf = (region: Region): Uint8Array =>
  new Uint8Array(region.buffer, region.byteOffset, region.byteLength)

/** Tests of one kind of region. */
export function regionBehaves(kind: Kind): void {
  describe(`Region: ${kind.name}`, () => {
    everyRegion(kind)
    if (kind.owned) takesItsMemoryAway(kind)
    else leavesItsMemory(kind)
  })
}

function everyRegion({ make, isInLarger = false, isOffset = false }: Kind): void {
  test.skipIf(isOffset)('its address is where its bytes are, read and written by others', () => {
    using region = make(1000)
    const bytes = bytesOf(region)
    bytes.set([1, 2, 3], 0)
    bytes[999] = 4
    expect([...peek(region.address, 3), ...peek(region.address + 999, 1)]).toEqual([1, 2, 3, 4])
    poke(region.address + 500, new Uint8Array([9, 8]))
    expect([...bytes.subarray(500, 502)]).toEqual([9, 8])
    expect(region.addressable).toBe(true)
  })

  test('it has exactly the length that was asked for, and one buffer', () => {
    for (const size of [1, 15, 4096, 4097]) {
      using region = make(size)
      const { buffer, byteOffset } = region
      expect(region.byteLength).toBe(size)
      expect(region.buffer).toBe(buffer)
      if (!isInLarger) expect([buffer.byteLength, byteOffset]).toEqual([size, 0])
      expect(byteOffset + size).toBeLessThanOrEqual(buffer.byteLength)
    }
  })

  test('it is disposed once, and says so from then on', () => {
    const region = make(64)
    expect(region.disposed).toBe(false)
    region.dispose()
    expect(region.disposed).toBe(true)
    region.dispose()
    region[Symbol.dispose]()
    expectCode('DISPOSED', () => region.buffer)
    expectCode('DISPOSED', () => region.byteOffset)
    expectCode('DISPOSED', () => region.pin())
    expect(region.byteLength).toBe(64)
  })

  test('it cannot be disposed while it is pinned, and works on', () => {
    const region = make(64)
    const first = region.pin()
    const second = region.pin()
    expect(expectCode('PINNED', () => region.dispose()).message).toContain('2')
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    expectCode('PINNED', () => region.dispose())
    bytesOf(region)[0] = 1
    second[Symbol.dispose]()
    region.dispose()
    expect(region.disposed).toBe(true)
    second[Symbol.dispose]()
  })
}

function takesItsMemoryAway({ make }: Kind): void {
  test('disposing detaches every view', () => {
    const region = make(64)
    const { buffer } = region
    const bytes = bytesOf(region)
    const floats = new Float64Array(buffer)
    const node = Buffer.from(buffer as ArrayBuffer)
    const data = new DataView(buffer)
    region.dispose()
    expect([buffer, bytes, floats, node].map(({ byteLength }) => byteLength)).toEqual([0, 0, 0, 0])
    bytes[0] = 1
    expect(bytes[0]).toBeUndefined()
    expect(() => data.getInt8(0)).toThrow(TypeError)
  })
}

function leavesItsMemory({ make }: Kind): void {
  test('disposing leaves memory that is not its own to its owner', () => {
    const region = make(64)
    const bytes = bytesOf(region).fill(7)
    region.dispose()
    expect(bytes.length).toBe(64)
    expect(bytes[63]).toBe(7)
  })
}
