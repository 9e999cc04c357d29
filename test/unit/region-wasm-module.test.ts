/** A real module works on blocks that JS allocated in its memory, whoever grows it meanwhile. */
import { describe, expect, test } from 'vitest'
import { type Allocation, BumpAllocator, Layout, Region } from '../../lib/index.js'
import { type Cells, type Exports, hasWide, instantiate, Memory, PAGE } from '../support/wasm.js'

const NODE = Layout.struct({ value: Layout.i32, next: Layout.u32 })
const { value: VALUE, next: NEXT } = NODE.offsets

const dataOf = ({ bytes }: Allocation): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** A list of 1 to `count` in C's layout, its pointers offsets as the module has them. */
function listOf(bump: BumpAllocator, count: number): Allocation[] {
  const nodes = Array.from({ length: count }, () => bump.alloc(NODE))
  for (const [i, node] of nodes.entries()) {
    dataOf(node).setInt32(VALUE!, i + 1, true)
    dataOf(node).setUint32(NEXT!, nodes[i + 1]?.ptr ?? 0, true)
  }
  return nodes
}

const ways: Record<string, (module: Exports, bump: BumpAllocator) => void> = {
  'the allocator': (_, bump) => void bump.alloc(bump.remaining + 1, 1),
  'the module': (module) => expect(module.grow(1)).toBeGreaterThan(0),
  'the caller': ({ memory }) => void memory.grow(1),
}

describe.each(Object.entries(ways))('while %s grows the memory', (_, grow) => {
  test('the module and JS see the same blocks', () => {
    const module = instantiate('module')
    const { memory } = module
    const bump = new BumpAllocator(Region.wasm(memory, { start: module.__heap_base }))
    expect(bump.region.address).toBe(1056)
    const numbers = bump.alloc(Layout.array(Layout.i32, 100))
    const filled = bump.alloc(33, 1)
    const nodes = listOf(bump, 10)
    numbers.as(Int32Array).set(Array.from({ length: 100 }, (__, i) => i))

    for (let round = 1; round <= 12; round++) {
      const old = numbers.bytes
      const before = memory.buffer.byteLength
      grow(module, bump)
      expect(memory.buffer.byteLength).toBeGreaterThan(before)
      expect(old.length).toBe(0)

      // What JS writes the module reads ...
      numbers.as(Int32Array)[0] = round
      expect(module.sum(numbers.ptr, 100)).toBe(4950 + round)
      expect(module.walk(nodes[0]!.ptr)).toBe(55)
      // ... and the other way around, within the block and no further.
      module.fill(filled.ptr, filled.size, round)
      expect(filled.bytes.every((byte) => byte === round)).toBe(true)
      expect(dataOf(nodes[0]!).getInt32(VALUE!, true)).toBe(1)

      const fresh = bump.alloc(PAGE, 8)
      module.fill(fresh.ptr, fresh.size, 0xee)
      expect(fresh.bytes.every((byte) => byte === 0xee)).toBe(true)
    }
    const first = module.reverse(nodes[0]!.ptr)
    expect(first).toBe(nodes[9]!.ptr)
    expect(dataOf(nodes[9]!).getUint32(NEXT!, true)).toBe(nodes[8]!.ptr)
    expect(dataOf(nodes[0]!).getUint32(NEXT!, true)).toBe(0)
    expect(Buffer.from(memory.buffer, 1040, 16).toString()).toBe("the module's own")
  })
})

test('a shared memory grows under a module, under JS and under both', () => {
  const memory = new Memory({ initial: 1, maximum: 40, shared: true })
  const module = instantiate<Cells<number>>('shared', { env: { memory } })
  const bump = new BumpAllocator(Region.wasm(memory, { start: 1024 }))
  const cells: Allocation[] = []
  for (let i = 0; i < 24; i++) {
    const cell = bump.alloc(4)
    module.store(cell.ptr, i)
    cells.push(cell)
    if (i % 3 === 0) expect(module.grow(1)).toBeGreaterThan(0)
    else if (i % 3 === 1) memory.grow(1)
    else bump.alloc(bump.remaining, 1)
    for (const [at, { ptr }] of cells.entries()) expect(module.load(ptr)).toBe(at)
    expect(cells.map((block) => Atomics.load(block.as(Int32Array), 0))).toEqual([...cells.keys()])
  }
})

test.skipIf(!hasWide)('a module with 64-bit offsets takes them as bigints', () => {
  const module = instantiate<Cells<bigint>>('wide')
  const bump = new BumpAllocator(Region.wasm(module.memory, { start: module.__heap_base }))
  const cells: Allocation[] = []
  for (let i = 0; i < 10; i++) {
    const cell = bump.alloc(4)
    module.store(BigInt(cell.ptr), i)
    cells.push(cell)
    if (i % 2 === 0) expect(module.grow(1n)).toBeGreaterThan(0n)
    else bump.alloc(bump.remaining + 1, 1)
    expect(cells.map((block) => block.as(Int32Array)[0])).toEqual([...cells.keys()])
    expect(module.load(BigInt(cells[0]!.ptr))).toBe(0)
  }
})
