/** What each part of the project may know, and how long a file may be. */
import { describe, expect, test } from 'vitest'
import {
  importsOf,
  includesOf,
  lineCount,
  type Source,
  sourcesBelow,
  withoutComments,
} from './support/sources.js'

/** Parts of lib/, and the parts that each may import besides itself. A part that is not here is none. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  native: ['core'],
  regions: ['core', 'native'],
  allocators: ['core'],
  system: ['core', 'native'],
  interop: ['core', 'native'],
  leaks: ['core', 'native'],
  conformance: ['core'],
  index: ['core', 'regions', 'allocators', 'system', 'interop', 'leaks'],
  cli: ['index', 'leaks'],
}

/** Files that may import less than their part: the first prefix that fits counts. */
const STRICTER: readonly (readonly [string, readonly string[]])[] = [
  ['lib/core/errors.ts', []],
  ['lib/regions/view.ts', ['lib/core/']],
  ['lib/leaks/ledger/', ['lib/core/', 'lib/native/', 'lib/leaks/']],
  ['lib/leaks/stacks.ts', ['lib/native/', 'lib/leaks/']],
  [
    'lib/leaks/render/',
    ['lib/core/errors', 'lib/leaks/growth', 'lib/leaks/profile', 'lib/leaks/render/'],
  ],
  // What it hands out by default.
  ['lib/leaks/testing.ts', ['lib/core/', 'lib/leaks/', 'lib/system/c.ts']],
  ['lib/leaks/', ['lib/core/', 'lib/leaks/']],
]

/** What is not a part of lib/, and who may import it nevertheless. */
const OUTSIDE: Readonly<Record<string, RegExp>> = {
  native: /^node:(module|url)$/,
  conformance: /^node:assert\/strict$/,
  leaks: /^(node:(async_hooks|fs|http|module|path|url|util|vm|zlib)|pprof-format)$/,
  cli: /^(node:.*|commander)$/,
}

/** lib/core/errors.ts -> core, lib/index.ts -> index */
const partOf = (path: string): string => /^lib\/([^/.]+)/.exec(path)?.[1] ?? ''

function isAllowed(from: string, to: string): boolean {
  const part = partOf(from)
  if (!to.startsWith('lib/')) return OUTSIDE[part]?.test(to) ?? false
  const stricter = STRICTER.find(([prefix]) => from.startsWith(prefix))
  if (stricter !== undefined) return stricter[1].some((prefix) => to.startsWith(prefix))
  return partOf(to) === part || (PARTS[part] ?? []).includes(partOf(to))
}

const forbiddenImports = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    importsOf(source)
      .filter((target) => !isAllowed(source.path, target))
      .map((target) => `${source.path} imports ${target}`),
  )

const tooLong = (sources: readonly Source[], limit: number): string[] =>
  sources.filter((source) => lineCount(source) > limit).map(({ path }) => path)

const lib = sourcesBelow('lib', /\.ts$/)
const native = sourcesBelow('native', /\.(c|cc|h)$/)
const tests = sourcesBelow('test', /\.(ts|mjs|c|h)$/)

describe('lib', () => {
  test('has no parts but those that the rules know', () => {
    expect(lib.length).toBeGreaterThan(20)
    const parts = new Set(lib.map(({ path }) => partOf(path)))
    expect([...parts].filter((part) => !(part in PARTS))).toEqual([])
  })

  test('each part imports only what it may know', () => {
    expect(lib.flatMap(importsOf).length).toBeGreaterThan(60)
    expect(forbiddenImports(lib)).toEqual([])
  })

  test('core/errors knows nothing', () => {
    const errors = lib.find(({ path }) => path === 'lib/core/errors.ts')
    expect(importsOf(errors!)).toEqual([])
  })

  test.each(['lib/index.ts', 'lib/leaks/index.ts'])('%s has exports only', (name) => {
    const index = lib.find(({ path }) => path === name)
    const rest = withoutComments(index!).replace(/export (type )?\{[^}]*\} from '[^']+'/g, '')
    expect(rest.trim()).toBe('')
  })

  test('only native and cli know the process that they run in', () => {
    const elsewhere = lib.filter(({ path }) => !['native', 'cli'].includes(partOf(path)))
    const found = elsewhere.filter((source) =>
      /\b(process|console)\s*[.[]/.test(withoutComments(source)),
    )
    expect(found.map(({ path }) => path)).toEqual([])
  })
})

describe('native', () => {
  test('the core and the header know nothing of Node, nor of the addon', () => {
    const ofNode = /^native\/(addon\/|include\/offheap_napi\.h$)/
    const files = native.filter(({ path }) => !ofNode.test(path))
    const own = new Set(files.map(({ path }) => path.split('/').at(-1)))
    expect(files.flatMap(includesOf).length).toBeGreaterThan(30)
    const forbidden = files.flatMap((source) =>
      includesOf(source)
        .filter(
          (target) =>
            /node|napi|uv|v8/.test(target) ||
            (target.startsWith('"') && !own.has(target.slice(1, -1))),
        )
        .map((target) => `${source.path} includes ${target}`),
    )
    expect(forbidden).toEqual([])
    for (const source of files)
      expect(withoutComments(source)).not.toMatch(/\b(napi_|Napi::|v8::|uv_)/)
  })
})

describe('files', () => {
  test('of the library have at most 400 lines', () => {
    expect(tooLong([...lib, ...native], 400)).toEqual([])
  })

  test('of tests have at most 600 lines', () => {
    expect(tests.length).toBeGreaterThan(30)
    expect(tooLong(tests, 600)).toEqual([])
  })
})

describe('these rules', () => {
  const planted = (path: string, line: string): string[] => forbiddenImports([{ path, text: line }])

  test.each([
    ['lib/allocators/stack.ts', "import { loadAddon } from '../native/binding.js'"],
    ['lib/allocators/stack.ts', "import type { Region } from '../regions/index.js'"],
    ['lib/regions/wasm.ts', "export * from '../allocators/bump.js'"],
    ['lib/regions/view.ts', "import { loadAddon } from '../native/binding.js'"],
    ['lib/core/region.ts', "import '../native/shown.js'"],
    ['lib/core/errors.ts', "import { Layout } from './layout.js'"],
    ['lib/core/region.ts', "const fs = await import('node:fs')"],
    ['lib/system/c.ts', "import { readFileSync } from 'node:fs'"],
    ['lib/native/binding.ts', "import { BumpAllocator } from '../index.js'"],
    ['lib/index.ts', "export { main } from './cli/main.js'"],
    ['lib/leaks/debug.ts', "import { loadAddon } from '../native/binding.js'"],
    ['lib/leaks/render/html.ts', "import { Allocator } from '../../core/allocator.js'"],
    ['lib/allocators/bump.ts', "import koffi from 'koffi'"],
    ['lib/conformance/blocks.ts', "import { BumpAllocator } from '../allocators/bump.js'"],
    ['lib/conformance/blocks.ts', "import { test } from 'vitest'"],
    ['lib/core/allocator.ts', "import { checks } from '../conformance/index.js'"],
    ['lib/extras/new.ts', "import { Layout } from '../core/layout.js'"],
  ])('find a wrong import in %s: %s', (path, line) => {
    expect(planted(path, line)).toHaveLength(1)
  })

  test.each([
    ['lib/allocators/stack.ts', "import { Layout } from '../core/layout.js'"],
    ['lib/native/binding.ts', "import { createRequire } from 'node:module'"],
    ['lib/conformance/limits.ts', "import assert from 'node:assert/strict'"],
    ['lib/cli/main.ts', "import { writeFileSync } from 'node:fs'"],
    ['lib/leaks/ledger/ledger.ts', "import { loadAddon } from '../../native/binding.js'"],
    ['lib/core/region.ts', "/** as in import { x } from '../native/binding.js' */"],
  ])('let %s have %s', (path, line) => {
    expect(planted(path, line)).toEqual([])
  })
})
