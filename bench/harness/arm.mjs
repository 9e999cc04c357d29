// The process of one arm in one round: node arm.mjs CASE ARM INPUT SETTINGS, the last two as JSON.
// Prints one line of JSON. ARM is * where the arms of a case take turns in one process; then that has a
// figure for each.

import { measure, measureInTurns } from './measure.mjs'

const [name = '', arm = '', input = 'null', settings = ''] = process.argv.slice(2)
const { default: theCase } = await import(`../cases/${name}.mjs`)

/** @param {import('./types.d.ts').ArmSpec} spec */
const ready = async ({ setup, batch }) => (setup ? await setup(JSON.parse(input)) : { batch })

async function run() {
  if (arm !== '*') return measure(await ready(theCase.arms[arm]), JSON.parse(settings))
  const names = Object.keys(theCase.arms).filter((one) => !theCase.arms[one].c)
  const arms = await Promise.all(names.map((one) => ready(theCase.arms[one])))
  const rounds = measureInTurns(arms, JSON.parse(settings))
  return Object.fromEntries(names.map((one, i) => [one, rounds[i]]))
}

console.log(JSON.stringify(await run()))
