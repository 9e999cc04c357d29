/** Equal things get one number: frames, by identity first, as most stacks share their objects. */
import { type Frame, frameKey } from '../profile.js'

/** Numbers from 0 for keys, in the order in which they first come. */
export class Numbering<T> {
  readonly items: T[] = []
  private readonly numbers = new Map<string, number>()

  /** The number of a key; `make` makes its item when it is new. */
  of(key: string, make: () => T): number {
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    const number = this.items.length
    this.numbers.set(key, number)
    this.items.push(make())
    return number
  }
}

/** Numbers from 0 for frames: equal ones, as `keyOf` has it, get the same. */
export class FrameNumbering<T> {
  private readonly known = new Map<Frame, number>()
  private readonly numbering = new Numbering<T>()

  constructor(
    private readonly make: (frame: Frame) => T,
    private readonly keyOf: (frame: Frame) => string = frameKey,
  ) {}

  /** What was made, by number. */
  get items(): readonly T[] {
    return this.numbering.items
  }

  of(frame: Frame): number {
    const known = this.known.get(frame)
    if (known !== undefined) return known
    const number = this.numbering.of(this.keyOf(frame), () => this.make(frame))
    this.known.set(frame, number)
    return number
  }
}
