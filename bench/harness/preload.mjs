// Shared libraries of the system: others' malloc for the programs in C, by LD_PRELOAD, and what arms
// call. Where one is not installed, the arms that want it are skipped by name.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { ask } from '../../scripts/lib.mjs'

/** @typedef {import('./types.d.ts').ArmSpec} ArmSpec */
/** @typedef {import('./types.d.ts').CProgram} CProgram */

const LIBRARIES = {
  mimalloc: { file: 'libmimalloc.so.2', debian: 'libmimalloc2.0' },
  jemalloc: { file: 'libjemalloc.so.2', debian: 'libjemalloc2' },
  lua: { file: 'liblua5.4.so.0', debian: 'liblua5.4-0' },
  zlib: { file: 'libz.so.1', debian: 'zlib1g' },
}
const FOLDERS = ['/usr/local/lib', '/usr/lib', '/usr/lib64']

/** The libraries that the loader knows: "name (libc6,x86-64) => path". */
function loaderCache() {
  for (const program of ['ldconfig', '/sbin/ldconfig']) {
    const { status, stdout } = spawnSync(program, ['-p'], { encoding: 'utf8' })
    if (status === 0) return stdout
  }
  return ''
}

/** @param {string} file @param {string} cache */
function pathOf(file, cache) {
  const known = cache.split('\n').find((line) => line.trim().startsWith(`${file} `))
  const paths = FOLDERS.map((folder) => `${folder}/${file}`)
  if (known !== undefined) paths.unshift(known.slice(known.indexOf('=>') + 2).trim())
  return paths.find((path) => existsSync(path)) ?? null
}

/** Paths by name, of those that are installed. */
const installed = findInstalled()

function findInstalled() {
  if (process.platform !== 'linux') return {}
  const cache = loaderCache()
  const found = Object.entries(LIBRARIES).map(([name, { file }]) => [name, pathOf(file, cache)])
  return Object.fromEntries(found.filter(([, path]) => path !== null))
}

/** Why an arm cannot run, or null. @param {Pick<ArmSpec, 'c' | 'needs'> | undefined} arm */
export function whyNot(arm) {
  const needed = arm?.c?.preload ?? arm?.needs
  if (needed === undefined || needed in installed) return null
  const { file, debian } = LIBRARIES[needed]
  return `there is no ${file} (Debian's package ${debian})`
}

/** The environment of a program. @param {CProgram | undefined} c */
export const preloaded = (c) =>
  c?.preload === undefined ? process.env : { ...process.env, LD_PRELOAD: installed[c.preload] }

/** Versions of those that are installed, where Debian's package manager knows them. */
export function mallocVersions() {
  const versions = Object.keys(installed).map((name) => {
    const { file, debian } = LIBRARIES[name]
    return [name, ask(['dpkg-query', '-W', '-f', '${Version}', debian]) || file]
  })
  return Object.fromEntries(versions)
}
