// Compiles lib/ to dist/ when lib/ has changed: `npm run build:lib`.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildPage } from './build-page.mjs'
import { at, filesBelow, hashOf, must, readStamp, say, seconds } from './lib.mjs'

const stampFile = at('dist/.stamp')

const fingerprint = () =>
  hashOf([
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/build-page.mjs',
    ...filesBelow('lib'),
  ])

/** Whether dist/ was compiled from lib/ as it is. */
export const isLibFresh = () =>
  existsSync(at('dist/index.js')) && readStamp(stampFile) === fingerprint()

export async function buildLib() {
  const started = Date.now()
  say('compiling lib/ to dist/')
  // A source in lib/ itself.
  await buildPage()
  const stamp = fingerprint()
  await must(
    [process.execPath, at('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    'lib/ does not compile',
  )
  removeOrphans()
  writeFileSync(stampFile, `${stamp}\n`)
  say(`compiled in ${seconds(Date.now() - started)}`)
}

/** Deletes from dist/ what no source in lib/ stands behind any more. */
function removeOrphans() {
  const sources = new Set(
    filesBelow('lib').map((f) => f.replace(/^lib\//, '').replace(/\.ts$/, '')),
  )
  for (const file of filesBelow('dist')) {
    const source = file.replace(/^dist\//, '').replace(/\.(d\.ts|js|js\.map)$/, '')
    if (!sources.has(source)) rmSync(at(file))
  }
}

if (import.meta.url === pathToFileURL(resolve(process.argv[1] ?? '')).href) {
  if (isLibFresh()) say('dist/ is up to date')
  else await buildLib()
}
