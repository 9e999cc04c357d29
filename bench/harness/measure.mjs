// Measures one arm in this process. tinybench takes the time of whole batches and keeps the
// statistics; its call of the batch and the reading of the clock happen once in some 10^3 to 10^6
// operations and vanish.
//
// The figure of a round is the median of its samples, which leaves out those during which the system
// gave the processor to somebody else. It does not leave out garbage collection: a sample is long
// enough for every arm that makes garbage to be collected several times in each.

import { Bench } from 'tinybench'
import { resetPeak, rss } from './memory.mjs'
import { mean, median } from './statistics.mjs'

/** @typedef {import('./types.d.ts').Arm} Arm */
/** @typedef {import('./types.d.ts').Settings} Settings */

const FIRST_BATCH = 1000
/**
 * What is always run as a whole is warmed up by so many batches at least, and so many times as long: V8
 * compiles its loop several times, and the last of these only when a batch begins.
 */
const WHOLE_WARMUPS = 8
const WHOLE_TIMES = 8

/** Written to, so that V8 cannot know that nobody reads it. @type {unknown} */
export let sink

/** @param {number} unit @param {number} n */
const multipleOf = (unit, n) => Math.ceil(n / unit) * unit

/** Runs for warmupMs, then tells how many operations take sampleMs. @param {Arm} arm @param {Settings} settings */
function calibrate({ batch, after, unit = 1, whole = false }, { warmupMs, sampleMs }) {
  const end = performance.now() + (whole ? warmupMs * WHOLE_TIMES : warmupMs)
  let n = whole ? unit : multipleOf(unit, FIRST_BATCH)
  for (let batches = 1; ; batches++) {
    const start = performance.now()
    sink = batch(n)
    const now = performance.now()
    const took = now - start
    after?.()
    if (whole) {
      if (now >= end && batches >= WHOLE_WARMUPS) return unit
      continue
    }
    if (now >= end && took >= sampleMs / 4) {
      return multipleOf(unit, Math.max(FIRST_BATCH, (n * sampleMs) / took))
    }
    if (took < sampleMs / 2) n *= 2
  }
}

/** @param {Arm} arm @param {number} n @param {number} timeMs 0: one sample */
function sample({ batch, after }, n, timeMs) {
  const bench = new Bench({
    time: timeMs,
    iterations: timeMs === 0 ? 1 : 5,
    warmup: false,
    throws: true,
  })
  const run = () => {
    sink = batch(n)
  }
  bench.add('arm', run, { async: false, ...(after && { afterEach: after }) })
  bench.runSync()
  const result = bench.tasks[0]?.result
  if (result?.state !== 'completed') throw new Error('tinybench did not complete')
  const { p50, mean: average, min, samplesCount } = result.latency
  return timing(p50, average, min, samplesCount, n)
}

/** Of samples in ms, each of n operations. @param {number} n */
function timing(middle, average, least, samples, n) {
  const nsEach = 1e6 / n
  return { ns: middle * nsEach, mean: average * nsEach, min: least * nsEach, samples, batch: n }
}

/**
 * What an operation costs in ns, and by how much the resident memory grew at most since the arm was
 * set up, warm-up included, in bytes.
 * @param {Arm} arm @param {Settings} settings @returns {import('./types.d.ts').Round}
 */
export function measure(arm, settings) {
  const { once } = settings
  resetPeak()
  const before = rss().now
  const timed = once ? sample(arm, once, 0) : sample(arm, calibrate(arm, settings), settings.timeMs)
  const { peak, now } = rss()
  arm.check?.()
  const memory = { rssGrowth: Math.max(0, peak - before), rssKept: now - before }
  return { ...timed, ...memory, ...(arm.utilisation && { utilisation: arm.utilisation() }) }
}

/** How many times as long as one arm by itself all arms in turns are measured: they differ by percents. */
const TURNS = 40

/**
 * What an operation of each arm costs, where they take turns, batch by batch and each time in another order:
 * what slows the machine, and the garbage, falls on all of them. One batch is one sample.
 * @param {Arm[]} arms @param {Settings} settings
 * @returns {import('./types.d.ts').Round[]}
 */
export function measureInTurns(arms, { timeMs }) {
  const turns = arms.map((arm) => ({
    arm,
    unit: arm.unit ?? 1,
    times: /** @type {number[]} */ ([]),
  }))
  const turn = (/** @type {number} */ first) => {
    for (const { arm, unit, times } of [...turns.slice(first), ...turns.slice(0, first)]) {
      const start = performance.now()
      sink = arm.batch(unit)
      times.push(performance.now() - start)
      arm.after?.()
    }
  }
  for (let i = 0; i < WHOLE_WARMUPS * arms.length; i++) turn(i % arms.length)
  for (const { times } of turns) times.length = 0
  const end = performance.now() + timeMs * TURNS
  for (let i = 0; performance.now() < end; i++) turn(i % arms.length)
  return turns.map(({ arm, unit, times }) => {
    arm.check?.()
    return timing(median(times), mean(times), Math.min(...times), times.length, unit)
  })
}
