/**
 * The code of the documentation runs and does what its comments say, against dist/. Each page's blocks
 * run in one process, one after the other; a block marked `no-run` gives its reason instead. One that
 * `needs` a shared library which is missing is skipped, and in CI, which installs it, fails.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checked, promisedOutput } from './checked.js'
import { isMissing } from './libraries.js'
import { type CodeBlock, pages, root } from './markdown.js'

const cache = join(root, '.cache')
mkdirSync(cache, { recursive: true })
/** Inside the project, so that `import 'offheap'` finds it. */
const work = mkdtempSync(join(cache, 'docs-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

interface Result {
  errors: string[]
  printed: string[]
}

/** Runs blocks in one process. One that is missing in the results did not come to its end. */
function run(name: string, blocks: CodeBlock[]): Result[] {
  const folder = join(work, name.replace(/\W/g, '-'))
  mkdirSync(folder)
  const files = blocks.map((block, index) => {
    const file = join(folder, `${index}-line-${block.line}.mjs`)
    writeFileSync(file, checked(block.code, block.line))
    return file
  })
  const results = join(folder, 'results.json')
  const command = [join(root, 'test/docs/run-blocks.mjs'), ...files, results]
  try {
    execFileSync(process.execPath, command, { cwd: root, stdio: 'pipe', timeout: 100_000 })
  } catch (error) {
    console.error(`The process for ${name} ended badly: ${String(error)}`)
  }
  return existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as Result[]) : []
}

/** Does a block need a library that is missing, and may be? */
const lacks = ({ note }: CodeBlock): boolean => isMissing(/^needs (\S+)$/.exec(note)?.[1])

const all = pages()

describe.each(all)('$path', ({ path, blocks }) => {
  const js = blocks.filter(({ language }) => language === 'js')
  const present = js.filter((block) => !lacks(block))
  const runnable = present.filter(({ note }) => note === '' || note.startsWith('needs '))
  let results: Result[] | undefined

  const absent = js.filter((block) => !present.includes(block))
  it.skipIf(absent.length > 0).each(absent)('line $line $note', () => {
    expect.unreachable('skipped')
  })

  it.each(present.filter((block) => !runnable.includes(block)))(
    'line $line says why it is not run',
    ({ note }) => expect(note).toMatch(/^no-run \S+ \S+/),
  )

  it.each(runnable.map((block, index) => ({ ...block, index })))(
    'line $line runs',
    ({ code, index }) => {
      results ??= run(path, runnable)
      const result = results[index] ?? { errors: ['the process died'], printed: [] }
      expect(result.errors).toEqual([])
      expect(result.printed).toEqual(promisedOutput(code))
    },
  )

  it('names a language for every block', () => {
    expect(
      blocks.filter(({ language }) => !['js', 'ts', 'sh', 'c', 'text'].includes(language)),
    ).toEqual([])
  })
})

describe('TypeScript in the documentation', () => {
  const blocks = all.flatMap(({ path, blocks: onPage }) =>
    onPage
      .filter(({ language }) => language === 'ts')
      .map(({ code, line }) => ({ code, name: `${path.replace(/\W/g, '-')}-${line}.mts` })),
  )

  it('has the types that it says', () => {
    const folder = join(work, 'types')
    mkdirSync(folder)
    for (const { code, name } of blocks) writeFileSync(join(folder, name), code)
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: { noUnusedLocals: false, typeRoots: [join(root, 'node_modules/@types')] },
        include: ['*.mts'],
      }),
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    let output = ''
    try {
      execFileSync(process.execPath, [tsc, '-p', folder], { cwd: root, stdio: 'pipe' })
    } catch (error) {
      output = String((error as { stdout: Buffer }).stdout)
    }
    expect(blocks.length).toBeGreaterThan(0)
    expect(output).toBe('')
  })
})

const block = (code: string): CodeBlock => ({ language: 'js', note: '', line: 1, code })

/** Blocks that are wrong on purpose: without them the checks above might check nothing. */
describe('the checks themselves', () => {
  it('notice what is not so', () => {
    const results = run('self-test', [
      block("1 + 1 // => 3\nconst a = 'x' // => 'x'\na // throws ERR_X\n"),
      block("console.log('a', 1)\n"),
      block("throw new Error('oops')\n"),
    ])
    expect(results.map(({ errors }) => errors.length)).toEqual([2, 0, 1])
    expect(results[1]!.printed).toEqual(['a 1'])
    expect(promisedOutput("console.log('a', 1) // prints a 1\n")).toEqual(['a 1'])
  })
})
