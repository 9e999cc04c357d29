/**
 * Random programs for slab allocators: sizes at the borders of classes and pages, many blocks of one
 * size at once (which fills and empties magazines and slabs), wrong calls, and scribbling.
 */
import fc from 'fast-check'
import { type Op, programs, type Range } from './program.js'

/** What is wrong with a call; `by` picks one of the ways. */
export const WRONGS = ['inside', 'size', 'align', 'freed', 'anywhere'] as const

export type SlabOp =
  | Op
  /** Several raw blocks of one size. */
  | { op: 'burst'; size: number; align: number; count: number }
  /** Frees each block but every `keep`th, from the oldest on or from the newest on. */
  | { op: 'thin'; keep: number; newestFirst: boolean }
  | { op: 'freePtr'; pick: number }
  | { op: 'wrong'; how: (typeof WRONGS)[number]; pick: number; by: number }
  /** Writes over every byte that is in no live block. */
  | { op: 'scribble'; byte: number }
  /** Allocates that share of the heap in percent, or frees it again: a heap looks large by that. */
  | { op: 'ballast'; share: number }
  | { op: 'trim' }

const CLASS_STEP = 16
const CLASSES = 128
const PAGE = 512

/** Sizes next to a border, up to `maxSize`. */
function atBorders(maxSize: number): fc.Arbitrary<number> {
  const border = fc.oneof(
    fc.nat(CLASSES).map((n) => n * CLASS_STEP),
    fc.nat(Math.floor(maxSize / PAGE)).map((n) => n * PAGE),
    fc.nat(200),
    fc.constantFrom(1008, 1024, 2032, 2048, 4096, 8192, 16_384, 32_768, 65_536),
  )
  return fc
    .record({ border, by: fc.integer({ min: -1, max: 1 }) })
    .map(({ border: at, by }) => Math.min(maxSize, Math.max(0, at + by)))
}

const pick = fc.nat(1000)
const aligns = fc.constantFrom(1, 8, 16, 16, 16, 32, 64, 512)

function special({ maxSize }: Range): fc.WeightedArbitrary<SlabOp>[] {
  const size = fc.nat(Math.min(maxSize, 2100))
  const count = fc.integer({ min: 2, max: 90 })
  const keep = fc.integer({ min: 1, max: 40 })
  const how = fc.constantFrom(...WRONGS)
  const op = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name)
  return [
    { weight: 5, arbitrary: fc.record({ op: op('burst'), size, align: aligns, count }) },
    { weight: 4, arbitrary: fc.record({ op: op('thin'), keep, newestFirst: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ op: op('freePtr'), pick }) },
    { weight: 5, arbitrary: fc.record({ op: op('wrong'), how, pick, by: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ op: op('scribble'), byte: fc.nat(255) }) },
    { weight: 1, arbitrary: fc.record({ op: op('ballast'), share: fc.nat(90) }) },
    { weight: 1, arbitrary: fc.record({ op: op('trim') }) },
    { weight: 1, arbitrary: fc.record({ op: op('reset') }) },
  ]
}

/**
 * A program has few sizes of its own, at borders, so that blocks of one class come and go; one
 * operation in three has any size.
 */
const sized = (op: SlabOp, palette: readonly number[]): SlabOp =>
  'size' in op && op.size % 3 !== 0 && op.size < 2 ** 31
    ? { ...op, size: palette[op.size % palette.length]! }
    : op

export function slabPrograms(range: Range, minOps = 1): fc.Arbitrary<SlabOp[]> {
  const ordinary = programs({ ...range, maxOps: 4 }) as fc.Arbitrary<SlabOp[]>
  const unusual = fc.oneof(...special(range)).map((op): SlabOp[] => [op])
  const palette = fc.array(atBorders(range.maxSize), { minLength: 1, maxLength: 5 })
  const parts = fc.array(fc.oneof(ordinary, unusual), {
    minLength: minOps,
    maxLength: range.maxOps,
  })
  return fc.tuple(palette, parts).map(([own, ops]) => ops.flat().map((op) => sized(op, own)))
}
