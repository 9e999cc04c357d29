// Makes a clone ready to use: packages, addon, dist/. `npm start` and `npm test` run it first.
// Does only what is missing or out of date, and says what.

import { existsSync } from 'node:fs'
import { at, fail, must, npmCommand, readJson, say } from './lib.mjs'

/** @param {string} version */
const asNumbers = (version) => version.split('.').map(Number)

function checkNode() {
  const needed = readJson(at('package.json')).engines.node.replace(/^>=/, '')
  const [needMajor = 0, needMinor = 0] = asNumbers(needed)
  const [major = 0, minor = 0] = asNumbers(process.versions.node)
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    fail(`needs Node ${needed} or newer, and this is ${process.versions.node}`)
  }
}

/**
 * What in node_modules is not as package-lock.json says; '' when all is. npm leaves a record of what
 * it installed, so packages that `npm ci` put there by hand count too.
 */
function outOfDatePackage() {
  const record = at('node_modules/.package-lock.json')
  if (!existsSync(record)) return 'node_modules'
  const installed = readJson(record).packages
  const wanted = readJson(at('package-lock.json')).packages
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '') continue
    const there = path in installed && existsSync(at(path, 'package.json'))
    // An optional package is one for another system.
    if (there ? installed[path].version !== version : !optional) return path
  }
  return ''
}

checkNode()

const missing = outOfDatePackage()
if (missing) {
  say(`installing packages from package-lock.json (${missing} is missing or out of date)`)
  // None of these packages needs its install script.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=warn']
  await must([...npmCommand(), 'ci', ...flags], 'npm ci failed')
}

// Imported now: they need nothing installed, but what they run is.
const { buildWithGyp, isAddonFresh } = await import('./build-addon.mjs')
const { buildLib, isLibFresh } = await import('./build-lib.mjs')

const stale = !isAddonFresh()
if (stale) await buildWithGyp()
const changed = !isLibFresh()
if (changed) await buildLib()
say(missing || stale || changed ? 'ready' : 'ready: packages, addon and dist/ are up to date')
