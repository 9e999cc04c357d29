/**
 * One heap, two doors: a strategy's C compiled for the tests, to work on the state of an allocator in
 * TypeScript; and what the tests of all strategies need to compare the two.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import koffi, { type LibraryHandle } from 'koffi'
import { generator } from '../../lib/conformance/random.js'
import { Region } from '../../lib/index.js'
import { RUNS } from '../support/runs.js'

/** A C function, as koffi calls it: numbers for addresses, a typed array for a pointer to its words. */
export type CFunction = ReturnType<LibraryHandle['func']>

/** Operations of a random program: 100,000, and a million in CI, where there are 100 times the runs. */
export const OPERATIONS = Math.ceil(10_000 * Math.sqrt(RUNS))

/** Milliseconds that a random program may take. */
export const TIMEOUT = 120_000 + OPERATIONS / 5

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDER = `${ROOT}build/test`
const FLAGS = [
  ...['-std=c11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC'],
  // Undefined behaviour ends the process, and says where it was.
  ...['-fsanitize=undefined', '-fno-sanitize-recover=undefined'],
  // Where AddressSanitizer is in the process already, it looks at this too.
  ...(process.env['LD_PRELOAD']?.includes('libasan') ? ['-fsanitize=address'] : []),
  ...[`-I${ROOT}native/include`, `-I${ROOT}native/core`],
]

const compiler = [process.env['CC'] ?? '', 'cc', 'gcc', 'clang'].find(
  (name) => name !== '' && spawnSync(name, ['--version']).status === 0,
)

/**
 * Compiles and loads the C side of a strategy. undefined: there is no C compiler; in CI that throws.
 *
 * @param name Of the library: build/test/<name>.so.
 * @param sources From the root of the project (native/core/stack.c), or names of files in native/core.
 * @param declarations Of its functions, for koffi. Addresses as uintptr_t, the state as void *, for
 *   which the words of an allocator can be passed.
 */
export function loadStrategy(
  name: string,
  sources: readonly string[],
  declarations: readonly string[],
): Record<string, CFunction> | undefined {
  if (compiler === undefined) {
    assert(!process.env['CI'], 'no C compiler, and CI has to have one')
    return undefined
  }
  mkdirSync(FOLDER, { recursive: true })
  const library = `${FOLDER}/${name}.so`
  // Another process may be running the one that is there.
  const fresh = `${FOLDER}/${name}.${process.pid}.so`
  const files = [...sources, 'door.c'].map(
    (file) => `${ROOT}${file.includes('/') ? '' : 'native/core/'}${file}`,
  )
  const { status, stderr } = spawnSync(compiler, [...FLAGS, '-o', fresh, ...files])
  assert.equal(status, 0, `${compiler}: ${String(stderr)}`)
  renameSync(fresh, library)
  const loaded = koffi.load(library)
  const functions = declarations.map((declaration) => loaded.func(declaration))
  return Object.fromEntries(functions.map((called) => [called.info.name, called]))
}

/** Throws unless two state blocks hold the same words, but for those at the indices in `except`. */
export function compareStates(a: Int32Array, b: Int32Array, except: readonly number[]): void {
  assert.equal(a.length, b.length, 'words of the states')
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i] || except.includes(i)) continue
    const differ = [...a.keys()].filter((at) => a[at] !== b[at] && !except.includes(at))
    const shown = differ.slice(0, 8).map((at) => `word ${at}: ${a[at]! >>> 0} and ${b[at]! >>> 0}`)
    assert.fail(`${differ.length} words differ: ${shown.join(', ')}`)
  }
}

/** The state of an allocator. */
export function wordsOf(allocator: object): Int32Array {
  return (allocator as { _words: Int32Array })._words
}

/** What an operation says: where a block is in its region, yes or no, or that it was refused. */
export type Result = number | boolean | 'refused'

/** What an operation in TypeScript says, where what it throws is what C refuses. */
export function resultOf(operation: () => Result | void): Result {
  try {
    return operation() ?? true
  } catch (error) {
    assert.match(String((error as { code?: string }).code), /^ERR_OFFHEAP_/, String(error))
    return 'refused'
  }
}

/**
 * Two pieces of memory, `length` bytes each, whose addresses are `odd` modulo 64 KiB: a program that
 * comes again finds the same alignments.
 */
export function twins(length: number, odd = 0): [Uint8Array, Uint8Array] {
  const unit = 2 ** 16
  const apart = Math.ceil((length + odd) / unit) * unit
  const buffer = new ArrayBuffer(2 * apart + unit)
  using region = Region.from(buffer)
  const start = unit - (region.address % unit) + odd
  return [new Uint8Array(buffer, start, length), new Uint8Array(buffer, apart + start, length)]
}

/** Random choices. */
export interface Chance {
  /** An integer below `limit`. */
  (limit: number): number
  /** One of them. */
  of<T>(all: readonly T[]): T
  /** Yes, `percent` times of a hundred. */
  is(percent: number): boolean
}

export function chance(seed: number): Chance {
  const below = generator(seed)
  return Object.assign(below, {
    of: <T>(all: readonly T[]): T => all[below(all.length)]!,
    is: (percent: number): boolean => below(100) < percent,
  })
}
