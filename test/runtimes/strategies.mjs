// The part of smoke.mjs that is about the allocation strategies and the allocators over allocators.

import assert from 'node:assert/strict'

/** The statement `using`, which older Nodes do not know. */
function using(block, action) {
  try {
    action()
  } finally {
    block[Symbol.dispose]()
  }
}

/** A function that checks for each name. `kit`: the library, and what smoke.mjs has for its own checks. */
export function strategyChecks({ offheap, tour, fill, assertHolds, throwsCode }) {
  const { BumpAllocator, Region } = offheap
  const checks = {}
  const strategies = {
    StackAllocator: (memory) => new offheap.StackAllocator(memory),
    FreeListAllocator: (memory) => new offheap.FreeListAllocator(memory),
    SlabAllocator: (memory) => new offheap.SlabAllocator(memory),
    PoolAllocator: (memory) => new offheap.PoolAllocator(4096, memory),
  }
  const memories = {
    'Region.malloc': () => Region.malloc(100_000),
    'Region.pages': () => Region.pages(100_000),
    'Region.shared': () => Region.shared(100_000),
    'a buffer': () => Region.from(new ArrayBuffer(100_000)),
    'a WebAssembly memory that grows': () =>
      Region.wasm(new WebAssembly.Memory({ initial: 1, maximum: 3 }), { start: 1000 }),
  }

  /** All the memory there is, freed in an order that suits every one of them. */
  function fillUp(allocator) {
    const blocks = []
    for (let a = allocator.tryAlloc(1000); a !== null; a = allocator.tryAlloc(1000)) blocks.push(a)
    assert.ok(blocks.length >= 20)
    for (const [i, block] of blocks.entries()) fill(block.bytes, i)
    for (const [i, block] of blocks.entries()) assertHolds(block.bytes, i)
    for (const block of blocks.toReversed()) block.free()
    assert.equal(allocator.stats().used, 0)
  }

  for (const [name, over] of Object.entries(strategies)) {
    for (const [kind, make] of Object.entries(memories)) {
      checks[`${name} over ${kind}`] = () => {
        const region = make()
        const allocator = over(region)
        const ptr = allocator.rawAlloc(100, 16)
        throwsCode(() => allocator.rawFree(ptr, 101, 16), 'INVALID_POINTER')
        throwsCode(() => allocator.rawFree(ptr + 1, 100, 1), 'INVALID_POINTER')
        allocator.rawFree(ptr, 100, 16)
        throwsCode(() => allocator.rawFree(ptr, 100, 16), 'DOUBLE_FREE')
        fillUp(allocator)
        const block = allocator.alloc(100)
        fill(block.bytes, 2)
        assertHolds(allocator.realloc(block, 200).bytes, 2, 100)
        allocator.reset()
        throwsCode(() => block.bytes, 'USE_AFTER_FREE')
        fillUp(allocator)
        allocator.dispose()
        region.dispose()
        throwsCode(() => allocator.alloc(8), 'DISPOSED')
      }
    }
  }

  checks['StackAllocator: order and overruns'] = () => {
    const stack = new offheap.StackAllocator(4096)
    const below = stack.alloc(10, 1)
    const above = stack.alloc(10, 1)
    throwsCode(() => below.free(), 'OUT_OF_ORDER')
    const header = stack.view(above.ptr - 8, 8)
    const whole = header.slice()
    header.fill(0x41)
    throwsCode(() => stack.pop(), 'POISONED')
    header.set(whole)
    assert.deepEqual(
      [stack.pop(), above.freed, stack.pop(), stack.pop()],
      [true, true, true, false],
    )
    stack.dispose()
  }

  checks['PoolAllocator: growth'] = () => {
    const pool = new offheap.PoolAllocator(24, 10, { growTo: 1000 })
    const ptrs = new Set()
    for (let ptr = pool.allocBlock(); ptr !== 0; ptr = pool.allocBlock()) ptrs.add(ptr)
    assert.deepEqual([ptrs.size, pool.freeBlocks], [1000, 0])
    for (const ptr of ptrs) pool.freeBlock(ptr)
    assert.equal(pool.allocatedBlocks, 0)
    pool.dispose()
  }

  checks['ArenaAllocator and the allocators over allocators'] = () => {
    const slab = new offheap.SlabAllocator({ reserve: 1 << 24 })
    tour(slab)
    const arena = new offheap.ArenaAllocator(slab)
    tour(arena)
    arena.reset('free_all')
    assert.deepEqual([arena.queryCapacity(), slab.stats().used], [0, 0])
    const lines = []
    const limit = new offheap.LimitAllocator(slab, 5000)
    const tracking = new offheap.TrackingAllocator(limit)
    tour(new offheap.LoggingAllocator(tracking, (line) => lines.push(line)))
    assert.ok(lines.length > 0)
    assert.equal(tracking.snapshot().liveBlocks, 0)
    throwsCode(() => limit.alloc(5001), 'OUT_OF_MEMORY')
    tour(new offheap.FallbackAllocator(new BumpAllocator(100), slab))
    throwsCode(() => new offheap.FailingAllocator(slab, { failIndex: 0 }).alloc(8), 'OUT_OF_MEMORY')
    const usesTwo = (allocator) => {
      using(allocator.alloc(100), () => using(allocator.alloc(100), () => {}))
    }
    assert.equal(offheap.checkAllAllocationFailures(slab, usesTwo), 2)
    assert.equal(slab.stats().used, 0)
    slab.dispose()
  }

  return checks
}
