/** Random programs for allocators: what an operation is, and how programs are made up. */
import fc from 'fast-check'

/** Which block an operation is about: taken modulo the number that there are. */
export type Pick = number

export type Op =
  | {
      op: 'alloc'
      tier: 'raw' | 'alloc' | 'tryAlloc' | 'allocZeroed' | 'dupe'
      size: number
      align: number
    }
  | { op: 'free'; pick: Pick }
  | { op: 'resize' | 'move'; pick: Pick; size: number }
  | { op: 'realign'; pick: Pick; size: number; align: number }
  | { op: 'look' | 'useFreed'; pick: Pick }
  | { op: 'checkpoint' | 'reset' }
  | { op: 'rewind'; pick: Pick }

/** What a program may ask for. */
export interface Range {
  /** Sizes: mostly small, some up to this, and now and then far too much. */
  readonly maxSize: number
  /** Alignments up to this power of two. */
  readonly maxAlign: number
  readonly maxOps: number
  /** Sizes that it never has. */
  readonly tooMuch: readonly number[]
}

/** More than any system has. */
export const TOO_MUCH = [2 ** 50, Number.MAX_SAFE_INTEGER]

const pick = fc.nat(1000)

function sizes({ maxSize, tooMuch }: Range): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.nat(64) },
    { weight: 6, arbitrary: fc.nat(maxSize) },
    { weight: 1, arbitrary: fc.constantFrom(...tooMuch) },
  )
}

function aligns({ maxAlign }: Range): fc.Arbitrary<number> {
  return fc.nat(Math.log2(maxAlign)).map((bits) => 2 ** bits)
}

function ordinary(range: Range): fc.WeightedArbitrary<Op>[] {
  const size = sizes(range)
  const align = aligns(range)
  const tier = fc.constantFrom('raw', 'alloc', 'tryAlloc', 'allocZeroed', 'dupe')
  return [
    { weight: 8, arbitrary: fc.record({ op: fc.constant('alloc'), tier, size, align }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('free'), pick }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('resize'), pick, size }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('move'), pick, size }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('realign'), pick, size, align }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('look'), pick }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('useFreed'), pick }) },
  ] as fc.WeightedArbitrary<Op>[]
}

const stacked = [
  { weight: 3, arbitrary: fc.record({ op: fc.constant('checkpoint') }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('rewind'), pick }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reset') }) },
] as fc.WeightedArbitrary<Op>[]

/** Programs of the operations that every allocator has. */
export const programs = (range: Range): fc.Arbitrary<Op[]> =>
  fc.array(fc.oneof(...ordinary(range)), { minLength: 1, maxLength: range.maxOps })

/** The same with checkpoints, rewinds and resets. */
export const bumpPrograms = (range: Range): fc.Arbitrary<Op[]> =>
  fc.array(fc.oneof(...ordinary(range), ...stacked), { minLength: 1, maxLength: range.maxOps })
