// Runs a case: in each round every arm once, each in a process of its own, one after the other. The
// arms take turns (A B C, C B A, A B C ...), so that a machine that slows down slows all of them.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { at } from '../../scripts/lib.mjs'
import { program } from './build.mjs'

/** @typedef {import('./types.d.ts').Case} Case */
/** @typedef {import('./types.d.ts').RunSettings} RunSettings */

const exec = promisify(execFile)

/**
 * The program of an arm and its arguments.
 * @param {Case} theCase @param {string} arm @param {number | null} size @param {RunSettings} settings
 * @returns {[string, string[]]}
 */
function commandOf(theCase, arm, size, settings) {
  const { c, once = theCase.once } = theCase.arms[arm] ?? {}
  if (c) {
    const { warmupMs, sampleMs, timeMs } = settings
    return [program(c.program), [c.arm, warmupMs, sampleMs, timeMs].map(String)]
  }
  const given = { ...settings, once: once && Math.ceil(once * settings.share) }
  const args = [theCase.name, arm, String(size), JSON.stringify(given)]
  return [process.execPath, [at('bench/harness/arm.mjs'), ...args]]
}

/**
 * @param {Case} theCase @param {string} arm @param {number | null} size @param {RunSettings} settings
 * @returns {Promise<import('./types.d.ts').Round>}
 */
async function runArm(theCase, arm, size, settings) {
  const [file, args] = commandOf(theCase, arm, size, settings)
  try {
    const { stdout } = await exec(file, args, { cwd: at(), maxBuffer: 1 << 20 })
    return JSON.parse(stdout)
  } catch (error) {
    const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error)
    const where = `${theCase.name}, ${arm}${size === null ? '' : `, ${size} bytes`}`
    throw new Error(`${where}: ${stderr || message}`, { cause: error })
  }
}

/**
 * @param {Case} theCase
 * @param {RunSettings} settings
 * @param {(done: number, of: number) => void} progress
 */
export async function runCase(theCase, settings, progress) {
  const { rounds } = settings
  const sizes = theCase.sizes ?? [null]
  const arms = Object.keys(theCase.arms)
  /** @type {import('./types.d.ts').Series[]} */
  const all = []
  const total = sizes.length * rounds
  for (const [index, size] of sizes.entries()) {
    /** @type {typeof all} */
    const series = arms.map((arm) => ({ arm, size, rounds: [] }))
    all.push(...series)
    for (let round = 0; round < rounds; round++) {
      progress(index * rounds + round, total)
      const turn = round % 2 === 0 ? series : series.toReversed()
      for (const one of turn) one.rounds.push(await runArm(theCase, one.arm, size, settings))
    }
  }
  return all
}
