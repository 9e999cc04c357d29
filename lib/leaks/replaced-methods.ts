/** Methods of classes that do something more than they did, until they are put back. */
import type { AnyFunction } from './capture.js'

type Method = (this: object, ...args: unknown[]) => unknown
/** What a replaced method does: `call` runs the original. */
type Body<T> = (on: T, args: unknown[], call: () => unknown) => unknown
/** What is done with what a method gave; `self` is the method itself, for stacks. */
type Note<T> = (on: T, args: unknown[], made: unknown, self: AnyFunction) => void

/** Those that are called by others of them do what they always did: the outermost counts. */
export class Methods {
  private readonly _undo: (() => void)[] = []
  /** How many of them are on the stack. */
  private _depth = 0

  /** @param missed Called when something could not be noted. */
  constructor(private readonly _missed: () => void) {}

  /** Replaces a method that `on` itself has. */
  replace<T extends object>(on: object, name: string, body: Body<T>): void {
    this._put(on, name, (original) => {
      const run = (target: object, args: unknown[], call: () => unknown): unknown =>
        this._depth > 0 ? call() : this._inside(() => body(target as T, args, call))
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
    this._put(on, name, (original) => {
      const run = (target: object, args: unknown[], self: Method): unknown => {
        if (this._depth > 0) return Reflect.apply(original, target, args)
        const made = this._inside(() => Reflect.apply(original, target, args))
        try {
          note(target as T, args, made, self as AnyFunction)
        } catch {
          this._missed()
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
    const depth = this._depth
    this._depth = 0
    try {
      return run()
    } finally {
      this._depth = depth
    }
  }

  /** Puts the originals back. */
  restore(): void {
    for (const undo of this._undo.splice(0)) undo()
  }

  private _inside(run: () => unknown): unknown {
    this._depth++
    try {
      return run()
    } finally {
      this._depth--
    }
  }

  private _put(on: object, name: string, make: (original: Method) => Method): void {
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
