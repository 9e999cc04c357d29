/** Calls that tracers put something around: a label, or their stack below that of C. */
import { unexpected } from '../core/errors.js'
import type { AnyFunction } from './capture.js'
import { underStack } from './ledger/ledger.js'
import { captureStack, inScope } from './stacks.js'

/** Runs `run` with a label. `where` is for messages. */
export function scoped<T>(name: string, run: () => T, where: string): T {
  if (typeof name !== 'string' || typeof run !== 'function') {
    const bad = typeof name === 'string' ? run : name
    throw unexpected('INVALID_ARGUMENT', 'a name and a function', `${where}.scope`, bad)
  }
  return inScope(name, run)
}

/** The same function, whose stack is below that of the C which it calls. */
export function wrapped<A extends unknown[], R>(
  call: (...args: A) => R,
  frames: number,
  where: string,
): (...args: A) => R {
  if (typeof call !== 'function') {
    throw unexpected('INVALID_ARGUMENT', 'a function', `${where}.wrap`, call)
  }
  return function traced(this: unknown, ...args: A): R {
    const stack = captureStack(traced as AnyFunction, frames)
    return underStack(stack, () => call.apply(this, args))
  }
}
