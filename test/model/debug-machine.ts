/**
 * Random programs for DebugAllocator: blocks that are allocated, resized and freed as they should be, and
 * now and then a mistake, which must be found where it can be at the latest, as what it is.
 */
import assert from 'node:assert/strict'
import { type DebugAllocator, isMisuse, type Misuse, type OffheapError } from '../../lib/index.js'
import { generator } from '../../lib/conformance/random.js'
import { poke } from '../support/debug.js'

interface Live {
  ptr: number
  size: number
  align: number
}

export const MISTAKES = [
  'double free',
  'wrong size',
  'wrong alignment',
  'inside a block',
  'no address of ours',
  'resize of a freed block',
  'overrun',
  'underrun',
  'write after free',
] as const
export type Mistake = (typeof MISTAKES)[number]

/** What a mistake throws, and whether it does so at once or when it is looked for. */
const FOUND: Readonly<Record<Mistake, readonly [code: string, late: boolean]>> = {
  'double free': ['DOUBLE_FREE', false],
  'wrong size': ['INVALID_POINTER', false],
  'wrong alignment': ['INVALID_POINTER', false],
  'inside a block': ['INVALID_POINTER', false],
  'no address of ours': ['INVALID_POINTER', false],
  'resize of a freed block': ['USE_AFTER_FREE', false],
  overrun: ['CORRUPTED', true],
  underrun: ['CORRUPTED', true],
  'write after free': ['USE_AFTER_FREE', true],
}

export class DebugMachine {
  readonly live: Live[] = []
  /** Freed last: their addresses are still their own. */
  private readonly freed: Live[] = []
  private readonly random: (limit: number) => number
  /** Bytes that live, as the allocator should count them. */
  bytes = 0

  constructor(
    private readonly debug: DebugAllocator,
    seed: number,
    private readonly most: number,
  ) {
    this.random = generator(seed)
  }

  /** One operation as it should be. */
  step(): void {
    const { random, live, most } = this
    const roll = random(10)
    if (live.length === 0 || (roll < 5 && live.length < most)) this.alloc()
    else if (roll < 8 || live.length >= most) this.free(random(live.length))
    else this.resize(live[random(live.length)]!)
    assert.equal(this.debug.totalRequestedBytes, this.bytes)
  }

  freeAll(): void {
    while (this.live.length > 0) this.free(this.live.length - 1)
  }

  /** Makes a mistake. false: there is no block to make it with. */
  err(mistake: Mistake): boolean {
    const [code, late] = FOUND[mistake]
    const block = this.subject(mistake)
    if (block === undefined) return false
    const { live, bytes } = this
    const before = live.length
    const error = this.caught(() => {
      this.mistake(mistake, block)
      if (late) this.debug.check()
    })
    assert.equal(error.code, `ERR_OFFHEAP_${code}`, mistake)
    if (mistake !== 'no address of ours') {
      const { ptr, size, align } = block
      assert.deepEqual(error.block, { ptr, size, align }, mistake)
    }
    assert.deepEqual([this.debug.totalRequestedBytes, live.length], [bytes, before])
    return true
  }

  private subject(mistake: Mistake): Live | undefined {
    const ofFreed = ['double free', 'resize of a freed block', 'write after free']
    const among = ofFreed.includes(mistake) ? this.freed : this.live
    const fits = among.filter(({ size }) => size > 1)
    return fits[this.random(Math.max(1, fits.length))]
  }

  private mistake(mistake: Mistake, { ptr, size, align }: Live): void {
    const { debug, random } = this
    switch (mistake) {
      case 'double free':
        return debug.rawFree(ptr, size, align)
      case 'wrong size':
        return debug.rawFree(ptr, size + 1 + random(100), align)
      case 'wrong alignment':
        return debug.rawFree(ptr, size, align * 2)
      case 'inside a block':
        return debug.rawFree(ptr + 1 + random(size - 1), 1, 1)
      case 'no address of ours':
        return debug.rawFree(random(2 ** 20), size, align)
      case 'resize of a freed block':
        return void debug.rawResize(ptr, size, align, 1)
      case 'overrun':
        return poke(ptr + size + random(16), 0x11)
      case 'underrun':
        return poke(ptr - 1 - random(16), 0x22)
      case 'write after free':
        return poke(ptr + random(size), 0x33)
    }
  }

  private caught(action: () => void): OffheapError & Misuse {
    try {
      action()
    } catch (error) {
      if (isMisuse(error)) return error
      throw error
    }
    return assert.fail('a mistake that nobody found')
  }

  private alloc(): void {
    const { random, debug } = this
    const size = random(20) === 0 ? random(100_000) : random(300)
    const align = 2 ** random(9)
    const ptr = debug.rawAlloc(size, align)
    assert.notEqual(ptr, 0)
    assert.equal(ptr % align, 0)
    this.live.push({ ptr, size, align })
    this.bytes += size
    if (size > 0) debug.view(ptr, size).fill(random(256))
  }

  private free(index: number): void {
    const block = this.live[index]!
    this.live[index] = this.live.at(-1)!
    this.live.pop()
    this.debug.rawFree(block.ptr, block.size, block.align)
    this.bytes -= block.size
    this.freed.push(block)
    if (this.freed.length > 5) this.freed.shift()
  }

  private resize(block: Live): void {
    const newSize = this.random(2 * block.size + 20)
    const { ptr, size, align } = block
    if (!this.debug.rawResize(ptr, size, align, newSize)) return
    this.bytes += newSize - size
    block.size = newSize
    if (newSize > 0) this.debug.view(ptr, newSize).fill(this.random(256))
  }
}
