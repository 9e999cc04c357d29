// The first steps: a block of the C heap, and an arena whose blocks are freed together.
//   node examples/quick-start.mjs

import { BumpAllocator, cAllocator, Layout } from 'offheap'

// One block of the C heap. It lives until somebody frees it; no garbage collector looks at it.
const block = cAllocator.alloc(Layout.array(Layout.f64, 4))
const numbers = block.as(Float64Array)
numbers.set([1, 2, 3, 4])
console.log(numbers.reduce((sum, n) => sum + n)) // prints 10

// Freed now, not later: the view has nothing behind it any more, and the handle says so.
block.free()
console.log(numbers.length) // prints 0
try {
  block.as(Float64Array)
} catch (error) {
  console.log(error.code) // prints ERR_OFFHEAP_USE_AFTER_FREE
}

// An arena: blocks next to each other in one region.
const arena = new BumpAllocator(1 << 16)
const words = ['one', 'two', 'three'].map((word) => arena.dupe(word))
console.log(words.map((word) => word.buffer.toString()).join(' ')) // prints one two three
console.log(arena.totalAllocated) // prints 37

// One reset frees them all, and the capacity is there again.
arena.reset()
console.log(
  arena.remaining,
  words.every((word) => word.freed),
) // prints 65536 true

arena.dispose()
