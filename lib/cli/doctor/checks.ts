/** The checks of `offheap doctor`. Each looks at one thing, by using it where that is possible. */
import { accessSync, constants, rmdirSync, statfsSync } from 'node:fs'
import { findSourceMap, isBuiltin } from 'node:module'
import { platform, versions } from 'node:process'
import { cAllocator, DynamicAllocator, GcAllocator, Region } from '../../index.js'
import { reasonOf } from '../failures.js'
import { baseDirectory, ensureDirectory, directoryOf } from '../runs.js'
import { limits } from './limits.js'

/** missing: it is not there; limited: the library works, with what `found` says. */
export type State = 'ok' | 'limited' | 'missing'

/** One line of the doctor's. */
export interface Finding {
  name: string
  state: State
  /** What was found, in words. */
  found: string
  /** What to do about it, unless it is ok. */
  advice?: string
  /** The library does not work without it. */
  needed?: true
}

/** Everything, in the order in which one would look. */
export function check(): Finding[] {
  const addon = theAddon()
  const withAddon = addon.state === 'ok' ? [externalBuffers(), sharedRegions(), heapInfo()] : []
  return [
    nodeVersion(),
    addon,
    ...withAddon,
    transfer(),
    regionSize(),
    permissions(),
    ...limits(),
    ...(addon.state === 'ok' ? libraries() : []),
    sourceMaps(),
    foreignFunctions(),
    typeScript(),
    profiles(),
  ]
}

const ok = (name: string, found: string): Finding => ({ name, state: 'ok', found })

const limited = (name: string, found: string, advice: string): Finding => ({
  name,
  state: 'limited',
  found,
  advice,
})

const missing = (name: string, found: string, advice: string): Finding => ({
  name,
  state: 'missing',
  found,
  advice,
})

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number)
  const found = `${versions.node} on ${platform}-${process.arch}`
  if (major > 20 || (major === 20 && minor >= 19)) return ok('Node', found)
  return { ...missing('Node', found, 'install Node 20.19 or later'), needed: true }
}

function theAddon(): Finding {
  try {
    cAllocator.alloc(64).free()
    return ok('addon', 'is built and loads')
  } catch (error) {
    const advice = 'build it: npm run build:native (npm explore offheap -- npm run build:native)'
    return { ...missing('addon', reasonOf(error), advice), needed: true }
  }
}

/** Where they are refused a region is memory of V8's, and its buffer is larger than itself. */
function externalBuffers(): Finding {
  const region = Region.malloc(64)
  const shown = region.buffer.byteLength === 64
  region.dispose()
  if (shown) return ok('external ArrayBuffers', 'memory outside V8 is shown to JavaScript')
  return limited(
    'external ArrayBuffers',
    'this runtime refuses them, as Electron does: regions are memory of V8 instead',
    'run on Node itself for blocks of malloc and Region.borrow',
  )
}

function sharedRegions(): Finding {
  try {
    Region.shared(4096).dispose()
    return ok('shared regions', 'a region can be seen by all workers')
  } catch (error) {
    return limited('shared regions', reasonOf(error), 'share memory by messages instead')
  }
}

function heapInfo(): Finding {
  if (cAllocator.info() !== null) return ok('figures of malloc', 'glibc says what its heap holds')
  return limited(
    'figures of malloc',
    'this C library does not say what its heap holds, nor gives it back',
    'use a system with glibc to tell leaks from fragmentation',
  )
}

function transfer(): Finding {
  if ('transfer' in ArrayBuffer.prototype) return ok('ArrayBuffer transfer', 'is there')
  return limited('ArrayBuffer transfer', 'is not there: the addon detaches', 'Node 22 has it')
}

function regionSize(): Finding {
  if (Number.parseInt(versions.node, 10) >= 22) return ok('largest region', 'as memory allows')
  return limited('largest region', '4 GiB', 'Node 22 or later shows more')
}

interface Permission {
  has(scope: string): boolean
}

function permissions(): Finding {
  const { permission } = process as { permission?: Permission }
  if (permission === undefined) return ok('permission model', 'is off')
  const wanted = { 'fs.read': '--allow-fs-read=*', 'fs.write': '--allow-fs-write=*' }
  const refused = Object.entries({ ...wanted, child: '--allow-child-process' }).filter(
    ([scope]) => !permission.has(scope),
  )
  if (refused.length === 0) return ok('permission model', 'is on, and lets the command work')
  const scopes = refused.map(([scope]) => scope).join(', ')
  const flags = refused.map(([, flag]) => flag).join(' ')
  return limited('permission model', `is on, and refuses ${scopes}`, `add ${flags}`)
}

const LIBRARIES = [
  { name: 'mimalloc', library: 'libmimalloc.so.2', prefix: 'mi_', package: 'libmimalloc2.0' },
  { name: 'jemalloc', library: 'libjemalloc.so.2', prefix: '', package: 'libjemalloc2' },
  {
    name: 'tcmalloc',
    library: 'libtcmalloc_minimal.so.4',
    prefix: 'tc_',
    package: 'libtcmalloc-minimal4',
  },
]

/** Those that allocators load on demand. Nothing else needs them. */
function libraries(): Finding[] {
  const collector = loaded('libgc', 'for GcAllocator', 'libgc1', () => new GcAllocator().dispose())
  const mallocs = LIBRARIES.map(({ name, library, prefix, package: debian }) =>
    loaded(name, 'for DynamicAllocator', debian, () => {
      new DynamicAllocator({ library, prefix }).dispose()
    }),
  )
  return [collector, ...mallocs]
}

function loaded(name: string, use: string, debian: string, load: () => void): Finding {
  try {
    load()
    return ok(name, `is there, ${use}`)
  } catch (error) {
    // It is there, but the loader has no room for its thread-local variables.
    const tunable = /GLIBC_TUNABLES=\S+/.exec(reasonOf(error))?.[0]
    if (tunable !== undefined) {
      return limited(name, 'is there, but the process has no room for it', `${tunable} node ...`)
    }
    return missing(name, `does not load; only ${use}`, `apt-get install ${debian}`)
  }
}

/** Tracing says where in the sources a block was allocated. */
function sourceMaps(): Finding {
  if (typeof findSourceMap === 'function') return ok('source maps', 'this Node reads them')
  return limited('source maps', 'this runtime does not read them', 'run on Node itself')
}

function foreignFunctions(): Finding {
  if (isBuiltin('node:ffi')) return ok('node:ffi', 'is there')
  return missing('node:ffi', 'is not part of this Node', 'Node 26.1 has it; koffi does the same')
}

function typeScript(): Finding {
  const { typescript } = process.features as { typescript?: string | false }
  if (typescript) return ok('TypeScript', 'this Node runs it')
  const advice = 'Node 22.18 or later does; or offheap leaks --node=--import=tsx app.ts'
  return limited('TypeScript', 'this Node does not run it', advice)
}

const LITTLE = 64 * 2 ** 20

/** Where profiles of running processes go. */
function profiles(): Finding {
  const base = baseDirectory()
  try {
    ensureDirectory(directoryOf(process.pid))
    rmdirSync(directoryOf(process.pid))
    accessSync(base, constants.W_OK)
    const { bavail, bsize } = statfsSync(base)
    const free = `${Math.floor((bavail * bsize) / 2 ** 20)} MiB free`
    if (bavail * bsize >= LITTLE) return ok('profiles', `go to ${base}, ${free}`)
    return limited('profiles', `go to ${base}, ${free}`, 'make room, or set TMPDIR')
  } catch (error) {
    return limited('profiles', reasonOf(error), 'set TMPDIR to a directory that can be written')
  }
}
