/** `offheap doctor`: what this machine and runtime can do, and what to do about what they cannot. */
import { stdout } from 'node:process'
import { styleText } from 'node:util'
import { check, type Finding, type State } from '../doctor/checks.js'
import { ExitCode } from '../failures.js'
import { hasColors } from '../terminal.js'

const COLORS = { ok: 'green', limited: 'yellow', missing: 'red' } as const

/** Prints a line a finding, or JSON. The exit code: FOUND when the library cannot work here. */
export function doctor(options: { json?: boolean; color: boolean }): number {
  const findings = check()
  if (options.json === true) stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
  else
    stdout.write(findings.map((found) => lines(found, hasColors(stdout, options.color))).join(''))
  const broken = findings.some(({ state, needed }) => needed === true && state === 'missing')
  return broken ? ExitCode.FOUND : ExitCode.OK
}

function lines({ name, state, found, advice }: Finding, colors: boolean): string {
  const first = `${colored(state, colors)}  ${name.padEnd(26)} ${found}\n`
  return advice === undefined ? first : `${first}         -> ${advice}\n`
}

function colored(state: State, colors: boolean): string {
  const text = state.padEnd(7)
  if (!colors) return text
  return styleText(COLORS[state], text, { validateStream: false } as never)
}
