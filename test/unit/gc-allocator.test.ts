/** GcAllocator's own methods, and what is said of wrong arguments. What it reclaims: test/faults. */
import { describe, expect, test } from 'vitest'
import { type Allocation, cAllocator, GcAllocator, Region } from '../../lib/index.js'
import { BAD_POINTERS, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { gcToTest } from '../support/gc.js'
import { peek, poke } from '../support/memory.js'
import { Memory } from '../support/wasm.js'

/** The address of a block as eight bytes. */
const bytesOf = (ptr: number): Uint8Array =>
  new Uint8Array(new BigUint64Array([BigInt(ptr)]).buffer)

describe('a libgc that cannot be used', () => {
  test('is not found: the error names the package to install', () => {
    const error = expectCode(
      'LIBRARY_NOT_FOUND',
      () => new GcAllocator({ library: '/nowhere/libgc.so.1' }),
    )
    expect(error.message).toMatch(/\/nowhere\/libgc\.so\.1.*apt-get install libgc1/s)
  })

  test.skipIf(!gcToTest)('is another library, or no library', () => {
    expectCode('LIBRARY_NOT_FOUND', () => new GcAllocator({ library: 'libm.so.6' }))
    expectCode('LIBRARY_NOT_FOUND', () => new GcAllocator({ library: process.execPath }))
    expectCode('LIBRARY_NOT_FOUND', () => new GcAllocator({ library: '/proc/self/maps' }))
    new GcAllocator({ library: 'libgc.so.1' }).alloc(8).free()
  })
})

describe.skipIf(!gcToTest)('GcAllocator (libgc)', () => {
  const gc = gcToTest ? new GcAllocator() : (null as never)

  test('takes options of the right types only', () => {
    for (const bad of [null, 5, 'libgc', true, 1n, Symbol('options')]) {
      expectCode('INVALID_ARGUMENT', () => new GcAllocator(wrong(bad)), shown(bad))
    }
    for (const bad of ['', 'a\0b', 5, null, {}, [], true, Symbol('gc'), () => 'libgc.so.1']) {
      expectCode('INVALID_ARGUMENT', () => new GcAllocator({ library: wrong(bad) }), shown(bad))
    }
    for (const bad of [null, 1, 'true', {}, 1n]) {
      for (const name of ['pointerFree', 'findLeaks', 'onReclaim']) {
        expectCode('INVALID_ARGUMENT', () => new GcAllocator({ [name]: bad }), shown(bad))
      }
    }
  })

  test('zeroes its blocks', () => {
    for (const size of [1, 100, 5000, 100_000]) {
      const first = gc.alloc(size)
      first.bytes.fill(0xff)
      first.free()
      const again = gc.alloc(size)
      expect(again.bytes.every((byte) => byte === 0)).toBe(true)
      again.free()
    }
  })

  test('usableSize is at least the size of a live block, and 0 for anything else', () => {
    const ptr = gc.rawAlloc(100, 64)
    expect(gc.usableSize(ptr)).toBeGreaterThanOrEqual(100)
    expect([gc.usableSize(ptr + 16), gc.usableSize(0), gc.usableSize(4096)]).toEqual([0, 0, 0])
    gc.rawFree(ptr, 100, 64)
    expect(gc.usableSize(ptr)).toBe(0)
  })

  test('pointers that are none are refused by each method', () => {
    const freed = gc.rawAlloc(8, 8)
    gc.rawFree(freed, 8, 8)
    const elsewhere = cAllocator.rawAlloc(8, 8)
    for (const bad of [...BAD_POINTERS, 0, 4096, freed, elsewhere, 2 ** 47]) {
      expectCode('INVALID_POINTER', () => gc.hold(wrong(bad)), shown(bad))
      expectCode('INVALID_POINTER', () => gc.letGo(wrong(bad)), shown(bad))
    }
    for (const bad of BAD_POINTERS) {
      expectCode('INVALID_POINTER', () => gc.usableSize(wrong(bad)), shown(bad))
    }
    cAllocator.rawFree(elsewhere, 8, 8)
  })

  test('blocks of one instance are freed by another, and count where they were allocated', () => {
    const other = new GcAllocator()
    const ptr = gc.rawAlloc(100, 16)
    const { used } = gc.stats()
    other.rawFree(ptr, 100, 16)
    expect(gc.stats().used).toBe(used - 100)
    expect(other.stats().used).toBe(0)
    expectCode('DOUBLE_FREE', () => gc.rawFree(ptr, 100, 16))
  })

  test('collect never takes what is held: raw, by a handle, a view, a hold, or another block', () => {
    const raw = gc.rawAlloc(64, 16)
    const handle = gc.alloc(64)
    const viewed = gc.rawAlloc(64, 16)
    const view = gc.view(viewed, 64)
    gc.letGo(viewed)
    const kept = gc.rawAlloc(64, 16)
    const hold = gc.hold(kept)
    gc.letGo(kept)
    const reached = gc.rawAlloc(64, 16)
    handle.bytes.set(bytesOf(reached + 63), 8)
    gc.letGo(reached)
    const all = [raw, handle.ptr, viewed, kept, reached]
    for (const ptr of all) poke(ptr, new Uint8Array(8).fill(7))
    for (let i = 0; i < 3; i++) gc.collect()
    gc.trim()
    for (const ptr of all) {
      expect(gc.owns(ptr)).toBe(true)
      expect([...peek(ptr, 8)]).toEqual(Array(8).fill(7))
    }
    expect(view.length).toBe(64)
    hold[Symbol.dispose]()
    hold[Symbol.dispose]()
    for (const ptr of [raw, viewed, reached]) gc.rawFree(ptr, 64, 16)
    expect(view.length).toBe(0)
    handle.free()
  })

  test('what is let go is reclaimed, and told to onReclaim; freed blocks are not', () => {
    const seen: number[] = []
    const own = new GcAllocator({ onReclaim: ({ ptr, size }) => void seen.push(ptr, size) })
    const ptrs = Array.from({ length: 1000 }, () => own.rawAlloc(40, 16))
    const freed = ptrs.splice(0, 100)
    for (const ptr of freed) own.rawFree(ptr, 40, 16)
    for (const ptr of ptrs) own.letGo(ptr)
    const count = own.collect()
    // A word somewhere may look like the address of a block.
    expect(count).toBeGreaterThan(880)
    expect(seen.length).toBe(2 * count)
    expect(seen.filter((_, i) => i % 2 === 1).every((size) => size === 40)).toBe(true)
    expect(seen.filter((_, i) => i % 2 === 0).every((ptr) => ptrs.includes(ptr))).toBe(true)
    expect(own.reclaimed).toEqual({ blocks: count, bytes: 40 * count })
    expect(own.stats().used).toBe(40 * (900 - count))
    for (const ptr of seen.filter((_, i) => i % 2 === 0)) {
      expectCode('DOUBLE_FREE', () => own.rawFree(ptr, 40, 16))
    }
  })

  test('an onReclaim that throws or collects does neither lose nor repeat a block', () => {
    const seen: number[] = []
    const own: GcAllocator = new GcAllocator({
      onReclaim: ({ ptr }) => {
        seen.push(ptr)
        if (seen.length % 3 === 0) throw new Error('on purpose')
        own.collect()
      },
    })
    for (let i = 0; i < 100; i++) own.letGo(own.rawAlloc(40, 16))
    for (let i = 0; i < 100; i++) {
      try {
        own.collect()
      } catch (error) {
        expect((error as Error).message).toBe('on purpose')
      }
    }
    expect(seen.length).toBe(own.reclaimed.blocks)
    expect(seen.length).toBeGreaterThan(80)
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('registered regions are read, until they are not any more', () => {
    for (const region of [Region.malloc(8000), Region.pages(8000, { guard: true })]) {
      const words = new BigUint64Array(region.buffer, region.byteOffset, 1000)
      const ptrs = Array.from({ length: 1000 }, () => gc.rawAlloc(32, 16))
      words.set(ptrs.map((ptr, i) => BigInt(ptr + (i % 33))))
      const registered = gc.addRoots(region)
      const again = gc.addRoots(region)
      for (const ptr of ptrs) gc.letGo(ptr)
      gc.collect()
      expect(ptrs.every((ptr) => gc.owns(ptr))).toBe(true)
      expectCode('PINNED', () => region.dispose())
      registered[Symbol.dispose]()
      registered[Symbol.dispose]()
      gc.collect()
      expect(ptrs.every((ptr) => gc.owns(ptr))).toBe(true)
      again[Symbol.dispose]()
      region.dispose()
      gc.collect()
      expect(ptrs.filter((ptr) => gc.owns(ptr)).length).toBeLessThan(20)
    }
  })

  test('memory that may go while it is read is refused as roots', () => {
    const gone = Region.malloc(64)
    gone.dispose()
    expectCode('DISPOSED', () => gc.addRoots(gone))
    const memory = new Memory({ initial: 1 })
    const regions = [
      Region.from(new Uint8Array(64)),
      Region.shared(64),
      Region.wasm(memory, { start: 64 }),
    ]
    for (const region of regions) {
      expectCode('UNSUPPORTED', () => gc.addRoots(region), region.kind)
      region.dispose()
    }
    for (const bad of [undefined, null, 5, {}, new ArrayBuffer(8), new Uint8Array(8)]) {
      expectCode('INVALID_ARGUMENT', () => gc.addRoots(wrong(bad)), shown(bad))
    }
  })

  test('leaks: what nobody freed and nothing reaches, again and again until it is freed', () => {
    const hunter = new GcAllocator({ findLeaks: true })
    const root = hunter.rawAlloc(16, 8)
    const child = hunter.rawAlloc(24, 8)
    hunter.view(root, 16).set(bytesOf(child))
    const handle = hunter.alloc(100)
    const hold = hunter.hold(root)
    const lost = Array.from({ length: 500 }, () => hunter.rawAlloc(56, 8))
    for (const ptr of lost) poke(ptr, new Uint8Array(56).fill(3))
    for (let round = 0; round < 3; round++) {
      const leaks = hunter.leaks()
      expect(leaks.length).toBeGreaterThan(480)
      expect(leaks.every(({ ptr, size }) => size === 56 && lost.includes(ptr))).toBe(true)
      hunter.collect()
    }
    expect(lost.every((ptr) => peek(ptr, 56).every((byte) => byte === 3))).toBe(true)
    for (const ptr of lost) hunter.rawFree(ptr, 56, 8)
    expect(hunter.leaks()).toEqual([])
    expect(hunter.reclaimed.blocks).toBe(0)
    hunter.rawFree(child, 24, 8)
    hold[Symbol.dispose]()
    hunter.rawFree(root, 16, 8)
    handle.free()
    expectCode('UNSUPPORTED', () => gc.leaks())
  })

  test('after dispose there are no blocks; handles live on, and the rest is let go', () => {
    const own = new GcAllocator()
    const handle = own.dupe('still here')
    const ptrs = Array.from({ length: 200 }, () => own.rawAlloc(40, 16))
    own.dispose()
    own.dispose()
    const attempts: readonly (() => unknown)[] = [
      () => own.rawAlloc(8, 8),
      () => own.alloc(8),
      () => own.tryAlloc(8),
      () => own.dupe('more'),
    ]
    for (const attempt of attempts) expectCode('DISPOSED', attempt)
    gc.collect()
    expect(handle.buffer.toString()).toBe('still here')
    expect(ptrs.filter((ptr) => own.owns(ptr)).length).toBeLessThan(20)
    handle.free()
    expect(own.stats().used).toBeLessThan(20 * 40)
  })

  test('memory that is free goes back to the system with trim', () => {
    const blocks: Allocation[] = Array.from({ length: 50 }, () => gc.alloc(2 ** 20))
    const full = gc.heapSize()
    expect(full).toBeGreaterThan(50 * 2 ** 20)
    for (const block of blocks) block.free()
    expect(gc.trim()).toBe(true)
    expect(gc.heapSize()).toBeLessThan(full - 40 * 2 ** 20)
  })
})
