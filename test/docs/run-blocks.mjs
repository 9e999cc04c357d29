// Runs modules one after the other and reports how each ended, as JSON in the file named last:
//   node run-blocks.mjs block-1.mjs block-2.mjs ... results.json
// A process that dies leaves the results of those before.

import { writeFileSync } from 'node:fs'
import { setImmediate as tick } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { format, inspect } from 'node:util'

const files = process.argv.slice(2, -1)
const resultsFile = process.argv.at(-1) ?? ''
/** @type {{ errors: string[], printed: string[] }[]} */
const results = []
let current = { errors: [''], printed: [''] }

console.log = (...values) => current.printed.push(...format(...values).split('\n'))

globalThis.__docs = {
  /** @param {number} line @param {unknown} value @param {string} expected */
  is(line, value, expected) {
    const shown = inspect(value, { breakLength: Infinity, depth: 4 })
    if (shown !== expected) current.errors.push(`line ${line}: is ${shown}, not ${expected}`)
  },
  /** @param {number} line @param {() => unknown} action @param {string} expected */
  throws(line, action, expected) {
    try {
      action()
    } catch (/** @type {any} */ error) {
      const code = error?.code ?? error?.name
      if (code !== expected) current.errors.push(`line ${line}: throws ${inspect(error)}`)
      return
    }
    current.errors.push(`line ${line}: throws nothing, not ${expected}`)
  },
}

for (const file of files) {
  current = { errors: [], printed: [] }
  results.push(current)
  try {
    await import(pathToFileURL(file).href)
    await tick()
  } catch (error) {
    current.errors.push(inspect(error))
  }
  writeFileSync(resultsFile, JSON.stringify(results))
}
process.exit(0)
