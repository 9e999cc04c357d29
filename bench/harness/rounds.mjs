// Runs a case: in each round every arm once with every input, each in a process of its own, one after
// the other. The arms take turns (A B C, C B A, A B C ...), so that a machine that slows down slows all
// of them. Or, where a case says so, all in one process.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { at } from '../../scripts/lib.mjs'
import { program } from './build.mjs'
import { preloaded, whyNot } from './preload.mjs'

/** @typedef {import('./types.d.ts').Case} Case */
/** @typedef {import('./types.d.ts').Input} Input */
/** @typedef {import('./types.d.ts').Series} Series */
/** @typedef {import('./types.d.ts').RunSettings} RunSettings */

const exec = promisify(execFile)

/**
 * The program of an arm and its arguments.
 * @param {Case} theCase @param {string} arm @param {Input | null} input @param {RunSettings} settings
 * @returns {[string, string[]]}
 */
function commandOf(theCase, arm, input, settings) {
  const { c, once = theCase.once } = theCase.arms[arm] ?? {} // none: *, all of them
  if (c?.args) return [program(c.program), c.args(input ?? 0, settings)]
  if (c) {
    const { warmupMs, sampleMs, timeMs } = settings
    return [program(c.program), [c.arm, warmupMs, sampleMs, timeMs].map(String)]
  }
  const given = { ...settings, once: once && Math.ceil(once * settings.share) }
  const args = [theCase.name, arm, JSON.stringify(input), JSON.stringify(given)]
  return [process.execPath, [at('bench/harness/arm.mjs'), ...args]]
}

/**
 * What a process prints: a Round, or one for each arm.
 * @param {Case} theCase @param {string} arm @param {Input | null} input @param {[string, string[]]} command
 */
async function measured(theCase, arm, input, [file, args]) {
  const env = preloaded(theCase.arms[arm]?.c)
  try {
    const { stdout, stderr } = await exec(file, args, { cwd: at(), env, maxBuffer: 1 << 20 })
    // The loader goes on with the C library's malloc after that, which would be measured instead.
    if (stderr.includes('cannot be preloaded')) throw new Error(stderr)
    return JSON.parse(stdout)
  } catch (error) {
    const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error)
    const where = `${theCase.name}, ${arm}${input === null ? '' : `, ${input}`}`
    throw new Error(`${where}: ${stderr || message}`, { cause: error })
  }
}

/**
 * @param {Case} theCase @param {string} arm @param {Input | null} input @param {RunSettings} settings
 * @param {boolean} first Is this the first round?
 */
async function runArm(theCase, arm, input, settings, first) {
  const round = await measured(theCase, arm, input, commandOf(theCase, arm, input, settings))
  const { c } = theCase.arms[arm] ?? {}
  if (!first || !c?.memory) return round
  const { args, peakPayload } = c.memory(input ?? 0)
  const { rssGrowth } = await measured(theCase, arm, input, [program(c.program), args])
  return rssGrowth === undefined ? round : { ...round, utilisation: peakPayload / rssGrowth }
}

/** @param {Case} theCase @param {Series[]} all @param {RunSettings} settings @param {boolean} first */
async function runByArm(theCase, all, settings, first) {
  for (const { arm, input, rounds } of all) {
    rounds.push(await runArm(theCase, arm, input, settings, first))
  }
}

/** @param {Case} theCase @param {Series[]} all @param {RunSettings} settings */
async function runInTurns(theCase, all, settings) {
  const byArm = await measured(theCase, '*', null, commandOf(theCase, '*', null, settings))
  for (const { arm, rounds } of all) rounds.push(byArm[arm])
}

/** Which arms cannot run on this machine. @param {Case} theCase @returns {import('./types.d.ts').Skipped[]} */
export function skippedArms({ arms }) {
  return Object.values(arms).flatMap((arm) => {
    const why = whyNot(arm)
    return why === null ? [] : [{ label: arm.label, why }]
  })
}

/**
 * @param {Case} theCase
 * @param {RunSettings} settings
 * @param {(done: number, of: number) => void} progress
 */
export async function runCase(theCase, settings, progress) {
  const { rounds } = settings
  const arms = Object.keys(theCase.arms).filter((arm) => whyNot(theCase.arms[arm]) === null)
  /** @type {Series[]} */
  const all = (theCase.inputs ?? [null]).flatMap((input) =>
    arms.map((arm) => ({ arm, input, rounds: [] })),
  )
  for (let round = 0; round < rounds; round++) {
    progress(round, rounds)
    const inTurns = all.filter(({ arm }) => theCase.inTurns && !theCase.arms[arm]?.c)
    const others = all.filter((one) => !inTurns.includes(one))
    if (inTurns.length > 0) await runInTurns(theCase, inTurns, settings)
    await runByArm(theCase, round % 2 === 0 ? others : others.toReversed(), settings, round === 0)
  }
  return all
}
