// An arena for the memory of one request: a checkpoint for what a step needs only for itself, a reset
// when the request is done. Nothing is freed piece by piece.
//   node examples/request-arena.mjs

import { BumpAllocator } from 'offheap'

/** The lines of a body that have a word in them, upper case. Scratch memory goes before it returns. */
function grep(arena, body, word) {
  const matches = arena.alloc(body.size) // as much as there can be; cut to what there is below
  let length = 0

  const scratch = arena.checkpoint()
  const text = arena.dupe(body.bytes).buffer
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf(10, start)
    const end = newline < 0 ? text.length : newline + 1
    const line = text.subarray(start, end)
    if (line.includes(word)) {
      for (const byte of line)
        matches.bytes[length++] = byte >= 97 && byte <= 122 ? byte - 32 : byte
    }
    start = end
  }
  arena.rewind(scratch) // the copy is freed; `matches`, from before, lives

  matches.resize(length) // now it is the last block: what it does not need is free again
  return matches
}

function handle(arena, request) {
  try {
    const body = arena.dupe(request)
    return grep(arena, body, 'ap').buffer.toString() // a string: it outlives the arena
  } finally {
    arena.reset() // whatever the request has allocated, also when it failed
  }
}

const arena = new BumpAllocator(1 << 20)
for (const request of ['apple\npear\ngrape\n', 'plum\n', 'apricot']) {
  const answer = handle(arena, request)
  console.log(JSON.stringify(answer), arena.totalAllocated)
}
// prints "APPLE\nGRAPE\n" 0
// prints "" 0
// prints "APRICOT" 0

// Each request began in the same memory: the most that was taken at once is that of the largest.
const { peakFootprint } = arena.stats()
console.log(peakFootprint) // prints 81
arena.dispose()
