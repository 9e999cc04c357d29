/** The documentation is whole: links lead somewhere, and every public name is explained. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchors, pages, relativeLinks, root } from './markdown.js'

const all = pages()

describe.each(all)('$path', ({ path, text }) => {
  it('links to what exists', () => {
    const broken = relativeLinks(text).filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = join(root, file === '' ? path : join(dirname(path), file))
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchors(readFileSync(target, 'utf8')).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  it('wraps at 100 columns', () => {
    // Tables and code have lines of their own.
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '').split('\n')
    expect(prose.filter((line) => line.length > 100 && !/^(\||.*\]\()/.test(line))).toEqual([])
  })
})

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  'scripts' | 'dependencies' | 'devDependencies',
  Record<string, string>
>

it('names npm scripts that exist', () => {
  const named = all.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:]+)/g)].map((m) => m[1]!))
  expect(named.filter((script) => !(script in manifest.scripts))).toEqual([])
})

it('gives a reason for each dependency', () => {
  const { text } = all.find(({ path }) => path === 'docs/dependencies.md')!
  const packages = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  expect(packages.filter((name) => !text.includes(`| \`${name}\` |`))).toEqual([])
})

interface Exported {
  name: string
  file: string
}

/** What an index exports, and from which file. It has nothing but `export { ... } from '...'`. */
function exportedSymbols(folder: string): Exported[] {
  const index = readFileSync(join(root, folder, 'index.ts'), 'utf8')
  const statements = [...index.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)]
  expect(statements.length).toBe(index.match(/^export /gm)!.length)
  return statements.flatMap(([, names, from]) =>
    names!
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, file: join(folder, from!.replace(/\.js$/, '.ts')) })),
  )
}

describe.each(['lib', 'lib/interop'].flatMap(exportedSymbols))('$name', ({ name, file }) => {
  it('has a docstring', () => {
    const source = readFileSync(join(root, file), 'utf8')
    const kinds = '(?:abstract class|class|interface|type|const|function)'
    const documented = new RegExp(`\\*/\\nexport ${kinds} ${name}\\b`)
    expect(documented.test(source), `a docstring before ${name} in ${file}`).toBe(true)
  })

  it('is named in the documentation', () => {
    const named = new RegExp(`\\b${name}\\b`)
    expect(all.filter(({ text }) => named.test(text)).map(({ path }) => path)).not.toEqual([])
  })
})
