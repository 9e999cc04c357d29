// npm run bench: measures the cases and says which bars were held. See bench/README.md.

import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { at, fail, say } from '../scripts/lib.mjs'
import { cases } from './cases/index.mjs'
import { buildPrograms } from './harness/build.mjs'
import { machine } from './harness/machine.mjs'
import { jsonReport, markdownReport, missedBars, textReport } from './harness/report.mjs'
import { resultOf } from './harness/results.mjs'
import { runCase, skippedArms } from './harness/rounds.mjs'

/** @typedef {import('./harness/types.d.ts').Run} Run */
/** @typedef {import('./harness/types.d.ts').RunSettings} RunSettings */

const USAGE = `npm run bench -- [options]
  --case NAME   only this case (may be repeated): ${cases.map(({ name }) => name).join(', ')}
  --rounds N    rounds of every arm, at least 5 (default 5)
  --quick       3 short rounds, to see that everything runs; nothing is saved
  --json        the results as JSON on standard output, in place of the table
  --check       exit with 1 when a bar was missed
  --help`

const FULL = { warmupMs: 100, sampleMs: 5, timeMs: 80, share: 1 }
const QUICK = { warmupMs: 60, sampleMs: 2, timeMs: 20, share: 0.1, rounds: 3 }

function readArguments() {
  try {
    return parseArgs({
      options: {
        case: { type: 'string', multiple: true },
        rounds: { type: 'string', default: '5' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    fail(`${/** @type {Error} */ (error).message}\n${USAGE}`)
  }
}

/** @param {string[]} names none: all */
function chosenCases(names) {
  const unknown = names.filter((name) => !cases.some((one) => one.name === name))
  if (unknown.length > 0) fail(`there is no case ${unknown.join(', ')}\n${USAGE}`)
  return names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name))
}

/** @param {{ quick: boolean, rounds: string }} options @returns {RunSettings} */
function settingsOf({ quick, rounds }) {
  if (quick) return QUICK
  const count = Number(rounds)
  if (!Number.isInteger(count) || count < 5) fail(`--rounds wants a number from 5, not ${rounds}`)
  return { ...FULL, rounds: count }
}

/**
 * @param {typeof cases} chosen @param {RunSettings} settings @param {boolean} quick
 * @returns {Promise<Run>}
 */
async function measureAll(chosen, settings, quick) {
  const started = Date.now()
  const head = machine()
  const results = []
  for (const theCase of chosen) {
    const skipped = skippedArms(theCase)
    for (const { label, why } of skipped) say(`${theCase.name}: ${label} is skipped, ${why}`)
    const series = await runCase(theCase, settings, (done, of) => {
      if (process.stderr.isTTY || done === 0) say(`${theCase.name}: round ${done + 1} of ${of}`)
    })
    results.push(resultOf(theCase, series, skipped))
  }
  return { quick, machine: head, settings, results, seconds: (Date.now() - started) / 1000 }
}

/** A file for every run; latest.* is the last run of all cases. @param {Run} run @param {boolean} complete */
function save(run, complete) {
  mkdirSync(at('bench/results'), { recursive: true })
  const stamp = run.machine.date.slice(0, 19).replaceAll(':', '')
  const part = complete ? '' : `-${run.results.map(({ name }) => name).join('-')}`
  const json = jsonReport(run)
  const file = `bench/results/${stamp}-node${run.machine.node.split('.')[0]}${part}.json`
  writeFileSync(at(file), json)
  if (complete) {
    writeFileSync(at('bench/results/latest.json'), json)
    writeFileSync(at('bench/results/latest.md'), markdownReport(run))
  }
  say(`saved ${file}`)
}

async function main() {
  const options = readArguments()
  if (options.help) return console.log(USAGE)
  const chosen = chosenCases(options.case ?? [])
  const settings = settingsOf(options)
  await buildPrograms()
  const run = await measureAll(chosen, settings, options.quick)
  process.stdout.write(options.json ? jsonReport(run) : textReport(run))
  if (!options.quick) save(run, chosen.length === cases.length)
  if (options.check && missedBars(run).length > 0) process.exitCode = 1
}

await main().catch((error) => fail(error.message))
