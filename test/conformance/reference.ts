/**
 * An allocator that is slow, simple and has every ability that the suite knows: first fit over a list
 * of live blocks that is kept outside the payload. Shows that each check can be passed; broken
 * variants of it (broken.test.ts) show that each can fail.
 */
import type { Subject } from '../../lib/conformance/index.js'
import {
  Allocator,
  type AllocatorStats,
  DoubleFreeError,
  Layout,
  OffheapError,
  Region,
} from '../../lib/index.js'

export interface Live {
  ptr: number
  size: number
}

export interface Abilities {
  readonly lifo?: boolean
  /** All blocks have this much room. */
  readonly blockSize?: number
}

const CAPACITY = 2 ** 18
const MAX_ALIGN = 2 ** 14

export class ReferenceAllocator extends Allocator {
  /** By address; with `lifo` that is by age too. */
  protected live: Live[] = []
  protected readonly freed = new Set<number>()
  protected used = 0
  protected peak = 0

  constructor(
    readonly abilities: Abilities = {},
    protected readonly region: Region = Region.malloc(CAPACITY, { align: MAX_ALIGN }),
  ) {
    super(region)
  }

  override rawAlloc(size: number, align: number): number {
    this.checkLayout(size, align)
    const ptr = this.place(size, align)
    if (ptr === 0) return 0
    this.enter({ ptr, size })
    return ptr
  }

  override rawResize(ptr: number, size: number, align: number, newSize: number): boolean {
    const block = this.find(ptr, size, align)
    this.checkLayout(newSize, align)
    if (newSize > this.roomAt(block)) return false
    this.count(newSize - block.size)
    block.size = newSize
    return true
  }

  override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
    if (this.rawResize(ptr, size, align, newSize)) return ptr
    if (this.abilities.lifo) return 0
    const moved = this.rawAlloc(newSize, align)
    if (moved === 0) return 0
    this.copy(moved, ptr, Math.min(size, newSize))
    this.rawFree(ptr, size, align)
    return moved
  }

  override rawFree(ptr: number, size: number, align: number): void {
    const block = this.find(ptr, size, align)
    this.live.splice(this.live.indexOf(block), 1)
    this.freed.add(ptr)
    this.count(-size)
  }

  override stats(): AllocatorStats {
    const { name, used, peak } = this
    const capacity = this.region.byteLength
    return { name, capacity, used, peak, footprint: capacity, peakFootprint: capacity }
  }

  override dispose(): void {
    this.region.dispose()
    super.dispose()
  }

  protected checkLayout(size: number, align: number): void {
    void new Layout(size, align) // throws for what is none; `undefined` is 16 to it
    if (align === undefined) throw new OffheapError('INVALID_LAYOUT', 'Expected an alignment')
  }

  /** Bytes that a block takes. */
  protected room(size: number): number {
    return this.abilities.blockSize ?? Math.max(size, 1)
  }

  /** Bytes that a block can grow to where it is. */
  protected roomAt(block: Live): number {
    const { blockSize } = this.abilities
    if (blockSize !== undefined) return blockSize
    const next = this.live[this.live.indexOf(block) + 1]
    return (next?.ptr ?? this.end) - block.ptr
  }

  /** Where a block goes: the first place that is free, or 0. */
  protected place(size: number, align: number): number {
    const room = this.room(size)
    if (align > MAX_ALIGN || size > room) return 0
    const last = this.live.at(-1)
    if (this.abilities.lifo) return this.fit(last ? this.endOf(last) : 0, this.end, room, align)
    let from = 0
    for (const block of this.live) {
      const ptr = this.fit(from, block.ptr, room, align)
      if (ptr !== 0) return ptr
      from = this.endOf(block)
    }
    return this.fit(from, this.end, room, align)
  }

  protected find(ptr: number, size: number, align: number): Live {
    if (!Number.isSafeInteger(ptr)) throw invalid(ptr, 'is no address')
    this.checkLayout(size, align)
    const block = this.live.find((one) => one.ptr === ptr)
    if (block === undefined) {
      if (this.freed.has(ptr)) throw new DoubleFreeError('This block has been freed already')
      throw invalid(ptr, 'is not the start of a block')
    }
    if (block.size !== size) throw invalid(ptr, `has ${block.size} bytes, not ${size}`)
    if (ptr % align !== 0) throw invalid(ptr, `is not aligned to ${align}`)
    if (this.abilities.lifo && block !== this.live.at(-1)) {
      throw new OffheapError('OUT_OF_ORDER', 'This is not the newest block')
    }
    return block
  }

  protected copy(to: number, from: number, size: number): void {
    this.view(to, size).set(this.view(from, size))
  }

  protected count(bytes: number): void {
    this.used += bytes
    this.peak = Math.max(this.peak, this.used)
  }

  protected get end(): number {
    return this.region.address + this.region.byteLength
  }

  private endOf({ ptr, size }: Live): number {
    return ptr + this.room(size)
  }

  private fit(from: number, to: number, room: number, align: number): number {
    const { address } = this.region
    const { blockSize } = this.abilities
    const grain = blockSize === undefined ? align : Math.max(align, blockSize)
    const ptr = Math.ceil(Math.max(from, address) / grain) * grain
    return ptr + room <= to ? ptr : 0
  }

  private enter(block: Live): void {
    const end = this.endOf(block)
    for (const ptr of this.freed) if (ptr >= block.ptr && ptr < end) this.freed.delete(ptr)
    const index = this.live.findIndex(({ ptr }) => ptr > block.ptr)
    this.live.splice(index === -1 ? this.live.length : index, 0, block)
    this.count(block.size)
  }
}

const invalid = (ptr: number, why: string): OffheapError =>
  new OffheapError('INVALID_POINTER', `Expected a block, but ${String(ptr)} ${why}`)

const ALL = { findsDoubleFrees: true, findsWrongSizes: true, findsInvalidFrees: true } as const

export const anyOrder: Subject = {
  ...ALL,
  name: 'the reference, any order',
  make: () => new ReferenceAllocator(),
  largest: CAPACITY,
  maxAlign: MAX_ALIGN,
  gathersFreed: true,
}

export const lifo: Subject = {
  ...anyOrder,
  name: 'the reference, last in first out',
  make: () => new ReferenceAllocator({ lifo: true }),
  freesInOrder: 'lifo',
}

/** Blocks of 512 bytes; addresses are aligned to that much. */
export const pool: Subject = {
  ...ALL,
  name: 'the reference, blocks of one size',
  make: () => new ReferenceAllocator({ blockSize: 512 }),
  largest: 512,
  maxAlign: MAX_ALIGN,
  blockSize: 512,
}
