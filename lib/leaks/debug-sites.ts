/** Where in the program a block was allocated or freed: stacks without the frames of this library. */
import type { Frame } from './profile.js'
import { captureStack, framesOf } from './stacks.js'

/** The most frames of this library that lie between a program and the raw operations. */
const OWN_FRAMES = 8

type Callable = (...args: never[]) => unknown

/** The calling stack, without `skip` and what it called. 0: `frames` is 0, or there is none. */
export function siteHere(skip: Callable, frames: number): number {
  return frames === 0 ? 0 : captureStack(skip, frames + OWN_FRAMES)
}

/** At most `frames` frames of a stack, the innermost first, from where the program called this library. */
export function framesAt(stack: number, frames: number): Frame[] {
  return stack === 0 ? [] : framesOf(stack).slice(0, frames)
}

/** A frame as V8 writes it. */
export function frameText({ function: name, file, line, column, offset }: Frame): string {
  const at = offset === undefined ? `:${line}:${column}` : `+0x${offset.toString(16)}`
  return name === '' ? `at ${file}${at}` : `at ${name} (${file}${at})`
}

/** A line a frame, indented by `indent`. */
export function stackText(frames: readonly Frame[], indent: string): string {
  if (frames.length === 0) return `${indent}(no stack was taken)`
  return frames.map((frame) => indent + frameText(frame)).join('\n')
}
