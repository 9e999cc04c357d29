/**
 * Upload service: the same uploads to two servers, one with request bodies in bump arenas on
 * off-heap memory, one with ordinary Buffers, and a table of what each of them cost. See README.md.
 */
import { parseArgs } from 'node:util'
import { ARMS, Arm, rounds } from './arms.mjs'
import { listCorpus, readCorpus } from './corpus.mjs'
import { GZIP_LEVEL } from './digest.mjs'
import { asText } from './report.mjs'
import { results } from './results.mjs'

const HELP = `Usage: node examples/upload-service/main.mjs [options]

  --seconds <n>      measure for about n seconds, 1 to 300 (default 24)
  --concurrency <n>  connections, and so uploads in flight, 1 to 256 (default 8)
  --default-malloc   leave glibc's malloc thresholds alone; else both get the same fixed ones
  --json             print the results as JSON, and nothing else, on stdout
  --help             print this

Exit code 1 if any hash did not match or a server reported an error, 2 for wrong arguments.
`

const MIB = 1 << 20
/** The smallest limit on a body; raised to the largest file of the corpus. */
const MIN_MAX_BODY = 32 * MIB
/** As a share of the measured time. Not counted: it compiles the code and touches the pages. */
const WARM_UP = 0.15
const PROGRESS_EVERY_MS = 3_000

function readArguments() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '24' },
      concurrency: { type: 'string', default: '8' },
      'default-malloc': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const seconds = Number(values.seconds)
  const concurrency = Number(values.concurrency)
  if (!(seconds >= 1 && seconds <= 300)) {
    throw new RangeError(`expected 1 to 300 for --seconds but received ${values.seconds}`)
  }
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 256)) {
    throw new RangeError(`expected 1 to 256 for --concurrency but received ${values.concurrency}`)
  }
  return { ...values, defaultMalloc: values['default-malloc'], seconds, concurrency }
}

/** On stderr: on a terminal one line that is rewritten, elsewhere a line every few seconds. */
function progressLine(seconds) {
  let shown = -Infinity
  return (phase) =>
    ({ rounds: done, arm, elapsed }) => {
      const time = `${elapsed.toFixed(0)} of ${Math.ceil(seconds[phase])} s`
      const text = `${phase}: round ${done + 1}, ${arm}, ${time}`
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
      else if (performance.now() - shown >= PROGRESS_EVERY_MS) {
        shown = performance.now()
        process.stderr.write(`${text}\n`)
      }
    }
}

async function measure(arms, corpus, seconds) {
  const budget = { 'warming up': seconds * WARM_UP, measuring: seconds }
  const progress = progressLine(budget)
  const warmUp = await rounds(arms, corpus, budget['warming up'], progress('warming up'))
  for (const arm of arms) arm.begin()
  const measured = await rounds(arms, corpus, budget.measuring, progress('measuring'))
  const reports = {}
  for (const arm of arms) reports[arm.name] = await arm.report()
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return results(warmUp, measured, reports)
}

/** Starts the servers, measures, and ends them whatever happens. */
async function run({ seconds, concurrency, defaultMalloc }) {
  const listing = listCorpus()
  const largest = Math.max(...listing.map(({ size }) => size))
  const maxBody = Math.max(MIN_MAX_BODY, Math.ceil(largest / MIB) * MIB)
  // Before the corpus is read: on Linux a process starts with the peak RSS of the one that forked
  // it.
  const arms = ARMS.map((name) => new Arm(name, { concurrency, maxBody, defaultMalloc }))
  try {
    await Promise.all(arms.map((arm) => arm.ready()))
    const corpus = readCorpus(listing)
    const bytes = listing.reduce((total, { size }) => total + size, 0)
    const measured = await measure(arms, corpus, seconds)
    await Promise.all(arms.map((arm) => arm.stop()))
    return {
      config: { seconds, concurrency, maxBody, defaultMalloc, gzipLevel: GZIP_LEVEL },
      machine: { node: process.version, platform: process.platform, arch: process.arch },
      corpus: { files: listing.length, bytes, largest },
      ...measured,
    }
  } finally {
    for (const arm of arms) arm.kill()
  }
}

/** @returns {Promise<number>} the exit code */
async function main() {
  let options
  try {
    options = readArguments()
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    const outcome = await run(options)
    if (options.json) process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`)
    else process.stdout.write(asText(outcome))
    return outcome.checks.errors > 0 ? 1 : 0
  } catch (error) {
    // A server that failed has said why on stderr already.
    process.stderr.write(`upload-service: ${error.message}\n`)
    return 1
  }
}

process.exitCode = await main()
