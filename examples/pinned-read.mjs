// Reading a file into a region, with the region pinned while the read is under way: the thread that
// reads knows nothing of JavaScript, and would go on writing into memory that had been freed.
//   node examples/pinned-read.mjs

import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { BumpAllocator, Region } from 'offheap'

const region = Region.pages(1 << 20, { name: 'pinned-read' })
const arena = new BumpAllocator(region)

const file = await open(fileURLToPath(import.meta.url))
const { size } = await file.stat()
const block = arena.alloc(size)

const pin = region.pin()
const reading = file.read(block.bytes, 0, size, 0)
try {
  region.dispose() // a bug elsewhere in the program, say
} catch (error) {
  console.log(error.code) // prints ERR_OFFHEAP_PINNED
}
try {
  const { bytesRead } = await reading
  console.log(bytesRead === size) // prints true
} finally {
  pin[Symbol.dispose]()
  await file.close()
}

console.log(block.buffer.toString('utf8', 0, 14)) // prints // Reading a f

// Now nobody writes into it any more.
region.dispose()
console.log(region.disposed) // prints true
