/**
 * From rounds and reports to figures: pure arithmetic, no I/O.
 */

/** @param {readonly number[]} sorted @param {number} q in [0, 1]; nearest rank */
function quantile(sorted, q) {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN
}

const ascending = (values) => [...values].sort((a, b) => a - b)
const sum = (values) => values.reduce((total, value) => total + value, 0)

/** One side over all rounds: sizes in bytes, latencies and GC in milliseconds. */
function figures(rounds, report) {
  const latencies = ascending(rounds.flatMap(({ latenciesMs }) => latenciesMs))
  const uploads = sum(rounds.map((round) => round.uploads))
  const seconds = sum(rounds.map((round) => round.seconds))
  const { cpuMs, ...measured } = report
  return {
    uploads,
    bytes: sum(rounds.map((round) => round.bytes)),
    seconds,
    requestsPerSecond: uploads / seconds,
    latencyMs: {
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      max: latencies.at(-1),
    },
    cpuMsPerUpload: cpuMs / uploads,
    ...measured,
  }
}

/**
 * What is compared.
 * @type {{ key: string, words: string, moreIsBetter?: boolean, of: (side: object) => number }[]}
 */
export const COMPARED = [
  {
    key: 'requestsPerSecond',
    words: 'requests a second',
    moreIsBetter: true,
    of: (side) => side.requestsPerSecond,
  },
  { key: 'p50', words: 'p50 latency', of: (side) => side.latencyMs.p50 },
  { key: 'p99', words: 'p99 latency', of: (side) => side.latencyMs.p99 },
  { key: 'cpu', words: 'processor time', of: (side) => side.cpuMsPerUpload },
  { key: 'gcCount', words: 'GC count', of: (side) => side.gc.count },
  { key: 'gcTime', words: 'GC time', of: (side) => side.gc.timeMs },
  { key: 'peakRss', words: 'peak RSS', of: (side) => side.peakRssBytes },
  { key: 'peakExternal', words: 'peak external', of: (side) => side.peakExternalBytes },
]

/** These are also known for each round; fewer rounds than that say nothing about their spread. */
const PAIRED = new Set(['requestsPerSecond', 'p50', 'p99'])
const ROUNDS_FOR_SPREAD = 5
/** Where no spread is known, figures closer than this are called even. */
const EVEN = 0.1

/**
 * The ratio of off-heap to Buffers for each figure. Speeds and latencies are also compared round by
 * round, as the rounds are pairs; where the quartiles of those ratios lie on both sides of 1, the
 * difference means nothing.
 */
function ratios(sides, rounds) {
  const perRound = rounds.map((round) => ({
    offheap: figures([round.offheap], { cpuMs: 0 }),
    buffers: figures([round.buffers], { cpuMs: 0 }),
  }))
  const entries = COMPARED.map(({ key, of }) => {
    const ratio = of(sides.offheap) / of(sides.buffers)
    if (!PAIRED.has(key) || rounds.length < ROUNDS_FOR_SPREAD) return [key, { ratio }]
    const paired = ascending(perRound.map(({ offheap, buffers }) => of(offheap) / of(buffers)))
    return [key, { ratio, quartiles: [quantile(paired, 0.25), quantile(paired, 0.75)] }]
  })
  return Object.fromEntries(entries)
}

/**
 * Who won at this: clearly only if the ratio over all rounds and most single rounds agree. They
 * need not: one bad round can decide a p99.
 */
function winner(moreIsBetter, { ratio, quartiles = [ratio - EVEN, ratio + EVEN] }) {
  const [low, high] = quartiles
  if (ratio > 1 && low > 1) return moreIsBetter ? 'Off-heap ahead' : 'Buffers ahead'
  if (ratio < 1 && high < 1) return moreIsBetter ? 'Buffers ahead' : 'Off-heap ahead'
  return 'no clear difference'
}

/** Who won at what, in words. */
function verdict(compared, rounds) {
  if (rounds < ROUNDS_FOR_SPREAD) return 'Too few rounds to tell who is ahead.'
  const groups = { 'Off-heap ahead': [], 'Buffers ahead': [], 'no clear difference': [] }
  for (const { key, words, moreIsBetter = false } of COMPARED) {
    groups[winner(moreIsBetter, compared[key])].push(words)
  }
  const parts = Object.entries(groups).filter(([, words]) => words.length > 0)
  return `${parts.map(([group, words]) => `${group}: ${words.join(', ')}`).join('; ')}.`
}

/**
 * @param {Record<string, import('./load.mjs').Round>[]} warmUp checked as well, but not counted
 * @param {Record<string, import('./load.mjs').Round>[]} measured
 * @param {Record<string, object>} reports by side
 */
export function results(warmUp, measured, reports) {
  const every = [...warmUp, ...measured].flatMap((round) => Object.values(round))
  const failures = every.flatMap((round) => round.failures)
  const serverErrors = sum(Object.values(reports).map(({ errors }) => errors))
  const sides = {
    offheap: figures(
      measured.map((round) => round.offheap),
      reports.offheap,
    ),
    buffers: figures(
      measured.map((round) => round.buffers),
      reports.buffers,
    ),
  }
  const compared = ratios(sides, measured)
  return {
    rounds: measured.length,
    arms: sides,
    ratios: compared,
    verdict: verdict(compared, measured.length),
    checks: {
      hashes: sum(every.map(({ checked }) => checked)),
      errors: failures.length + serverErrors,
      failures,
    },
  }
}
