// Compiles bench/c into build/bench: the C baselines, and the addon with the empty function.

import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { at, run, say, which } from '../../scripts/lib.mjs'

const { include_dir: nodeApiHeaders } = createRequire(import.meta.url)('node-api-headers')

export const compiler = process.env.CC || 'cc'
export const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror']

const CLOCK = 'bench/c/bench.c'
const STRATEGIES = ['free_list', 'free_list_granules', 'free_list_tree', 'pool', 'stack'].map(core)
const LEDGER = [
  ...[
    'door',
    'ledger',
    'ledger_life',
    'ledger_read',
    'numbered',
    'os_code_posix',
    'os_posix',
    'os_threads_posix',
  ],
  ...['sampling', 'stacks', 'traced', 'unwind_posix'],
].map(core)
const SLAB = ['slab', 'slab_cache', 'slab_magazines', 'slab_runs', 'door'].map(core)

/** Sources of each program, and what it needs beside the common flags. */
const programs = {
  bump: {
    sources: [CLOCK, 'bench/c/bump.c', 'bench/c/textbook_bump.c', ...['bump', 'door'].map(core)],
  },
  doors: {
    sources: [CLOCK, 'bench/c/doors.c', ...SLAB, ...STRATEGIES],
    flags: ['-fno-builtin'],
  },
  ledger: {
    sources: ['bench/c/ledger.c', core('bump'), ...LEDGER],
    flags: ['-pthread'],
    libraries: ['-lm'],
  },
  live_blocks: { sources: [CLOCK, 'bench/c/live_blocks.c'], flags: ['-fno-builtin'] },
  malloc_pair: {
    sources: [
      ...[CLOCK, 'bench/c/malloc_pair.c'],
      ...['door', 'libc', 'live_map', 'os_posix', 'os_threads_posix'].map(core),
    ],
    flags: ['-fno-builtin'],
  },
  mmap_pair: { sources: [CLOCK, 'bench/c/mmap_pair.c'] },
  replay: {
    sources: ['bench/c/replay.c', ...SLAB],
    flags: ['-fno-builtin'],
  },
  traced: {
    sources: [CLOCK, 'bench/c/traced.c', ...['libc', 'live_map'].map(core), ...LEDGER],
    flags: ['-fno-builtin', '-pthread'],
    libraries: ['-lm'],
  },
}

function core(name) {
  return `native/core/${name}.c`
}

/** Where a program that was compiled here lies. @param {string} name */
export const program = (name) => at('build/bench', name)

/** Where the addon with the empty function lies. */
export const emptyCallAddon = () => at('build/bench/empty_call.node')

async function compile(args) {
  const command = [compiler, ...flags, ...args]
  const { code, output } = await run(command, { show: 'none' })
  if (code !== 0) throw new Error(`${command.join(' ')} failed:\n${output}`)
}

/** Compiles all of them anew: a baseline is never older than its source. About two seconds. */
export async function buildPrograms() {
  if (process.platform === 'win32' || !which(compiler)) {
    throw new Error(`the C baselines need a C compiler for Unix, and there is no ${compiler}`)
  }
  say(`compiling bench/c with ${compiler} ${flags.join(' ')}`)
  mkdirSync(at('build/bench'), { recursive: true })
  const includes = ['-Inative/include', '-Inative/core']
  for (const [name, { sources, flags: more = [], libraries = [] }] of Object.entries(programs)) {
    await compile([...more, ...includes, ...sources, ...libraries, '-o', program(name)])
  }
  const shared =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']
  await compile([
    ...shared,
    '-fPIC',
    `-I${nodeApiHeaders}`,
    'bench/c/empty_call.c',
    '-o',
    emptyCallAddon(),
  ])
}
