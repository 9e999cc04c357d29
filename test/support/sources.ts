/** The project's source files, and what they import. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Source {
  /** From the root of the project, with slashes. */
  readonly path: string
  readonly text: string
}

/** The files below a folder of the project whose names end so. */
export function sourcesBelow(folder: string, ending: RegExp): Source[] {
  return readdirSync(`${ROOT}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return sourcesBelow(path, ending)
    return ending.test(entry.name) ? [{ path, text: readFileSync(ROOT + path, 'utf8') }] : []
  })
}

export const lineCount = ({ text }: Source): number => text.trimEnd().split('\n').length

/** The text without comments. Strings that look like comments are no concern in these files. */
export const withoutComments = ({ text }: Source): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')

/** The last line of a static import or export, and a dynamic import anywhere. */
const STATIC = /^(?:(?:import|export|\})[^'"\n]*\bfrom\s*|import\s*)['"]([^'"\n]+)['"]/gm
const DYNAMIC = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g

/** What a TypeScript file imports: paths from the root of the project, or names of packages. */
export function importsOf(source: Source): string[] {
  const text = withoutComments(source)
  return [...text.matchAll(STATIC), ...text.matchAll(DYNAMIC)].map(([, target]) => {
    if (!target!.startsWith('.')) return target!
    return posix.join(posix.dirname(source.path), target!).replace(/\.js$/, '.ts')
  })
}

/** What a C or C++ file includes, as it is written: `<x>` or `"x"`. */
export function includesOf(source: Source): string[] {
  return [...withoutComments(source).matchAll(/^\s*#\s*include\s+([<"][^>"]+[>"])/gm)].map(
    ([, target]) => target!,
  )
}
