/** What misuse looks like as an error: who allocated the block, who freed it, and who is here now. */
import type { ErrorName } from '../core/errors.js'
import { DoubleFreeError, OffheapError, UseAfterFreeError } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import type { Block, Damage } from './debug-block.js'
import { BlockState } from './debug-block.js'
import { framesAt, stackText } from './debug-sites.js'
import type { Frame } from './profile.js'

/**
 * What an error of a DebugAllocator carries besides code and message. Stacks are innermost first,
 * without the frames of this library, and empty where none was taken. They stand in the message too.
 */
export interface Misuse {
  /** The block; of an address that is none, the block that it lies in, else null. */
  readonly block: { readonly ptr: Pointer; readonly size: number; readonly align: number } | null
  readonly allocatedAt: readonly Frame[]
  readonly freedAt: readonly Frame[]
  /** The call that threw: the misuse itself, or where damage was found. */
  readonly foundAt: readonly Frame[]
}

/** Is this an error of a DebugAllocator about a block, and not of an argument that is none? */
export function isMisuse(error: unknown): error is OffheapError & Misuse {
  return error instanceof OffheapError && 'allocatedAt' in error && 'foundAt' in error
}

export const hex = (ptr: Pointer): string => `0x${ptr.toString(16)}`

const some = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

export const bytes = (count: number): string => some(count, 'byte')
export const blocks = (count: number): string => some(count, 'block')

/** A block in words. */
export const blockText = ({ ptr, size, align }: Block): string =>
  `the block of ${bytes(size)} aligned to ${align} at ${hex(ptr)}`

/** Which bytes, in relation to the block. */
function damageText({ size }: Block, { offset, length, found }: Damage): string {
  const value = `the first is 0x${found.toString(16).padStart(2, '0')} now`
  const many = `${bytes(length)}, ${value}`
  if (offset < 0) return `${bytes(-offset)} before its start (${many})`
  return offset < size
    ? `from byte ${offset} on (${many})`
    : `${bytes(offset - size)} behind its end (${many})`
}

function errorOf(code: ErrorName, message: string): OffheapError {
  if (code === 'DOUBLE_FREE') return new DoubleFreeError(message)
  if (code === 'USE_AFTER_FREE') return new UseAfterFreeError(message)
  return new OffheapError(code, message)
}

/** Makes the errors of one allocator. */
export class Accuser {
  constructor(
    private readonly name: string,
    private readonly frames: number,
  ) {}

  doubleFree(block: Block, here: number): OffheapError {
    return this.error('DOUBLE_FREE', `${blockText(block)} has been freed already`, block, here)
  }

  useAfterFree(block: Block, operation: string, here: number): OffheapError {
    const what = `${operation} of ${blockText(block)}, which has been freed`
    return this.error('USE_AFTER_FREE', what, block, here)
  }

  /** `near`: the block that the address lies in. */
  invalidPointer(operation: string, ptr: Pointer, near: Block | null, here: number): OffheapError {
    const where =
      near === null
        ? 'is none'
        : `is ${bytes(ptr - near.ptr)} inside ${blockText(near)}` +
          (near.state === BlockState.LIVE ? '' : ', which has been freed')
    const what = `Expected a block for ${operation}, but ${hex(ptr)} ${where}`
    return this.error('INVALID_POINTER', what, near, here)
  }

  mismatch(
    operation: string,
    block: Block,
    given: readonly [size: number, align: number],
    here: number,
  ): OffheapError {
    const [size, align] = given
    const layout = `${bytes(size)} aligned to ${align}`
    const what = `${operation} of ${blockText(block)}, as if it had ${layout}`
    return this.error('INVALID_POINTER', what, block, here)
  }

  tooLong(block: Block, size: number, here: number): OffheapError {
    const what = `view of ${bytes(size)} of ${blockText(block)}`
    return this.error('INVALID_POINTER', what, block, here)
  }

  /** Somebody wrote to what is around a live block, or to a freed one. */
  damaged(block: Block, damage: Damage, here: number): OffheapError {
    const where = damageText(block, damage)
    if (block.state !== BlockState.LIVE && !isOutside(block, damage)) {
      const what = `${blockText(block)} was written to after it was freed: ${where}`
      return this.error('USE_AFTER_FREE', what, block, here)
    }
    const what = `memory around ${blockText(block)} was overwritten: ${where}`
    return this.error('CORRUPTED', what, block, here)
  }

  private error(code: ErrorName, what: string, block: Block | null, here: number): OffheapError {
    const at = (stack: number): Frame[] => framesAt(stack, this.frames)
    const misuse: Misuse = {
      block: block === null ? null : { ptr: block.ptr, size: block.size, align: block.align },
      allocatedAt: at(block?.allocatedAt ?? 0),
      freedAt: at(block?.freedAt ?? 0),
      foundAt: at(here),
    }
    return Object.assign(errorOf(code, this.message(what, block, misuse)), misuse)
  }

  private message(what: string, block: Block | null, misuse: Misuse): string {
    const lines = [`${this.name}: ${what}`]
    const add = (title: string, frames: readonly Frame[]): void => {
      lines.push(`  ${title}`, stackText(frames, '    '))
    }
    if (block !== null) add('allocated', misuse.allocatedAt)
    if (block !== null && block.state !== BlockState.LIVE) add('freed', misuse.freedAt)
    add('found', misuse.foundAt)
    return lines.join('\n')
  }
}

const isOutside = ({ size }: Block, { offset }: Damage): boolean => offset < 0 || offset >= size
