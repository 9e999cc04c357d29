/**
 * Allocators that are written in TypeScript, called by C: on their own thread, through one function whose
 * arguments are in the box. A call into JavaScript each.
 *
 * C libraries do not keep sizes, and an allocator wants them back: what C allocated is remembered here.
 */
import type { Allocator } from '../core/allocator.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import { Box } from '../native/binding.js'

/** In the box: as in native/addon/doors.cc. */
const enum Operation {
  ALLOC = 0,
  RESIZE = 1,
  REMAP = 2,
  FREE = 3,
  USABLE_SIZE = 4,
}

interface Block {
  size: number
  align: number
}

/**
 * The function that C's calls arrive at. What it throws is a refusal, which C sees as NULL or false and
 * the addon counts.
 */
export function callbackFor(allocator: Allocator, box: Float64Array): () => void {
  const blocks = new Map<Pointer, Block>()

  /** What C says of a block, completed by what is known of it. */
  const blockAt = (ptr: Pointer, size: number, align: number): Block => {
    const known = blocks.get(ptr)
    if (known === undefined) {
      if (size === 0) throw new RangeError('C freed a block that it was not given')
      return { size, align }
    }
    return { size: size === 0 ? known.size : size, align: size === 0 ? known.align : align }
  }

  const moved = (from: Pointer, to: Pointer, size: number, align: number): void => {
    if (blocks.delete(from)) blocks.set(to, { size, align })
  }

  const run = (ptr: Pointer, size: number, align: number, newSize: number): number => {
    switch (box[Box.OPERATION]) {
      case Operation.ALLOC: {
        const made = allocator.rawAlloc(size, align)
        checkPointer(made, `the result of ${allocator.name}.rawAlloc`)
        if (made !== 0) blocks.set(made, { size, align })
        return made
      }
      case Operation.RESIZE: {
        const block = blockAt(ptr, size, align)
        if (!allocator.rawResize(ptr, block.size, block.align, newSize)) return 0
        moved(ptr, ptr, newSize, block.align)
        return 1
      }
      case Operation.REMAP: {
        const block = blockAt(ptr, size, align)
        const to = allocator.rawRemap(ptr, block.size, block.align, newSize)
        checkPointer(to, `the result of ${allocator.name}.rawRemap`)
        if (to !== 0) moved(ptr, to, newSize, block.align)
        return to
      }
      case Operation.FREE: {
        const block = blockAt(ptr, size, align)
        allocator.rawFree(ptr, block.size, block.align)
        blocks.delete(ptr)
        return 1
      }
      default:
        return blocks.get(ptr)?.size ?? 0
    }
  }

  return () => {
    box[Box.RESULT] = run(box[Box.PTR]!, box[Box.SIZE]!, box[Box.ALIGN]!, box[Box.NEW_SIZE]!)
  }
}
