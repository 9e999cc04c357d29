/** What blocks are: aligned, apart, and as full as they were left. */
import assert from 'node:assert/strict'
import { type Allocation, type Allocator, Layout } from '../../lib/index.js'
import { Shadow } from '../support/shadow.js'
import type { Subject } from './subject.js'

const PAGE = 4096
const HALF_PAGE = PAGE / 2

/** Makes a block `size` long, by resize where that can be done, and looks at its bytes. */
function resizeTo(allocator: Allocator, shadow: Shadow, a: Allocation, size: number): void {
  const block = [...shadow.blocks].find(({ handle }) => handle === a)!
  if (!a.resize(size)) assert.equal(allocator.realloc(a, size), a, 'the same handle')
  assert.equal(a.size, size)
  shadow.change(block, a.ptr, size)
}

export function smallBlocks(allocator: Allocator): void {
  const shadow = new Shadow(allocator)
  const small = Array.from({ length: 100 }, () => shadow.addHandle(allocator.alloc(Layout.i32)))
  const growing = allocator.alloc(Layout.array(Layout.ptr, 100))
  const block = shadow.addHandle(growing)
  for (const size of [1600, 5000, 20_000, 50, 25, 0]) resizeTo(allocator, shadow, growing, size)
  shadow.check()
  for (const one of small) {
    shadow.remove(one)
    one.handle!.free()
  }
  resizeTo(allocator, shadow, growing, 10)
  shadow.remove(block)
  growing.free()
}

export function alignments(allocator: Allocator, { maxAlign }: Subject): void {
  for (let align = 1; align <= Math.min(64, maxAlign); align *= 2) {
    const shadow = new Shadow(allocator)
    const a = allocator.alloc(10, align)
    const block = shadow.addHandle(a)
    for (const size of [100, 10, 5, 20, 0, 300]) {
      allocator.realloc(a, size)
      shadow.change(block, a.ptr, size)
      assert.equal(a.align, align)
    }
    shadow.remove(block)
    a.free()
  }
}

export function largeAlignment(allocator: Allocator, { maxAlign }: Subject): void {
  if (maxAlign < HALF_PAGE) {
    assert.equal(allocator.tryAlloc(500, HALF_PAGE), null)
    return
  }
  const shadow = new Shadow(allocator)
  const a = allocator.alloc(500, HALF_PAGE)
  const block = shadow.addHandle(a)
  for (const size of [100, 5000, 10, 20_000]) {
    allocator.realloc(a, size)
    shadow.change(block, a.ptr, size)
  }
  shadow.remove(block)
  a.free()
}

/**
 * Shrinks to half and to a larger alignment at once. Addresses that have that alignment by chance are
 * put aside, so that the block must move or be refused, with its bytes.
 */
export function alignedShrink(allocator: Allocator, { maxAlign }: Subject): void {
  const align = Math.min(16, maxAlign)
  const larger = Math.min(4 * PAGE, maxAlign)
  const aside: Allocation[] = []
  let a = allocator.alloc(2 * PAGE + 50, align)
  while (larger > align && a.ptr % larger === 0 && aside.length < 8) {
    aside.push(a)
    a = allocator.alloc(2 * PAGE + 50, align)
  }
  for (const one of aside) one.free()
  const shadow = new Shadow(allocator)
  const block = shadow.addHandle(a)
  allocator.realloc(a, new Layout(PAGE + 25, larger))
  shadow.change(block, a.ptr, PAGE + 25)
  assert.equal(a.ptr % larger, 0, `0x${a.ptr.toString(16)} is aligned to ${larger}`)
  shadow.remove(block)
  a.free()
}

export function growingAlignment(allocator: Allocator): void {
  const shadow = new Shadow(allocator)
  const a = allocator.alloc(100, 1)
  const block = shadow.addHandle(a)
  allocator.realloc(a, new Layout(300, 256))
  shadow.change(block, a.ptr, 300)
  assert.equal(a.ptr % 256, 0)
  assert.equal(a.align, 256)
  allocator.realloc(a, new Layout(200, 8))
  shadow.change(block, a.ptr, 200)
  assert.equal(a.align, 256, 'an alignment once granted stays')
  a.free()
}

export function patterns(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const random = generator(20_240_229)
  const freeAll = (): void => {
    for (const block of shadow.blocks) {
      shadow.remove(block)
      allocator.rawFree(block.ptr, block.size, block.align)
    }
    subject.reset?.(allocator)
  }
  for (let i = 0; i < 3000; i++) {
    const size = random(10) === 0 ? random(5000) : random(100)
    const align = Math.min(2 ** random(8), subject.maxAlign)
    const ptr = allocator.rawAlloc(size, align)
    if (ptr === 0) freeAll()
    else shadow.add(ptr, size, align)
    if (shadow.blocks.size > 40) {
      const block = [...shadow.blocks][random(40)]!
      shadow.remove(block)
      allocator.rawFree(block.ptr, block.size, block.align)
    }
  }
  freeAll()
}

export function inPlace(allocator: Allocator): void {
  const shadow = new Shadow(allocator)
  const below = shadow.addHandle(allocator.alloc(64))
  const a = allocator.alloc(64)
  const block = shadow.addHandle(a)
  const above = shadow.addHandle(allocator.alloc(64))
  const { ptr } = a
  for (const size of [32, 1, 0, 16]) {
    if (!a.resize(size)) continue
    assert.equal(a.ptr, ptr)
    shadow.change(block, ptr, size)
  }
  const { size } = a
  assert.equal(a.resize(2 ** 40), false)
  assert.deepEqual([a.ptr, a.size], [ptr, size])
  shadow.check()
  for (const one of [above, block, below]) {
    shadow.remove(one)
    one.handle!.free()
  }
}

export function zeroed(allocator: Allocator, subject: Subject): void {
  for (let round = 0; round < 4; round++) {
    const a = allocator.allocZeroed(3000)
    assert(a.bytes.every((byte) => byte === 0))
    a.bytes.fill(0xff)
    a.free()
    subject.reset?.(allocator)
  }
}

export function emptyBlocks(allocator: Allocator): void {
  const shadow = new Shadow(allocator)
  const all = [0, 0, 1, 0].map((size) => shadow.addHandle(allocator.alloc(size, 1)))
  all.push(shadow.addHandle(allocator.dupe('')), shadow.addHandle(allocator.allocZeroed(0)))
  const [first] = all
  allocator.realloc(first!.handle!, 100)
  shadow.change(first!, first!.handle!.ptr, 100)
  allocator.realloc(first!.handle!, 0)
  shadow.change(first!, first!.handle!.ptr, 0)
  assert.equal(first!.handle!.bytes.length, 0)
  for (const one of all) one.handle!.free()
  const raw = allocator.rawAlloc(0, 1)
  assert.notEqual(raw, 0)
  allocator.rawFree(raw, 0, 1)
}

/** mulberry32: random integers below `limit`, the same every time. */
function generator(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}
