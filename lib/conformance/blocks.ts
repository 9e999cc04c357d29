/** What blocks are: aligned, apart, and as full as they were left. */
import assert from 'node:assert/strict'
import type { Allocation } from '../core/allocation.js'
import type { Allocator } from '../core/allocator.js'
import { OffheapError } from '../core/errors.js'
import { Layout } from '../core/layout.js'
import { generator, shuffled } from './random.js'
import { type Block, Shadow } from './shadow.js'
import { isLifo, type Subject, upTo } from './subject.js'

const PAGE = 4096
const HALF_PAGE = PAGE / 2

/** Makes a block `size` long, by resize where that can be done, and looks at its bytes. */
function resizeTo(allocator: Allocator, shadow: Shadow, block: Block, size: number): void {
  const a = block.handle!
  if (!a.resize(size)) assert.equal(allocator.realloc(a, size), a, 'the same handle')
  assert.equal(a.size, size)
  shadow.change(block, a.ptr, size)
}

/**
 * Reallocs to a layout that the block may have to move for. Only a 'lifo' allocator may refuse that,
 * as the new block lies on top of the old one; nothing has changed then. Was it done?
 */
function reallocTo(
  allocator: Allocator,
  subject: Subject,
  shadow: Shadow,
  block: Block,
  layout: Layout,
): boolean {
  const a = block.handle!
  const before = [a.ptr, a.size, a.align]
  try {
    allocator.realloc(a, layout)
  } catch (error) {
    const outOfOrder = error instanceof OffheapError && error.code === 'ERR_OFFHEAP_OUT_OF_ORDER'
    if (!isLifo(subject) || !outOfOrder) throw error
    assert.deepEqual([a.ptr, a.size, a.align], before, 'a block that was not moved')
    shadow.check()
    return false
  }
  shadow.change(block, a.ptr, layout.size)
  assert.equal(a.ptr % layout.align, 0, `0x${a.ptr.toString(16)} is aligned to ${layout.align}`)
  return true
}

/** Frees blocks that have handles, the newest first: an order that every allocator takes. */
export function freeNewestFirst(shadow: Shadow, blocks: Iterable<Block>): void {
  for (const block of [...blocks].toReversed()) {
    shadow.remove(block)
    block.handle!.free()
  }
}

function freeRaw(allocator: Allocator, shadow: Shadow, block: Block): void {
  shadow.remove(block)
  allocator.rawFree(block.ptr, block.size, block.align)
}

export function smallBlocks(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const small = Array.from({ length: 100 }, () => shadow.addHandle(allocator.alloc(Layout.i32)))
  const growing = shadow.addHandle(allocator.alloc(upTo(subject, 800), Layout.ptr.align))
  for (const size of [1600, 5000, 20_000, 50, 25, 0]) {
    resizeTo(allocator, shadow, growing, upTo(subject, size))
    shadow.check()
  }
  if (isLifo(subject)) return freeNewestFirst(shadow, shadow.blocks)
  for (const one of small) {
    shadow.remove(one)
    one.handle!.free()
  }
  resizeTo(allocator, shadow, growing, 10)
  freeNewestFirst(shadow, [growing])
}

export function alignments(allocator: Allocator, subject: Subject): void {
  for (let align = 1; align <= Math.min(64, subject.maxAlign); align *= 2) {
    const shadow = new Shadow(allocator)
    const block = shadow.addHandle(allocator.alloc(upTo(subject, 10), align))
    for (const size of [100, 10, 5, 20, 0, 300]) {
      resizeTo(allocator, shadow, block, upTo(subject, size))
      assert.equal(block.handle!.align, align)
    }
    freeNewestFirst(shadow, [block])
  }
}

export function largeAlignment(allocator: Allocator, subject: Subject): void {
  if (subject.maxAlign < HALF_PAGE) {
    assert.equal(allocator.tryAlloc(upTo(subject, 500), HALF_PAGE), null)
    return
  }
  const shadow = new Shadow(allocator)
  const block = shadow.addHandle(allocator.alloc(upTo(subject, 500), HALF_PAGE))
  for (const size of [100, 5000, 10, 20_000]) {
    const a = allocator.realloc(block.handle!, upTo(subject, size))
    shadow.change(block, a.ptr, upTo(subject, size))
  }
  freeNewestFirst(shadow, [block])
}

/**
 * Shrinks to half and to a larger alignment at once. Addresses that have that alignment by chance are
 * put aside, so that the block must move or be refused, with its bytes.
 */
export function alignedShrink(allocator: Allocator, subject: Subject): void {
  const align = Math.min(16, subject.maxAlign)
  const larger = Math.min(4 * PAGE, subject.maxAlign)
  const aside: Allocation[] = []
  let a = allocator.alloc(upTo(subject, 2 * PAGE + 50), align)
  while (larger > align && a.ptr % larger === 0 && aside.length < 8) {
    aside.push(a)
    a = allocator.alloc(upTo(subject, 2 * PAGE + 50), align)
  }
  const shadow = new Shadow(allocator)
  const block = shadow.addHandle(a)
  const layout = new Layout(upTo(subject, PAGE + 25), larger)
  reallocTo(allocator, subject, shadow, block, layout)
  freeNewestFirst(shadow, [block])
  for (const one of aside.toReversed()) one.free()
}

export function growingAlignment(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const block = shadow.addHandle(allocator.alloc(upTo(subject, 100), 1))
  const layout = new Layout(upTo(subject, 300), 256)
  if (reallocTo(allocator, subject, shadow, block, layout)) {
    const a = block.handle!
    assert.equal(a.align, 256)
    reallocTo(allocator, subject, shadow, block, new Layout(upTo(subject, 200), 8))
    assert.equal(a.align, 256, 'an alignment once granted stays')
  }
  freeNewestFirst(shadow, [block])
}

export function patterns(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const random = generator(20_240_229)
  const randomSize = (): number => upTo(subject, random(10) === 0 ? random(5000) : random(100))
  const freeAll = (): void => {
    for (const block of freeingOrder(subject, shadow, random)) freeRaw(allocator, shadow, block)
    subject.reset?.(allocator)
  }
  for (let i = 0; i < 3000; i++) {
    const size = randomSize()
    const align = Math.min(2 ** random(8), subject.maxAlign)
    const ptr = allocator.rawAlloc(size, align)
    if (ptr === 0) freeAll()
    else shadow.add(ptr, size, align)
    if (shadow.blocks.size > 40) freeRaw(allocator, shadow, someBlock(subject, shadow, random))
    if (shadow.blocks.size > 0 && random(3) === 0) {
      changeRaw(allocator, shadow, someBlock(subject, shadow, random), randomSize(), i % 2 === 0)
    }
  }
  freeAll()
}

/** A block that may be freed or resized. */
function someBlock(subject: Subject, shadow: Shadow, random: (limit: number) => number): Block {
  const all = [...shadow.blocks]
  return isLifo(subject) ? all.at(-1)! : all[random(all.length)]!
}

/** All blocks in an order in which they may be freed. */
function freeingOrder(
  subject: Subject,
  shadow: Shadow,
  random: (limit: number) => number,
): readonly Block[] {
  return isLifo(subject) ? [...shadow.blocks].toReversed() : shuffled(shadow.blocks, random)
}

/** Resizes or remaps a raw block if that can be done, and looks at it either way. */
function changeRaw(
  allocator: Allocator,
  shadow: Shadow,
  block: Block,
  newSize: number,
  moving: boolean,
): void {
  const { ptr, size, align } = block
  if (moving) {
    const moved = allocator.rawRemap(ptr, size, align, newSize)
    if (moved !== 0) return shadow.change(block, moved, newSize)
  } else if (allocator.rawResize(ptr, size, align, newSize)) {
    return shadow.change(block, ptr, newSize)
  }
  shadow.change(block, ptr, size)
}

/** Fills the memory with blocks of all sizes, with holes; frees them; then it must be whole again. */
export function gathering(allocator: Allocator, subject: Subject): void {
  const random = generator(17)
  const { largest } = subject
  for (let round = 0; round < 3; round++) {
    const shadow = new Shadow(allocator)
    const fill = (): void => {
      const most = Math.ceil(largest / 50) + 1
      for (;;) {
        const size = random(most)
        const ptr = allocator.rawAlloc(size, 1)
        if (ptr === 0) return
        shadow.add(ptr, size, 1)
      }
    }
    fill()
    assert(shadow.blocks.size > 10, 'more than ten blocks fit')
    const half = freeingOrder(subject, shadow, random).slice(0, shadow.blocks.size >> 1)
    for (const block of half) freeRaw(allocator, shadow, block)
    fill()
    for (const block of freeingOrder(subject, shadow, random)) freeRaw(allocator, shadow, block)
    const all = allocator.rawAlloc(largest, 1)
    assert.notEqual(all, 0, `${largest} bytes in one, after every block was freed`)
    allocator.rawFree(all, largest, 1)
  }
}

export function inPlace(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  const length = upTo(subject, 64)
  shadow.addHandle(allocator.alloc(length))
  const a = allocator.alloc(length)
  const block = shadow.addHandle(a)
  if (!isLifo(subject)) shadow.addHandle(allocator.alloc(length))
  const { ptr } = a
  for (const size of [32, 1, 0, 16, 64]) {
    if (!a.resize(upTo(subject, size))) continue
    assert.equal(a.ptr, ptr)
    shadow.change(block, ptr, upTo(subject, size))
  }
  const { size } = a
  assert.equal(a.resize(2 ** 40), false)
  assert.deepEqual([a.ptr, a.size], [ptr, size])
  shadow.check()
  freeNewestFirst(shadow, shadow.blocks)
}

export function zeroed(allocator: Allocator, subject: Subject): void {
  for (let round = 0; round < 4; round++) {
    const a = allocator.allocZeroed(upTo(subject, 3000))
    assert(
      a.bytes.every((byte) => byte === 0),
      'every byte is 0',
    )
    a.bytes.fill(0xff)
    a.free()
    subject.reset?.(allocator)
  }
}

export function emptyBlocks(allocator: Allocator, subject: Subject): void {
  const shadow = new Shadow(allocator)
  for (const size of [0, 0, 1, 0]) shadow.addHandle(allocator.alloc(size, 1))
  shadow.addHandle(allocator.dupe(''))
  shadow.addHandle(allocator.allocZeroed(0))
  const all = [...shadow.blocks]
  const changing = isLifo(subject) ? all.at(-1)! : all[0]!
  resizeTo(allocator, shadow, changing, upTo(subject, 100))
  resizeTo(allocator, shadow, changing, 0)
  assert.equal(changing.handle!.bytes.length, 0)
  if (isLifo(subject)) freeNewestFirst(shadow, all)
  else for (const one of all) one.handle!.free()
  const raw = allocator.rawAlloc(0, 1)
  assert.notEqual(raw, 0)
  allocator.rawFree(raw, 0, 1)
}

/** Every block has the same room: as many empty ones fit as full ones, and each can grow into it. */
export function equalBlocks(allocator: Allocator, { blockSize, reset }: Subject): void {
  const size = blockSize!
  const counts = [0, size].map((asked) => {
    const shadow = new Shadow(allocator)
    for (let ptr = allocator.rawAlloc(asked, 1); ptr !== 0; ptr = allocator.rawAlloc(asked, 1)) {
      const block = shadow.add(ptr, asked, 1)
      assert(allocator.rawResize(ptr, asked, 1, size), 'each block grows in place')
      shadow.change(block, ptr, size)
      assert.equal(allocator.rawResize(ptr, size, 1, size + 1), false, 'and no further')
    }
    const count = shadow.blocks.size
    for (const block of [...shadow.blocks].toReversed()) freeRaw(allocator, shadow, block)
    reset?.(allocator)
    return count
  })
  assert(counts[0]! > 0)
  assert.equal(counts[1], counts[0], 'full blocks that fit where empty ones did')
}
