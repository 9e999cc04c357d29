/** Region.borrow: memory that C handed over, and how it goes back. */
import { afterEach, describe, expect, test } from 'vitest'
import { cAllocator, Region } from '../../lib/index.js'
import { BAD_POINTERS, shown, wrong } from '../support/bad-values.js'
import { expectCode } from '../support/errors.js'
import { collectGarbage, peek } from '../support/memory.js'

const SIZE = 64
const blocks: number[] = []

/** A block that "C made". */
function cBlock(): number {
  const ptr = cAllocator.rawAlloc(SIZE, 16)
  blocks.push(ptr)
  return ptr
}

afterEach(() => {
  for (const ptr of blocks.splice(0)) cAllocator.rawFree(ptr, SIZE, 16)
})

describe('the address', () => {
  test('is a number or a bigint', () => {
    const ptr = cBlock()
    for (const address of [ptr, BigInt(ptr)]) {
      using region = Region.borrow(address, SIZE)
      expect(region.address).toBe(ptr)
      expect(region.kind).toBe('borrowed')
      new Uint8Array(region.buffer).fill(0x42)
      expect(peek(ptr, SIZE).every((byte) => byte === 0x42)).toBe(true)
    }
  })

  test('is not NULL, and no other thing', () => {
    const wrongOnes = BAD_POINTERS.filter((value) => typeof value !== 'bigint')
    for (const address of [...wrongOnes, 0, 0n, -1n, 2n ** 53n]) {
      expectCode('INVALID_POINTER', () => Region.borrow(wrong(address), SIZE), shown(address))
    }
  })

  test('may be borrowed twice; both see the same bytes, and go one by one', () => {
    const ptr = cBlock()
    const first = Region.borrow(ptr, SIZE)
    using second = Region.borrow(ptr, SIZE)
    new Uint8Array(first.buffer)[5] = 55
    first.dispose()
    expect(new Uint8Array(second.buffer)[5]).toBe(55)
  })
})

describe('options', () => {
  test('are checked', () => {
    const ptr = cBlock()
    for (const options of [null, 5, 'free']) {
      expectCode('INVALID_ARGUMENT', () => Region.borrow(ptr, SIZE, wrong(options)))
    }
    for (const owner of [null, 5, 'owner', Symbol('owner')]) {
      expectCode('INVALID_ARGUMENT', () => Region.borrow(ptr, SIZE, { owner: wrong(owner) }))
    }
    for (const free of [null, 5, {}]) {
      expectCode('INVALID_ARGUMENT', () => Region.borrow(ptr, SIZE, { free: wrong(free) }))
    }
  })
})

describe('free', () => {
  test('is called once, with the address, when no view reads the memory any more', () => {
    const ptr = cBlock()
    const calls: unknown[] = []
    const region = Region.borrow(ptr, SIZE, {
      free: (address) => calls.push([address, view.length, region.disposed]),
    })
    const view = new Uint8Array(region.buffer)
    expect(calls).toEqual([])
    region.dispose()
    region.dispose()
    expect(calls).toEqual([[ptr, 0, true]])
  })

  test('is not called for a region that is pinned', () => {
    let calls = 0
    const region = Region.borrow(cBlock(), SIZE, { free: () => calls++ })
    const pin = region.pin()
    expectCode('PINNED', () => region.dispose())
    expect(calls).toBe(0)
    pin[Symbol.dispose]()
    region.dispose()
    expect(calls).toBe(1)
  })

  test('may throw: the caller hears of it, and the region is disposed all the same', () => {
    let calls = 0
    const region = Region.borrow(cBlock(), SIZE, {
      free: () => {
        calls++
        throw new Error('C is upset')
      },
    })
    expect(() => region.dispose()).toThrow('C is upset')
    expect(region.disposed).toBe(true)
    region.dispose()
    expect(calls).toBe(1)
  })

  test('may dispose the region again', () => {
    let calls = 0
    const region: Region = Region.borrow(cBlock(), SIZE, {
      free: () => {
        calls++
        region.dispose()
      },
    })
    region.dispose()
    expect(calls).toBe(1)
  })
})

describe('owner', () => {
  /** In a function of its own, so that nothing on the test's stack holds the owner. */
  function borrowWithOwner(): { region: Region; owner: WeakRef<object> } {
    const object = { keeps: 'the memory valid' }
    const region = Region.borrow(cBlock(), SIZE, { owner: object })
    return { region, owner: new WeakRef(object) }
  }

  test('lives as long as the region, and no longer than its buffer', async () => {
    const { region, owner } = borrowWithOwner()
    await collectGarbage()
    expect(owner.deref()).toBeDefined()
    region.dispose()
    await collectGarbage()
    expect(owner.deref()).toBeUndefined()
  })

  test('lives as long as the buffer, though the region is gone', async () => {
    const made = borrowWithOwner()
    const { buffer } = made.region
    const { owner } = made
    Reflect.deleteProperty(made, 'region')
    await collectGarbage()
    expect(owner.deref()).toBeDefined()
    expect(buffer.byteLength).toBe(SIZE)
  })
})
