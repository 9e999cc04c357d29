/** Region.pages: whole pages from the system, and what the kernel says of them. */
import koffi from 'koffi'
import { describe, expect, test } from 'vitest'
import { pageAllocator, Region } from '../../lib/index.js'
import { shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { mappingAt, MIB, peek, processGauge, residentBytes } from '../support/memory.js'

const PAGE = pageAllocator.pageSize
const onLinux = process.platform === 'linux'

describe('Region.pages', () => {
  test('starts at a page and is all zeros', () => {
    using region = Region.pages(3 * PAGE + 1)
    expect(region.kind).toBe('pages')
    expect(region.address % PAGE).toBe(0)
    expect(peek(region.address, region.byteLength).every((byte) => byte === 0)).toBe(true)
  })

  test('zeros again where another region was', () => {
    for (let i = 0; i < 10; i++) {
      using region = Region.pages(4 * PAGE)
      const bytes = new Uint8Array(region.buffer)
      expect(bytes.every((byte) => byte === 0)).toBe(true)
      bytes.fill(0xff)
    }
  })

  test('asks for huge pages at a multiple of 2 MiB', () => {
    using region = Region.pages(4 * MIB, { hugePages: true })
    expect(region.address % (2 * MIB)).toBe(0)
    new Uint8Array(region.buffer)[4 * MIB - 1] = 7
    expect(peek(region.address + 4 * MIB - 1, 1)[0]).toBe(7)
  })

  test('checks its options', () => {
    for (const options of [null, 5, 'guard']) {
      expectCode('INVALID_ARGUMENT', () => Region.pages(PAGE, wrong(options)), shown(options))
    }
    for (const value of [1, 'true', null, {}]) {
      expectCode('INVALID_ARGUMENT', () => Region.pages(PAGE, { guard: wrong(value) }))
      expectCode('INVALID_ARGUMENT', () => Region.pages(PAGE, { hugePages: wrong(value) }))
    }
    for (const name of ['', 'x'.repeat(80), 'a\n', 'a\0b', 'ü', '[a]', '$a', '`', '\\', 5, null]) {
      expectCode('INVALID_ARGUMENT', () => Region.pages(PAGE, { name: wrong(name) }), shown(name))
    }
  })
})

describe.runIf(onLinux)('the kernel', () => {
  test('has inaccessible pages right before and behind a guarded region', processGauge, () => {
    using region = Region.pages(2 * PAGE, { guard: true })
    const before = mappingAt(region.address - 1)
    const behind = mappingAt(region.address + 2 * PAGE)
    expect(mappingAt(region.address)).toMatchObject({
      start: region.address,
      end: region.address + 2 * PAGE,
      access: 'rw-p',
    })
    expect([before?.access, behind?.access]).toEqual(['---p', '---p'])
  })

  test('has no guard pages where none were asked for', processGauge, () => {
    using region = Region.pages(2 * PAGE)
    expect(mappingAt(region.address)!.access).toBe('rw-p')
    // One side may have a neighbour's.
    const sides = [region.address - 1, region.address + 2 * PAGE].map((at) => mappingAt(at)?.access)
    expect(sides).not.toEqual(['---p', '---p'])
  })

  test('forgets the pages when they are disposed, guards included', processGauge, () => {
    const region = Region.pages(64 * PAGE, { guard: true })
    region.dispose()
    const left = [region.address - 1, region.address, region.address + 64 * PAGE].map(mappingAt)
    for (const mapping of left) expect(mapping?.access).not.toBe('---p')
    expect(left[1]).toBeUndefined()
  })

  test('shows the name that was given, if it can show names', () => {
    const name = 'offheap: a name of 7-bit ASCII (79 at most)'
    using plain = Region.pages(PAGE)
    using named = Region.pages(PAGE, { name })
    const shownNow = mappingAt(named.address)!.name
    expect(shownNow).toBe(kernelTakesNames(plain.address) ? `[anon:${name}]` : '')
  })

  /** Names a page past this library: PR_SET_VMA, PR_SET_VMA_ANON_NAME. */
  function kernelTakesNames(address: number): boolean {
    const types = 'int prctl(int, unsigned long, unsigned long, unsigned long, void *)'
    const prctl = koffi.load('libc.so.6').func(types)
    return prctl(0x53564d41, 0, address, PAGE, Buffer.from('probe\0')) === 0
  }
})

describe('a region of 4 GiB - 4 KiB', () => {
  const SIZE = 2 ** 32 - 4096

  test('costs what is touched of it, and that goes back', processGauge, () => {
    const before = residentBytes()
    const region = Region.pages(SIZE)
    const bytes = new Uint8Array(region.buffer)
    expect(bytes.length).toBe(SIZE)
    for (const at of [0, 2 ** 31 - 1, 2 ** 31, SIZE - 1]) bytes[at] = 0x77
    expect(peek(region.address + SIZE - 1, 1)[0]).toBe(0x77)
    expect(residentBytes() - before).toBeLessThan(16 * MIB)
    bytes.fill(1, 0, 100 * MIB)
    expect(residentBytes() - before).toBeGreaterThan(80 * MIB)
    region.dispose()
    expect(residentBytes() - before).toBeLessThan(16 * MIB)
  })
})
