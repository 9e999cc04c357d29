/** Methods of classes that do something more than they did, until they are put back. */
import type { AnyFunction } from './capture.js'

export type Method = (this: object, ...args: unknown[]) => unknown
/** What a replaced method does: `call` runs the original. */
type Body<T> = (on: T, args: unknown[], call: () => unknown) => unknown
/** What is done with what a method gave; `self` is the method itself, for stacks. */
type Note<T> = (on: T, args: unknown[], made: unknown, self: AnyFunction) => void

/** Those that are called by others of them do what they always did: the outermost counts. */
export class Methods {
  /** How many of them are on the stack. */
  depth = 0
  private readonly _undo: (() => void)[] = []

  /** @param missed Called when something could not be noted. */
  constructor(readonly missed: () => void) {}

  /** Replaces a method that `on` itself has. */
  replace<T extends object>(on: object, name: string, body: Body<T>): void {
    this.put(on, name, (original) => {
      const run = (target: object, args: unknown[], call: () => unknown): unknown =>
        this.depth > 0 ? call() : this.inside(() => body(target as T, args, call))
      return function (...args) {
        return run(this, args, () => Reflect.apply(original, this, args))
      }
    })
  }

  /**
   * The same where there is nothing to do but to note what was made. That this fails, as there is no stack
   * left for it, say, must not cost the program what it was given.
   */
  afterwards<T extends object>(on: object, name: string, note: Note<T>): void {
    this.put(on, name, (original) => {
      const run = (target: object, args: unknown[], self: Method): unknown => {
        if (this.depth > 0) return Reflect.apply(original, target, args)
        const made = this.inside(() => Reflect.apply(original, target, args))
        try {
          note(target as T, args, made, self as AnyFunction)
        } catch {
          this.missed()
        }
        return made
      }
      const replaced: Method = function (...args) {
        return run(this, args, replaced)
      }
      return replaced
    })
  }

  /** Runs what is called as if by the program. */
  outside<T>(run: () => T): T {
    const depth = this.depth
    this.depth = 0
    try {
      return run()
    } finally {
      this.depth = depth
    }
  }

  /** Puts the originals back. */
  restore(): void {
    for (const undo of this._undo.splice(0)) undo()
  }

  /** Runs what is called as if by one of them. */
  inside(run: () => unknown): unknown {
    this.depth++
    try {
      return run()
    } finally {
      this.depth--
    }
  }

  /** Replaces a method that `on` itself has by what `make` makes of it. */
  put(on: object, name: string, make: (original: Method) => Method): void {
    const descriptor = Object.getOwnPropertyDescriptor(on, name)
    const original = descriptor?.value as Method | undefined
    if (typeof original !== 'function') return
    const replaced = make(original)
    Object.defineProperty(replaced, 'name', { value: original.name })
    Object.defineProperty(replaced, 'length', { value: original.length })
    Object.defineProperty(on, name, { ...descriptor, value: replaced })
    this._undo.push(() => Object.defineProperty(on, name, descriptor!))
  }
}
