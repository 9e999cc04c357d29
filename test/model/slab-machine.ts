/** The machine for slab allocators: exact accounting, containment, wrong calls, and room that is found. */
import assert from 'node:assert/strict'
import type { SlabAllocator } from '../../lib/index.js'
import { expectCode, expectOneOf } from '../support/errors.js'
import type { Block } from '../support/shadow.js'
import { Machine } from './machine.js'
import type { Op } from './program.js'
import type { SlabOp, WRONGS } from './slab-program.js'

const PAGE = 512
const SYSTEM_PAGE = 4096
/** Blocks from here on are runs of pages for certain. */
const SURELY_LARGE = 4096
/** How many freed blocks are tried at once: an exception each, several times over. */
const MOST_DEAD = 6

const taken = (size: number): number => Math.max(size, 1)

export class SlabMachine extends Machine {
  /** Addresses of blocks that were freed. */
  private readonly dead: number[] = []
  /** A large block whose bytes nobody looks at. */
  private ballast: { ptr: number; size: number } | null = null

  /** @param bounded The region cannot grow: what fits is known. */
  constructor(
    protected override readonly allocator: SlabAllocator,
    private readonly bounded = true,
  ) {
    super(allocator, 'view')
  }

  override run(program: readonly SlabOp[]): void {
    super.run(program as readonly Op[])
    this.dropBallast()
    this.checkEmpty()
  }

  protected override step(op: SlabOp): void {
    if (op.op === 'burst') this.burst(op.size, op.align, op.count)
    else if (op.op === 'thin') this.thin(op.keep, op.newestFirst)
    else if (op.op === 'freePtr') this.freePtr(op.pick)
    else if (op.op === 'wrong') this.wrong(op.how, op.pick, op.by)
    else if (op.op === 'scribble') this.scribble(op.byte)
    else if (op.op === 'ballast') this.takeBallast(op.share)
    else if (op.op === 'trim') this.trim()
    else if (op.op === 'reset') this.reset()
    else super.step(op)
    this.checkPlaces()
  }

  protected override free(block: Block): void {
    this.dead.push(block.ptr)
    super.free(block)
  }

  private burst(size: number, align: number, count: number): void {
    for (let i = 0; i < count; i++) super.step({ op: 'alloc', tier: 'raw', size, align })
  }

  private thin(keep: number, newestFirst: boolean): void {
    const blocks = [...this.shadow.blocks]
    if (newestFirst) blocks.reverse()
    for (const [i, block] of blocks.entries()) if (i % keep !== 0) this.free(block)
  }

  private freePtr(pick: number): void {
    const raw = [...this.shadow.blocks].filter(({ handle }) => handle === null)
    const block = raw[pick % raw.length]
    if (block === undefined) return
    assert(this.allocator.usableSize(block.ptr) >= block.size, 'usable')
    this.shadow.remove(block)
    this.dead.push(block.ptr)
    this.allocator.freePtr(block.ptr)
  }

  /** A call that something is wrong with throws, and nothing is changed by it. */
  private wrong(how: (typeof WRONGS)[number], pick: number, by: number): void {
    const blocks = [...this.shadow.blocks]
    const block = blocks[pick % blocks.length]
    const before = this.allocator.stats()
    if (how === 'freed') this.useDead(pick)
    else if (how === 'anywhere') this.useAny(by)
    else if (block === undefined) return
    else if (how === 'inside') this.useInside(block, 1 + (by % Math.max(1, block.size - 1)))
    else if (how === 'size') this.useSize(block, by)
    else this.useAlign(block)
    assert.deepEqual(this.allocator.stats(), before, 'a wrong call changes nothing')
  }

  private useInside({ ptr, size, align }: Block, by: number): void {
    if (by >= size) return
    this.refuse(ptr + by, size - by, 1)
    this.refuse(ptr + by, size, align)
  }

  private useSize({ ptr, size, align }: Block, by: number): void {
    const others = [
      size + 1,
      size - 1,
      size + 16,
      size - 16,
      size * 2,
      by % 5000,
      by,
      2 ** 32 + size,
    ]
    for (const other of others) {
      if (other < 0 || taken(other) === taken(size)) continue
      expectCode('INVALID_POINTER', () => this.allocator.rawFree(ptr, other, align), `${other}:`)
      expectCode('INVALID_POINTER', () => this.allocator.rawResize(ptr, other, align, size))
      expectCode('INVALID_POINTER', () => this.allocator.rawRemap(ptr, other, align, other))
    }
  }

  /** With the smallest alignment that its address does not have. */
  private useAlign({ ptr, size }: Block): void {
    let align = 1
    while (ptr % align === 0) align *= 2
    expectCode('INVALID_POINTER', () => this.allocator.rawFree(ptr, size, align), `${align}:`)
    expectCode('INVALID_POINTER', () => this.allocator.rawResize(ptr, size, align, size))
  }

  /** Some that were freed one after the other, and that no block starts at now. */
  private useDead(pick: number): void {
    const from = pick % Math.max(1, this.dead.length)
    for (const ptr of new Set(this.dead.slice(from, from + MOST_DEAD))) {
      if (this.isLive(ptr)) continue
      this.refuse(ptr, 16, 1)
      this.refuse(ptr, 600, 8)
    }
  }

  /** An address in the region or just outside that is no block's. */
  private useAny(by: number): void {
    const { address, byteLength } = this.allocator.region
    const ptr = address - 40 + (by % (byteLength + 80))
    for (const at of [ptr, ptr - (ptr % 16), ptr - (ptr % PAGE)]) {
      if (at > 0 && !this.isLive(at)) this.refuse(at, 1 + (by % 700), 1)
    }
  }

  /** No live block starts at `ptr`: every operation on it is an error. */
  private refuse(ptr: number, size: number, align: number): void {
    const { allocator } = this
    for (const operation of [
      () => allocator.rawFree(ptr, size, align),
      () => allocator.freePtr(ptr),
      () => allocator.usableSize(ptr),
      () => allocator.rawResize(ptr, size, align, size),
      () => allocator.rawRemap(ptr, size, align, 1),
    ]) {
      expectOneOf(['INVALID_POINTER', 'DOUBLE_FREE'], operation, `${size} bytes at ${ptr}:`)
    }
  }

  private isLive(ptr: number): boolean {
    if (this.ballast?.ptr === ptr) return true
    for (const block of this.shadow.blocks) if (block.ptr === ptr) return true
    return false
  }

  private scribble(byte: number): void {
    const { address, byteLength } = this.allocator.region
    let at = address
    for (const { ptr, size } of [...this.sorted(), { ptr: address + byteLength, size: 0 }]) {
      this.allocator.view(at, ptr - at).fill(byte)
      at = ptr + size
    }
  }

  private takeBallast(share: number): void {
    if (this.ballast !== null) return this.dropBallast()
    const size = Math.ceil((this.allocator.stats().capacity * share) / 100)
    const ptr = size < SURELY_LARGE ? 0 : this.allocator.rawAlloc(size, 16)
    if (ptr !== 0) this.ballast = { ptr, size }
  }

  private dropBallast(): void {
    if (this.ballast === null) return
    const { ptr, size } = this.ballast
    assert.equal(this.allocator.usableSize(ptr), Math.ceil(size / PAGE) * PAGE)
    this.allocator.rawFree(ptr, size, 16)
    this.dead.push(ptr)
    this.ballast = null
  }

  private trim(): void {
    const before = this.allocator.stats()
    const bytes = this.allocator.trim()
    const after = this.allocator.stats()
    assert(Number.isInteger(bytes) && bytes >= 0 && bytes <= before.capacity, `${bytes} trimmed`)
    assert.deepEqual([after.used, after.capacity], [before.used, before.capacity])
    // What was given back and is in use again is counted to the page only then, at each gap.
    const gaps = this.shadow.blocks.size + 2
    assert(after.footprint <= before.footprint + gaps * SYSTEM_PAGE, 'a trim frees')
    this.shadow.check()
  }

  private reset(): void {
    this.allocator.reset()
    this.ballast = null
    for (const block of [...this.shadow.blocks]) {
      this.shadow.forget(block)
      this.dead.push(block.ptr)
      if (block.handle === null) continue
      assert.equal(block.handle.freed, true, 'freed by the reset')
      this.freed.push(block.handle)
    }
    assert.equal(this.allocator.stats().used, 0)
  }

  private checkPlaces(): void {
    const { allocator } = this
    const { address, byteLength } = allocator.region
    const { ptr: from, size: length } = this.ballast ?? { ptr: 0, size: 0 }
    for (const { ptr, size } of this.shadow.blocks) {
      assert(ptr >= from + length || ptr + taken(size) <= from, 'apart from the ballast')
      const usable = allocator.usableSize(ptr)
      assert(usable >= taken(size), `${usable} bytes of ${size} are usable`)
      assert(ptr >= address && ptr + usable <= address + byteLength, 'inside the region')
      assert(allocator.owns(ptr) && allocator.owns(ptr + taken(size) - 1), 'owned')
    }
  }

  /** What is live, by address. */
  private sorted(): { ptr: number; size: number }[] {
    const blocks: { ptr: number; size: number }[] = [...this.shadow.blocks]
    if (this.ballast !== null) blocks.push(this.ballast)
    return blocks.toSorted((a, b) => a.ptr - b.ptr)
  }

  /**
   * A run of free pages is found. What slabs hold is not known, so this is asked when there are
   * none in use; and as bins are an eighth wide, a run that is longer by that and a page is asked for.
   */
  protected override mustFit(size: number, align: number): boolean {
    if (!this.bounded || align > 16) return false
    const blocks = this.sorted()
    if (blocks.some((block) => block.size < SURELY_LARGE)) return false
    const { capacity } = this.allocator.stats()
    const pages = Math.ceil(taken(size) / PAGE)
    if (blocks.length === 0) return pages * PAGE <= capacity
    const start = Math.ceil(this.allocator.region.address / PAGE) * PAGE
    let at = start
    let longest = 0
    for (const block of [...blocks, { ptr: start + capacity, size: 0 }]) {
      longest = Math.max(longest, (block.ptr - at) / PAGE)
      at = block.ptr + Math.ceil(block.size / PAGE) * PAGE
    }
    return longest >= Math.ceil(pages * 1.125) + 1
  }

  /** To the byte; an empty block may count as one. */
  protected override checkUsed(used: number): void {
    const { least, most } = this.shadow.used
    const ballast = this.ballast?.size ?? 0
    assert([least, most].includes(used - ballast), `used: ${used}, not ${least + ballast}`)
  }

  /** When everything was freed, all of it is one block again. */
  private checkEmpty(): void {
    const { used, capacity } = this.allocator.stats()
    assert.equal(used, 0)
    if (!this.bounded || capacity === 0) return
    const ptr = this.allocator.rawAlloc(capacity, 16)
    assert(ptr !== 0, `${capacity} bytes after all blocks were freed`)
    assert.equal(this.allocator.rawAlloc(1, 1), 0, 'full')
    this.allocator.freePtr(ptr)
  }
}
