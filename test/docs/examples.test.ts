/** The small examples run as a user runs them, and print what their comments say. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { promisedOutput } from './checked.js'
import { root } from './markdown.js'

const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.mjs'))
// Of several files. (upload-service is a program with a test of its own.)
examples.push('worker-pool/main.mjs')

it.concurrent.each(examples)('examples/%s', (name) => {
  const file = join(root, 'examples', name)
  const output = execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: 'pipe' })
  expect(output.trimEnd().split('\n')).toEqual(promisedOutput(readFileSync(file, 'utf8')))
})
