/** The malloc traces of the benchmark are what their headers say, and replay on allocators. */
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  ALLOC,
  decodeTrace,
  FREE,
  listTraces,
  loadTrace,
  OLD,
  REALLOC,
  type Trace,
} from '../../bench/harness/trace.mjs'
import { encodeTrace } from '../../bench/record/encode.mjs'
import { Allocator, cAllocator, Region } from '../../lib/index.js'
import { peek, poke } from '../support/memory.js'
import { replayChecked } from '../support/replay.js'

const names = listTraces()
const about = { program: 'p', version: 'v', command: 'c' }

/** What the flat form amounts to. Throws for what no program can do. */
function tally({ ops, slots }: Trace) {
  const live = new Int32Array(slots).fill(-1)
  const heads = new Int32Array(slots)
  const counts = [0, 0, 0, 0]
  let [bytes, blocks, peakBytes, peakBlocks] = [0, 0, 0, 0]
  for (let i = 0; i < ops.length; i += 2) {
    const [head, size] = [ops[i]!, ops[i + 1]!]
    const [kind, slot] = [head & 3, head >>> 8]
    counts[kind]!++
    if (slot >= slots || size < 0) throw new Error(`entry ${i / 2}: no slot or no size`)
    if ((live[slot] === -1) !== (kind === ALLOC))
      throw new Error(`entry ${i / 2}: not live, or twice`)
    if (kind === ALLOC) {
      const align = (head >>> 2) & 63
      if (align < 3 || align > 12) throw new Error(`entry ${i / 2}: 2^${align}`)
      heads[slot] = head
      blocks++
    } else if (head >>> 2 !== heads[slot]! >>> 2)
      throw new Error(`entry ${i / 2}: another alignment`)
    if (kind === FREE && size !== live[slot]) throw new Error(`entry ${i / 2}: another size`)
    if (kind === REALLOC && (ops[i + 2]! & 3) !== OLD)
      throw new Error(`entry ${i / 2}: no old size`)
    if (kind === OLD) {
      const before = ops[i - 2]! - REALLOC === head - OLD ? ops[i - 1]! : NaN
      bytes += before - live[slot]!
      if (size !== live[slot]) throw new Error(`entry ${i / 2}: another old size`)
      live[slot] = before
    } else if (kind !== REALLOC) {
      bytes += kind === ALLOC ? size : -size
      live[slot] = kind === ALLOC ? size : -1
      if (kind === FREE) blocks--
    }
    peakBytes = Math.max(peakBytes, bytes)
    peakBlocks = Math.max(peakBlocks, blocks)
  }
  const [allocs, frees, reallocs, olds] = counts as [number, number, number, number]
  expect(olds).toBe(reallocs)
  const left = { leftBlocks: blocks, leftBytes: bytes }
  return { ops: allocs + frees + reallocs, allocs, frees, reallocs, peakBytes, peakBlocks, ...left }
}

describe('the traces', () => {
  test('are of at least six programs, most of them with more than 200,000 operations', () => {
    const headers = names.map((name) => loadTrace(name).header)
    expect(new Set(headers.map(({ program }) => program)).size).toBeGreaterThanOrEqual(6)
    expect(headers.filter(({ ops }) => ops >= 200_000).length).toBeGreaterThanOrEqual(6)
  })

  test.each(names)('%s is what its header says', (name) => {
    const trace = loadTrace(name)
    const { header } = trace
    expect(header).toMatchObject(tally(trace))
    expect(trace.slots).toBe(header.slots)
    expect(header.slots).toBe(header.peakBlocks)
    expect(header.program && header.version && header.command).toBeTruthy()
    // No folder of the machine that recorded it.
    expect(`${header.program} ${header.command}`).not.toMatch(/(^|[\s=])\/(?!dev\/null)/)
  })
})

describe('the format', () => {
  const columns = {
    kinds: [0, 0, 1, 0, 2, 1, 0],
    blocks: [0, 1, 0, 2, 1, 1, 3],
    sizes: [8, 300, 0, 0, 70_000, 0, 64],
    aligns: [3, 4, 3, 6],
    cut: false,
  }
  const decoded = (of: typeof columns) => decodeTrace(encodeTrace(of, about).bytes)

  test('gives back what was written, slots used again', () => {
    const { header, ops } = decoded(columns)
    const [kind8, kind16, kind64] = [3 << 2, 4 << 2, 6 << 2]
    const expected = [
      [kind8 | ALLOC, 8],
      [256 | kind16 | ALLOC, 300],
      [kind8 | FREE, 8],
      [kind8 | ALLOC, 0],
      [256 | kind16 | REALLOC, 70_000],
      [256 | kind16 | OLD, 300],
      [256 | kind16 | FREE, 70_000],
      [256 | kind64 | ALLOC, 64],
    ]
    expect([...ops]).toEqual(expected.flat())
    expect(header).toMatchObject({ ...about, ops: 7, allocs: 4, frees: 2, reallocs: 1, slots: 2 })
    expect(header).toMatchObject({ peakBytes: 70_000, peakBlocks: 2, leftBlocks: 2, leftBytes: 64 })
  })

  test('a block that is freed twice, or not there, is an error', () => {
    const twice = { ...columns, kinds: [...columns.kinds, 1], blocks: [...columns.blocks, 0] }
    expect(() => decoded({ ...twice, sizes: [...columns.sizes, 0] })).toThrow(/not live/)
    const unknown = { ...columns, blocks: columns.blocks.with(2, -1) }
    expect(() => decoded(unknown)).toThrow(/not live/)
  })

  test('a file that is cut, longer or of another format is an error', () => {
    const plain = brotliDecompressSync(encodeTrace(columns, about).bytes)
    const read = (bytes: Uint8Array) => () => decodeTrace(brotliCompressSync(bytes))
    expect(read(plain)).not.toThrow()
    expect(read(plain.subarray(0, -1))).toThrow()
    expect(read(Buffer.concat([plain, Buffer.alloc(1)]))).toThrow(/columns/)
    const text = plain.toString('latin1')
    const changed = (from: string, to: string) =>
      read(Buffer.from(text.replace(from, to), 'latin1'))
    expect(changed('"format":1', '"format":2')).toThrow(/format 2/)
    expect(changed('"ops":7', '"ops":6')).toThrow(/header counts/)
    expect(changed('"slots":2', '"slots":3')).toThrow(/header counts/)
  })
})

/** Lists by size class over a region that is never given back, with places to break it at. */
class Recycling extends Allocator {
  protected readonly lists = new Map<number, number[]>()
  protected next: number

  constructor(protected readonly region: Region) {
    super(region)
    this.next = region.address
  }

  protected classOf(size: number, align: number): number {
    return 2 ** Math.ceil(Math.log2(Math.max(size, align, 16)))
  }

  rawAlloc(size: number, align: number): number {
    const whole = this.classOf(size, align)
    const again = this.lists.get(whole)?.pop()
    if (again !== undefined) return again
    const ptr = Math.ceil(this.next / align) * align
    this.next = ptr + whole
    return this.next > this.region.address + this.region.byteLength ? 0 : ptr
  }

  rawResize(_ptr: number, size: number, align: number, newSize: number): boolean {
    return this.classOf(size, align) === this.classOf(newSize, align)
  }

  rawRemap(ptr: number, size: number, align: number, newSize: number): number {
    const moved = this.rawAlloc(newSize, align)
    if (moved === 0) return 0
    this.view(moved, Math.min(size, newSize)).set(this.view(ptr, Math.min(size, newSize)))
    this.rawFree(ptr, size, align)
    return moved
  }

  rawFree(ptr: number, size: number, align: number): void {
    const whole = this.classOf(size, align)
    if (!this.lists.has(whole)) this.lists.set(whole, [])
    this.lists.get(whole)!.push(ptr)
  }
}

/** The classes are too small for what is put into them. */
class Overlapping extends Recycling {
  protected override classOf(size: number, align: number): number {
    return size === 0 ? 16 : Math.max(16, super.classOf(size, align) / 2)
  }
}
/** Every eighth block is off by four bytes. */
class Misaligned extends Recycling {
  private count = 0
  override rawAlloc(size: number, align: number): number {
    return super.rawAlloc(size + 4, align) + (++this.count % 8 === 0 ? 4 : 0)
  }
}
/** A block is handed out while it is live. */
class Twice extends Recycling {
  private last = 0
  private count = 0
  override rawAlloc(size: number, align: number): number {
    if (++this.count % 100 === 0) return this.last
    return (this.last = super.rawAlloc(size, align))
  }
}
/** A free writes a link into the block below the one that is freed. */
class Scribbling extends Recycling {
  override rawFree(ptr: number, size: number, align: number): void {
    super.rawFree(ptr, size, align)
    if (ptr - 16 >= this.region.address) this.view(ptr - 16, 16).fill(0xdd)
  }
}
/** Resizes in place whatever it is asked to. */
class Boasting extends Recycling {
  override rawResize(): boolean {
    return true
  }
}
/** Moves without the last bytes. */
class Forgetful extends Recycling {
  override rawResize(): boolean {
    return false
  }
  override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
    const moved = super.rawRemap(ptr, size, align, newSize)
    this.view(moved + Math.min(size, newSize) - 1, 1).fill(0)
    return moved
  }
}

describe('a replay', () => {
  const OPERATIONS = 12_000
  const onRegion = (Kind: new (region: Region) => Allocator, name: string) => {
    using region = Region.pages(2 ** 30)
    return replayChecked(new Kind(region), loadTrace(name), { operations: OPERATIONS })
  }

  test.each(names)('%s on cAllocator, through its views', (name) => {
    const { operations, peakBytes } = replayChecked(cAllocator, loadTrace(name), {
      operations: OPERATIONS / 2,
    })
    expect(operations).toBe(OPERATIONS / 2)
    expect(peakBytes).toBeGreaterThan(10_000)
    expect(cAllocator.stats().used).toBe(0)
  })

  test.each(names)('%s on cAllocator, which nobody looks at: realloc moves', (name) => {
    const access = { read: peek, write: poke }
    const settings = { operations: OPERATIONS, every: 4, access }
    const { operations, copied } = replayChecked(cAllocator, loadTrace(name), settings)
    expect(operations).toBe(OPERATIONS)
    expect(copied).toBe(0)
  })

  test.each(names)('%s on a region', (name) => {
    expect(onRegion(Recycling, name).operations).toBe(OPERATIONS)
  })

  test.each([
    [Overlapping, /overlaps/],
    [Misaligned, /not aligned/],
    [Twice, /overlaps/],
    [Scribbling, /no longer what was written/],
    [Boasting, /overlaps/],
    [Forgetful, /no longer what was written/],
  ])('finds what is wrong with %o', (Kind, message) => {
    expect(() => onRegion(Kind, 'perl')).toThrow(message)
  })

  test('finds that there is no memory', () => {
    using region = Region.malloc(65_536)
    const run = () => replayChecked(new Recycling(region), loadTrace('perl'))
    expect(run).toThrow(/no memory/)
  })
})
