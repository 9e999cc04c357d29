// Compiles the program and the style of the HTML report, lib/leaks/render/page/, into a module of
// strings: lib/leaks/render/html-page.generated.ts. `npm run build:lib` runs it.
//
// The linker is small because the sources are plain: named imports and exports only, and names that are
// unique over all modules. It puts them one after the other, and refuses anything else.

import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import { at, must } from './lib.mjs'

const folder = 'lib/leaks/render/page'
/** In the order in which they count: what is for narrow windows and paper comes last. */
const STYLES = ['base.css', 'flame.css', 'table.css', 'media.css']
export const generated = at('lib/leaks/render/html-page.generated.ts')

/** Compiles the page and writes the module. */
export async function buildPage() {
  writeFileSync(generated, await pageModule())
}

/** The module's text: the same for the same sources. */
export async function pageModule() {
  rmSync(at('build/page'), { recursive: true, force: true })
  await must(
    [
      process.execPath,
      ...[at('node_modules/typescript/bin/tsc'), '-p', at(folder, 'tsconfig.json')],
      ...['--noEmit', 'false'],
    ],
    `${folder} does not compile`,
  )
  const script = link(at('build/page/leaks/render/page/main.js'))
  const style = STYLES.map((name) => read(at(folder, name))).join('\n')
  return moduleOf(script, style)
}

/** With the line ends that a browser makes of any, as hashes are of these. @param {string} path */
const read = (path) => readFileSync(path, 'utf8').replaceAll('\r\n', '\n')

/** @param {string} script @param {string} style */
function moduleOf(script, style) {
  if (/<\/?(script|style)|<!--/i.test(script + style)) {
    throw new Error('the program or the style of the HTML report has what would end its element')
  }
  const values = { script, scriptHash: hash(script), style, styleHash: hash(style) }
  const lines = Object.entries(values).map(
    ([name, value]) => `export const ${name}: string = ${JSON.stringify(value)}\n`,
  )
  return `// Made of ${folder} by scripts/build-page.mjs.\n${lines.join('')}`
}

/** As a Content-Security-Policy names it. @param {string} text */
const hash = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`

/** A module and all that it imports, as one script. @param {string} entry */
export function link(entry) {
  /** @type {Map<string, string>} */
  const modules = new Map()
  const visit = (/** @type {string} */ path) => {
    if (modules.has(path)) return
    modules.set(path, '')
    const text = read(path)
    for (const [, target = ''] of text.matchAll(IMPORT)) visit(join(dirname(path), target))
    // Moved to the end: after what it imports.
    modules.delete(path)
    modules.set(path, withoutModules(text, path))
  }
  visit(entry)
  // In a strict block two declarations of one name are an error.
  const script = `'use strict';\n{\n${[...modules.values()].join('')}}\n`
  try {
    // Compiled, not run.
    compileFunction(script)
    return script
  } catch (error) {
    throw new Error('the program of the HTML report is wrong as one script', { cause: error })
  }
}

const IMPORT = /^import \{[^}]*\} from '(\.[^']+)';\n/gm

/** @param {string} text @param {string} path */
function withoutModules(text, path) {
  const bare = text
    .replace(IMPORT, (statement) => (/ as /.test(statement) ? statement : ''))
    .replace(/^export \{\};\n/gm, '')
    .replace(/^export (?=(async function|function|const|let|class) )/gm, '')
  const left = /^(import|export)\b.*/m.exec(bare)
  if (left)
    throw new Error(`${path}: ${left[0]} is no named import or export, and cannot be linked`)
  return bare
}
