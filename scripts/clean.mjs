// Deletes what the scripts made: addon, dist/, downloaded Nodes. Leaves node_modules.

import { rmSync } from 'node:fs'
import { generated } from './build-page.mjs'
import { at, say } from './lib.mjs'

for (const folder of ['build', 'dist', 'coverage', '.cache']) {
  rmSync(at(folder), { recursive: true, force: true })
}
rmSync(generated, { force: true })
say('deleted build/, dist/, coverage/ and .cache/')
