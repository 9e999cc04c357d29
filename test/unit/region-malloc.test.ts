/** Region.malloc: aligned memory of the C heap, given back at once. */
import { describe, expect, test } from 'vitest'
import { Region } from '../../lib/index.js'
import { BAD_ALIGNS, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { MIB, peek, processGauge, residentBytes, sanitized } from '../support/memory.js'

const fill = (region: Region, byte: number): void => {
  new Uint8Array(region.buffer).fill(byte)
}

describe('alignment', () => {
  test('is granted up to 1 MiB, and never less than 16', () => {
    for (let align = 1; align <= MIB; align *= 2) {
      using region = Region.malloc(100, { align })
      expect(region.address % Math.max(align, 16), `align ${align}`).toBe(0)
      fill(region, 0x5a)
      expect(peek(region.address, 100).every((byte) => byte === 0x5a)).toBe(true)
    }
  })

  test('that is none is refused', () => {
    for (const align of BAD_ALIGNS) {
      expectCode('INVALID_LAYOUT', () => Region.malloc(100, { align: wrong(align) }), shown(align))
    }
  })

  test('options that are none are refused', () => {
    for (const options of [null, 16, 'align', true]) {
      expectCode('INVALID_ARGUMENT', () => Region.malloc(100, wrong(options)), shown(options))
    }
    using region = Region.malloc(100, { align: undefined })
    expect(region.address % 16).toBe(0)
  })
})

test('its kind is malloc', () => {
  using region = Region.malloc(1)
  expect(region.kind).toBe('malloc')
})

describe.skipIf(sanitized)('memory goes back', () => {
  test('to the system with dispose, not with the collector', processGauge, () => {
    const before = residentBytes()
    const region = Region.malloc(128 * MIB)
    fill(region, 1)
    expect(residentBytes() - before).toBeGreaterThan(100 * MIB)
    region.dispose()
    expect(residentBytes() - before).toBeLessThan(20 * MIB)
  })

  test('in one synchronous loop', processGauge, () => {
    const before = residentBytes()
    for (let i = 0; i < 5000; i++) {
      const region = Region.malloc(65_536)
      fill(region, i)
      region.dispose()
    }
    expect(residentBytes() - before).toBeLessThan(64 * MIB)
  })
})
