// Builds the addon of this folder against offheap.h, as its owner would: node-gyp in its own folder.
// scripts/vitest.mjs does so before the tests; a test that runs alone does it when it has to.

import { buildIn } from '../../scripts/build-addon.mjs'
import { at } from '../../scripts/lib.mjs'

process.exitCode = (await buildIn(at('test/addon'))) ?? 1
