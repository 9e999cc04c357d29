// Runs vitest on some Node and counts its tests.

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { buildIn } from './build-addon.mjs'
import { at, readJson, run } from './lib.mjs'

/**
 * @param {string} name of the run, for the file its results go to
 * @param {string[]} filters folders or files of test/; none: all
 * @param {{ node?: string, env?: Record<string, string>, timeout?: number }} [options]
 *   node: the binary to run it on
 * @returns {Promise<import('./lib.mjs').Counts>}
 */
export async function runVitest(name, filters, { node = process.execPath, env, timeout } = {}) {
  await buildIn(at('test/addon'))
  const report = at(`.cache/vitest/${name}.json`)
  mkdirSync(at('.cache/vitest'), { recursive: true })
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const command = [node, at('node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...filters]
  const { code } = await run(command, { env, timeout })
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }

  const results = readJson(report)
  for (const file of results.testResults) {
    for (const test of file.assertionResults) {
      if (!['passed', 'failed'].includes(test.status)) console.log(`skipped: ${test.fullName}`)
    }
  }
  return {
    passed: results.numPassedTests,
    // A file that does not load and an error outside of any test show in the exit code only.
    failed: results.numFailedTests || (code === 0 && results.numPassedTests > 0 ? 0 : 1),
    skipped: results.numPendingTests + results.numTodoTests,
  }
}
