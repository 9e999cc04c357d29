/** What tests of DebugAllocator share: lines of their own code, and writing where nobody must. */
import { expect } from 'vitest'
import { type Frame, isMisuse, type Misuse, type OffheapError, Region } from '../../lib/index.js'
import { captureStack, framesOf } from '../../lib/leaks/stacks.js'

/** The line that calls, in the coordinates that stacks have here. */
export function here(): number {
  return framesOf(captureStack(here, 1))[0]!.line
}

/** Writes to memory as C does, without asking anybody. */
export function poke(address: number, ...bytes: number[]): void {
  const region = Region.borrow(address, bytes.length)
  new Uint8Array(region.buffer).set(bytes)
  region.dispose()
}

/** Reads memory likewise. */
export function peek(address: number, size: number): number[] {
  const region = Region.borrow(address, size)
  const bytes = [...new Uint8Array(region.buffer)]
  region.dispose()
  return bytes
}

/** The error that an action throws: of a block, with this code. */
export function misuseBy(code: string, action: () => unknown): OffheapError & Misuse {
  try {
    action()
  } catch (error) {
    if (!isMisuse(error)) throw error
    expect(error.code).toBe(`ERR_OFFHEAP_${code}`)
    return error
  }
  return expect.unreachable(`nothing was thrown instead of ${code}`)
}

/** A stack starts at this line of the file, or is not there. */
export function expectLine(stack: readonly Frame[], line: number | null, file: string): void {
  if (line === null) return expect(stack).toEqual([])
  expect(stack[0]).toMatchObject({ line })
  expect(file.endsWith(stack[0]!.file.split('/').at(-1)!), stack[0]!.file).toBe(true)
}
