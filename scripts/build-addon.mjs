// Builds the native addon: `npm run build:native`, in a clone and in an installed package alike.
//   (nothing)  node-gyp -> build/Release/offheap.node, which the library loads
//   --cmake    cmake-js -> build/cmake/Release/offheap.node
//   --asan     cmake-js, AddressSanitizer and UBSan -> build/asan/Debug/offheap.node
// Incremental: sources that did not change are not compiled again.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { at, fail, filesBelow, hashOf, npmCommand, readStamp, run, say, seconds } from './lib.mjs'

export const addons = {
  gyp: at('build/Release/offheap.node'),
  cmake: at('build/cmake/Release/offheap.node'),
  asan: at('build/asan/Debug/offheap.node'),
}

const stampFile = at('build/Release/offheap.stamp')
const require = createRequire(import.meta.url)

// Node's version is left out on purpose: a Node-API addon is one binary for every Node.
const fingerprint = () =>
  hashOf(
    ['binding.gyp', 'scripts/native-sources.mjs', ...filesBelow('native')],
    [process.platform, process.arch],
  )

/** Whether the addon is built from the sources as they are. */
export const isAddonFresh = () => existsSync(addons.gyp) && readStamp(stampFile) === fingerprint()

/** @param {string} prefix an installation of Node, as node-gyp's --nodedir */
function hasHeaders(prefix) {
  const folder = join(prefix, 'include/node')
  if (!['node_api.h', 'node_version.h', 'common.gypi'].every((f) => existsSync(join(folder, f)))) {
    return false
  }
  const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(
    readFileSync(join(folder, 'node_version.h'), 'utf8'),
  )
  return major?.[1] === process.versions.node.split('.')[0]
}

/** Node's headers: those named by the user, else those beside this Node, else node-gyp downloads some. */
function headerArguments() {
  const named = process.env.npm_config_nodedir
  if (named) return [`--nodedir=${named}`]
  const prefix = dirname(dirname(process.execPath))
  return hasHeaders(prefix) ? [`--nodedir=${prefix}`] : []
}

/** node-gyp as a program and its first arguments: ours, else the one inside npm, else from the registry. */
function nodeGyp() {
  const insideNpm = 'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'
  const prefix = dirname(dirname(process.execPath))
  const candidates = [
    resolveOrEmpty('node-gyp/bin/node-gyp.js'),
    process.env.npm_config_node_gyp ?? '',
    join(prefix, 'lib', insideNpm),
    join(dirname(process.execPath), insideNpm),
  ]
  const found = candidates.find((file) => file !== '' && existsSync(file))
  return found ? [process.execPath, found] : [...npmCommand(), 'exec', '--yes', '--', 'node-gyp@12']
}

/** @param {string} name */
function resolveOrEmpty(name) {
  try {
    return require.resolve(name)
  } catch {
    return ''
  }
}

/** Runs node-gyp in a folder. @param {string} cwd @returns {Promise<number | null>} its exit code */
export async function buildIn(cwd) {
  const options = ['configure', 'build', '--jobs=max', '--loglevel=warn', ...headerArguments()]
  return (await run([...nodeGyp(), ...options], { cwd, show: 'stderr' })).code
}

/** The node-gyp build. */
export async function buildWithGyp() {
  const started = Date.now()
  say('building the addon with node-gyp')
  // Taken before: an edit while the compiler runs must not count as built.
  const stamp = fingerprint()
  if ((await buildIn(at('.'))) !== 0 || !existsSync(addons.gyp)) {
    fail(
      'the addon was not built. node-gyp needs Python 3, make and a compiler for C11 and C++17:\n' +
        '  Debian, Ubuntu: apt-get install python3 make g++\n' +
        '  macOS:          xcode-select --install\n' +
        '  Windows:        Visual Studio 2022 (17.5 or newer), "Desktop development with C++"',
    )
  }
  writeFileSync(stampFile, `${stamp}\n`)
  say(`built build/Release/offheap.node in ${seconds(Date.now() - started)}`)
}

/** The cmake-js build. @param {'cmake' | 'asan'} kind */
export async function buildWithCmake(kind) {
  const started = Date.now()
  const cli = resolveOrEmpty('cmake-js/bin/cmake-js')
  if (!cli) fail('cmake-js is not installed: npm install --no-save cmake-js@8')
  say(`building the addon with cmake-js (${kind})`)
  const options = ['--log-level=warn', `--out=build/${kind}`]
  if (kind === 'asan') options.push('--config=Debug', '--CDOFFHEAP_SANITIZE=ON')
  mkdirSync(at('build'), { recursive: true })
  const env = { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) }
  const cmakeJs = async (/** @type {string} */ command) =>
    (await run([process.execPath, cli, command, ...options], { show: 'stderr', env })).code === 0
  // A cache left by another CMake or another folder cannot be configured again, only afresh.
  const built =
    ((await cmakeJs('configure')) || (await cmakeJs('reconfigure'))) && (await cmakeJs('build'))
  if (!built || !existsSync(addons[kind])) {
    fail(
      'the addon was not built: cmake-js needs CMake 3.20 or newer, make or ninja, and a compiler',
    )
  }
  say(`built build/${kind} in ${seconds(Date.now() - started)}`)
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  const flags = process.argv.slice(2)
  const unknown = flags.find((flag) => flag !== '--cmake' && flag !== '--asan')
  if (unknown) fail(`unknown option ${unknown}; there are --cmake and --asan`)
  if (flags.includes('--asan')) await buildWithCmake('asan')
  else if (flags.includes('--cmake')) await buildWithCmake('cmake')
  else await buildWithGyp()
}
