/**
 * The small examples run as a user runs them, and print what their comments say. One that needs a
 * shared library which is missing is skipped by name; in CI, which installs it, it fails.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { promisedOutput } from './checked.js'
import { isMissing } from './libraries.js'
import { root } from './markdown.js'

/**
 * Files of examples/, and the main.mjs of its folders; those that say what they print. `npm start` has
 * tests of its own.
 */
const examples = readdirSync(join(root, 'examples'))
  .map((name) => (name.endsWith('.mjs') ? name : `${name}/main.mjs`))
  .filter((name) => name !== 'main.mjs' && existsSync(join(root, 'examples', name)))
  .map((name) => ({ name, text: readFileSync(join(root, 'examples', name), 'utf8') }))
  .filter(({ name, text }) => !name.includes('/') || promisedOutput(text).length > 0)
  .map((example) => ({ ...example, needs: /^\/\/ Needs (\S+\.so\S*)/m.exec(example.text)?.[1] }))

describe.each(examples)('examples/$name', ({ name, text, needs }) => {
  it.skipIf(isMissing(needs))(needs === undefined ? 'runs' : `runs with ${needs}`, () => {
    const file = join(root, 'examples', name)
    const output = execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: 'pipe' })
    expect(output.trimEnd().split('\n')).toEqual(promisedOutput(text))
  })
})

it('leak-hunt names both lines of the service that leaks', () => {
  const file = join(root, 'examples/leak-hunt/main.mjs')
  // It checks what the report says by itself.
  const output = execFileSync(process.execPath, [file], { encoding: 'utf8', stdio: 'pipe' })
  expect(output).toContain('Both lines are named')
})

it('are those in folders too', () => {
  const inFolders = examples.filter(({ name }) => name.includes('/')).map(({ name }) => name)
  expect(inFolders).toEqual(['lua-heap/main.mjs', 'worker-pool/main.mjs', 'zlib-arena/main.mjs'])
})
