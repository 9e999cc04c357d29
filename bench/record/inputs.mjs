// What the workloads work on: SQLite's amalgamated source, nine megabytes of C that do not change,
// as it is, as a table, as JSON, cut, and as the history of a repository.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, fail, npmCommand, run } from '../../scripts/lib.mjs'

/** A package that carries the source. */
const SOURCE = 'better-sqlite3@12.11.1'
const COMMITS = 24

export const workFolder = at('build/bench/record/work')
const made = (/** @type {string} */ name) => join(workFolder, name)

/** @param {string[]} command @param {Record<string, string>} [env] */
async function must(command, cwd = workFolder, env = {}) {
  const { code, output } = await run(command, { cwd, env, show: 'none' })
  if (code !== 0) fail(`${command.join(' ')}:\n${output}`)
}

async function fetchSource() {
  await must([...npmCommand(), 'pack', SOURCE])
  const archive = `${SOURCE.replace('@', '-')}.tgz`
  await must(['tar', 'xzf', archive, '--strip-components=3', 'package/deps/sqlite3'])
}

/** The files that the amalgamation was made of. @param {string} source */
function filesOf(source) {
  const parts = source.split(/^\/\*{14} Begin file (\S+) \**\/$/m)
  return Array.from({ length: (parts.length - 1) / 2 }, (_, i) => ({
    name: parts[2 * i + 1] ?? '',
    lines: (parts[2 * i + 2] ?? '').split('\n'),
  }))
}

/** A history in which every file grows and lines change, in the format of git fast-import. */
function history(source) {
  const files = filesOf(source)
  const texts = []
  for (let i = 1; i <= COMMITS; i++) {
    const when = `a <a@example.org> ${1_600_000_000 + i * 3600} +0000`
    texts.push(`commit refs/heads/main\ncommitter ${when}\ndata ${`part ${i}`.length}\npart ${i}\n`)
    for (const { name, lines } of files) {
      const text = lines.slice(0, Math.ceil((lines.length * i) / COMMITS)).join('\n')
      const changed = i % 2 === 0 ? text : text.replaceAll('rc==SQLITE_OK', `rc == OK_${i}`)
      texts.push(`M 100644 inline ${name}\ndata ${Buffer.byteLength(changed)}\n${changed}\n`)
    }
  }
  return texts.join('')
}

/** @param {string} source */
async function makeRepository(source) {
  if (existsSync(made('repository'))) return
  writeFileSync(made('history'), history(source))
  await must(['git', 'init', '-q', '-b', 'main', 'repository'])
  await must(['sh', '-c', 'git fast-import --quiet < ../history'], made('repository'))
}

export async function prepareInputs() {
  mkdirSync(workFolder, { recursive: true })
  if (!existsSync(made('sqlite3.c'))) await fetchSource()
  const source = readFileSync(made('sqlite3.c'), 'utf8')
  const lines = source.split('\n')
  const table = lines
    .slice(0, 60_000)
    .map((text, i) => `${i + 1}|${text.replace(/[\t|"]/g, ' ')}\n`)
  writeFileSync(made('lines.txt'), table.join(''))
  const records = lines.slice(0, 7000).map((text, i) => ({ number: i + 1, text }))
  writeFileSync(made('lines.json'), JSON.stringify(records))
  // As far as it compiles alone: utilities, the operating system interface, files in memory.
  const end = lines.findIndex((line) => line.includes('End of memdb.c'))
  writeFileSync(made('part.c'), [...lines.slice(0, end), '#endif', ''].join('\n'))
  await makeRepository(source)
}
