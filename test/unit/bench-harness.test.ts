/** What a benchmark run makes of its rounds: ratios, bars, tables, the picture. */
import { describe, expect, test } from 'vitest'
import { ALLOC, FREE, OLD, REALLOC } from '../../bench/harness/trace.mjs'
import type { Bar, Case, Judged, Machine, Round, Series } from '../../bench/harness/types.d.ts'

/** Plain JavaScript, whose types are in its comments. */
const harness = (name: string) => import(`../../bench/harness/${name}.mjs`)
const { judge, paired } = await harness('bars')
const { buildPrograms } = await harness('build')
const { tablesOf } = await harness('case-tables')
const { whyNot } = await harness('preload')
const { useEveryClass } = await harness('every-class')
const { headOf } = await harness('replay')
const { resultOf } = await harness('results')
const { tracePlot } = await harness('trace-plot')

const round = (ns: number, more: Partial<Round> = {}): Round => ({
  ns,
  mean: ns,
  min: ns,
  samples: 5,
  batch: 1,
  ...more,
})

/** Two traces, three rounds in which the machine is once, twice and four times as slow. */
function tracesOf(arm: string, first: number, second: number, utilisation?: number[]): Series[] {
  return [first, second].map((ns, i) => ({
    arm,
    input: ['one', 'two'][i]!,
    rounds: [1, 2, 4].map((slow) =>
      round(ns * slow, utilisation === undefined ? {} : { utilisation: utilisation[i]! }),
    ),
  }))
}

const all = [
  ...tracesOf('slab', 2, 9, [0.9, 0.7]),
  ...tracesOf('glibc', 8, 9),
  ...tracesOf('mimalloc', 4, 4.5),
]
const labelOf = (arm: string) => arm
const run = { all, labelOf, inputText: String }
const judged = (bar: Bar): Judged => judge(bar, run)

describe('bars', () => {
  test('a ratio is taken within each round', () => {
    const [slab, , glibc] = all as [Series, Series, Series]
    expect(paired(slab, glibc)).toEqual({ median: 0.25, low: 0.25, high: 0.25 })
  })

  test('a geometric mean is taken over all inputs', () => {
    const bar = { arm: 'slab', peer: 'glibc' }
    expect(judged({ ...bar, geomeanAtMost: 0.51 })).toMatchObject({ held: true, unit: 'x' })
    expect(judged({ ...bar, geomeanAtMost: 0.49 }).held).toBe(false)
    expect(judged({ ...bar, geomeanAtMost: 1 }).value).toBeCloseTo(0.5)
  })

  test('utilisation is judged on average and at worst', () => {
    const average = judged({ arm: 'slab', utilisation: 'average', atLeast: 0.8 })
    expect(average.value).toBeCloseTo(0.8)
    const worst = judged({ arm: 'slab', utilisation: 'worst', atLeast: 0.75 })
    expect(worst).toMatchObject({ value: 0.7, held: false })
  })

  test('growth is that of the costliest input against the first', () => {
    const bar = { arm: 'slab', which: 'a test' }
    expect(judged({ ...bar, growsAtMost: 4.5 })).toMatchObject({ value: 4.5, held: true })
    expect(judged({ ...bar, growsAtMost: 4.4 }).held).toBe(false)
  })

  test('nanoseconds are those of the round in the middle', () => {
    const series = { ...run, all: all.slice(0, 1).map((one) => ({ ...one, input: null })) }
    const bar = { arm: 'slab', nsAtMost: 4 }
    expect(judge(bar, series)).toMatchObject({ value: 4, unit: 'ns', held: true })
    expect(judge({ ...bar, nsAtMost: 3.9 }, series).held).toBe(false)
  })

  test('a bar about an arm that did not run is not measured, and neither held nor missed', () => {
    expect(judged({ arm: 'slab', peer: 'jemalloc', geomeanAtMost: 1 }).held).toBe(null)
  })
})

const traces: Case = {
  name: 'traces',
  title: 'Traces',
  about: 'an operation',
  inputs: ['one', 'two'],
  inputsAre: 'traces',
  base: 'glibc',
  arms: { slab: { label: 'Slab & co', ours: true }, glibc: { label: 'glibc' } },
  bars: [{ arm: 'slab', peer: 'mimalloc', geomeanAtMost: 1 }],
}
const result = resultOf(traces, all, [])

test('tables compare with the base, and end with what all inputs have in common', () => {
  const [ns, utilisation] = tablesOf(result)
  expect(ns!.table.rows).toEqual([
    ['one', '4.00 (0.250 x)', '16.0'],
    ['two', '18.0 (1.00 x)', '18.0'],
    ['geometric mean', '8.49 (0.500 x)', '17.0'],
  ])
  expect(utilisation!.table.rows).toEqual([
    ['one', '0.90', '-'],
    ['two', '0.70', '-'],
    ['average', '0.80', '-'],
    ['worst', '0.70', '-'],
  ])
})

test('the picture has a mark for each figure, and says of a quick run that it is one', () => {
  const machine = { date: '2026-01-02T', cpu: 'a <cpu>', node: '1', libc: 'c' } as Machine
  const settings = { rounds: 3, warmupMs: 0, sampleMs: 0, timeMs: 0, share: 1 }
  const whole = { quick: false, machine, settings, results: [result], seconds: 1 }
  const svg = tracePlot(result, whole)
  expect(svg).toContain('<title>one: 0.25 x glibc</title>')
  expect(svg).toContain('<title>geometric mean: 0.50 x glibc</title>')
  expect(svg).toContain('Slab &amp; co')
  expect(svg).toContain('a &lt;cpu>')
  expect(svg).not.toMatch(/NaN|undefined|QUICK/)
  expect(tracePlot(result, { ...whole, quick: true })).toContain('QUICK')
})

test('the head of a trace ends with frees of what is live', () => {
  const [a, b] = [4 << 2, (1 << 8) | (4 << 2)]
  const ops = [a | ALLOC, 16, b | ALLOC, 32, a | REALLOC, 64, a | OLD, 16, b | FREE, 32]
  const head = headOf({ ops: Int32Array.from(ops), slots: 2, count: 4 }, 3)
  const frees = [a | FREE, 64, b | FREE, 32]
  expect(head).toMatchObject({ slots: 2, count: 5 })
  expect([...head.ops]).toEqual([...ops.slice(0, 8), ...frees])
})

test('every class of the library is used before what is measured after them', () => {
  expect(useEveryClass()).toBeGreaterThan(0)
})

test.skipIf(process.platform === 'win32')('the C programs compile and link', async () => {
  await buildPrograms()
})

test.runIf(process.platform === 'linux' && process.env.CI)('CI has the other mallocs', () => {
  const missing = ['mimalloc', 'jemalloc'].flatMap((preload) => [
    whyNot({ c: { program: 'replay', preload } }),
    whyNot({ needs: preload }),
  ])
  expect(missing).toEqual([null, null, null, null])
})
