// Everything that CI runs: `npm test`, or some stages by name: `npm test -- lint types`.
// Goes on after a failure, so that one run shows all; ends with the counts of all tests.
// What a missing tool keeps from running is skipped by name; in CI, which installs it, that is a failure.

import { existsSync } from 'node:fs'
import { addons } from './build-addon.mjs'
import { ask, at, countsLine, fail, inCI, run, runCounted, seconds, which } from './lib.mjs'
import { runVitest } from './vitest.mjs'

/** @typedef {import('./lib.mjs').Counts} Counts */

const MINUTES = 60_000
const node = process.execPath
/** The tests that touch the addon most: they run again under the sanitizers. */
const ADDON_TESTS = [
  ...['test/unit', 'test/conformance', 'test/model', 'test/faults', 'test/workers', 'test/doors'],
  'test/interop',
  'test/cli/threads.test.ts',
  // They measure the process's memory, most of which is then AddressSanitizer's.
  '--exclude=test/faults/collection.test.ts',
  '--exclude=test/unit/slab-trim.test.ts',
  // Written in TypeScript, whose accesses no sanitizer sees: of the addon they use regions, which have tests
  // of their own here.
  '--exclude=test/{unit,conformance,model}/{arena,bump,free-list,pool,slab,stack}*.test.ts',
  '--exclude=test/{unit,conformance,model}/{custom,failing,fallback,limit,logging,null,tracking}*.test.ts',
  '--exclude=test/{unit,conformance,model}/{broken,composition,reference,wasm,wrapper}*.test.ts',
  '--exclude=test/unit/{bench-harness,errors,layout,pointer,region-wasm,state,upload-service}*.test.ts',
  '--exclude=test/unit/*traces.test.ts',
]

/** What a developer runs while working: without the traces, and what takes five seconds or more alone. */
const QUICK_TESTS = [
  ...['test/unit', 'test/conformance', 'test/model'],
  '--exclude=test/unit/{*traces,bench-harness,region-wasm-stress,upload-service}.test.ts',
  '--exclude=test/conformance/{broken,composition,debug,wasm}.test.ts',
  '--exclude=test/model/debug.test.ts',
]

/** oxfmt and oxlint colour their output wherever CI is set, even into a file. */
const plain = { CI: undefined }

/**
 * @typedef {object} Stage
 * @property {string} about
 * @property {() => Promise<Counts>} run
 * @property {() => string} [missing] the tool that it lacks; '' when it lacks none
 * @property {boolean} [byNameOnly] a part of another stage: runs only when asked for
 */

/** @type {Record<string, Stage>} */
const stages = {
  format: {
    about: 'formatting (npm run format mends it)',
    run: () => asOne([node, at('node_modules/oxfmt/bin/oxfmt'), '--check'], plain),
  },
  lint: {
    about: 'lint',
    run: () => asOne([node, at('node_modules/oxlint/bin/oxlint')], plain),
  },
  types: {
    about: 'types of the sources, the tests and the scripts',
    run: async () =>
      sum([
        await asOne(tsc('tsconfig.json')),
        await asOne(tsc('tsconfig.scripts.json')),
        await asOne(tsc('lib/leaks/render/page/tsconfig.json')),
        await asOne(tsc('test/leaks/html/tsconfig.json')),
      ]),
  },
  native: {
    about: 'C tests, without Node',
    run: () => runCounted([node, at('test/native/run.mjs')], { timeout: 15 * MINUTES }),
  },
  unit: {
    about: 'the quick tests, with few random programs',
    run: () =>
      runVitest('unit', QUICK_TESTS, {
        env: { OFFHEAP_RUNS: '20' },
        timeout: 5 * MINUTES,
      }),
    byNameOnly: true,
  },
  soak: {
    about: 'ten times the random programs of CI, and others each time: an hour',
    run: () =>
      runVitest('soak', ['test/model', 'test/doors', 'test/unit/region-wasm-stress.test.ts'], {
        env: { OFFHEAP_RUNS: process.env.OFFHEAP_RUNS ?? '100000' },
        timeout: 120 * MINUTES,
      }),
    byNameOnly: true,
  },
  vitest: {
    about: 'all TypeScript tests',
    run: () => runVitest('all', [], { timeout: 15 * MINUTES }),
  },
  cmake: {
    about: 'the addon as cmake-js builds it',
    missing: () => lacking('cmake'),
    run: async () => {
      const built = await asOne([node, at('scripts/build-addon.mjs'), '--cmake'])
      return built.failed > 0 ? built : sum([built, await smoke({ OFFHEAP_ADDON: addons.cmake })])
    },
  },
  asan: {
    about: 'the addon under AddressSanitizer and UBSan',
    missing: () => lacking('cmake') || (libasan() ? '' : 'libasan of gcc, on Linux'),
    run: async () => {
      const built = await asOne([node, at('scripts/build-addon.mjs'), '--asan'])
      if (built.failed > 0) return built
      const env = asanEnvironment()
      const tested = await runVitest('asan', ADDON_TESTS, { env, timeout: 15 * MINUTES })
      return sum([built, await smoke(env), tested])
    },
  },
  runtimes: {
    about: 'the same addon on other versions of Node',
    run: () => runCounted([node, at('test/runtimes/run.mjs')], { timeout: 25 * MINUTES }),
  },
  windows: {
    about: 'compiled for Windows, not run',
    missing: () => lacking('x86_64-w64-mingw32-gcc') || lacking('x86_64-w64-mingw32-g++'),
    run: () => runCounted([node, at('scripts/check-windows.mjs')]),
  },
  package: {
    about: 'the package as npm installs it',
    run: () => runCounted([node, at('scripts/check-package.mjs')]),
  },
}

/** @param {string} project */
const tsc = (project) => [node, at('node_modules/typescript/bin/tsc'), '--noEmit', '-p', project]

/** @param {string} program */
const lacking = (program) => (which(program) ? '' : program)

/** gcc's AddressSanitizer, which has to be in the process before Node is; '' when there is none. */
function libasan() {
  if (process.platform !== 'linux') return ''
  const path = ask(['gcc', '-print-file-name=libasan.so'])
  return path.startsWith('/') && existsSync(path) ? path : ''
}

function asanEnvironment() {
  return {
    OFFHEAP_ADDON: addons.asan,
    LD_PRELOAD: libasan(),
    // No leak check: Node ends without freeing what V8 and its own start-up hold, and every such block
    // would be a report. The C tests look for leaks. Out of memory is a result that is tested for;
    // and gigabytes take seconds, as each is written down in memory of the sanitizer's.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=3000',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    // All is slower by a factor.
    OFFHEAP_RUNS: '20',
  }
}

/** @param {Record<string, string>} env */
const smoke = (env) =>
  runCounted([node, at('test/runtimes/smoke.mjs')], { env, timeout: 5 * MINUTES })

/**
 * A command that counts as one test.
 * @param {string[]} command
 * @param {Record<string, undefined>} [env]
 * @returns {Promise<Counts>}
 */
async function asOne(command, env) {
  const { code } = await run(command, { env, timeout: 10 * MINUTES })
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
}

/** @param {Counts[]} all @returns {Counts} */
const sum = (all) =>
  all.reduce((a, b) => ({
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }))

/** @param {Stage} stage @returns {Promise<Counts>} */
async function runStage(stage) {
  const missing = stage.missing?.() ?? ''
  if (!missing) return stage.run()
  console.log(`${inCI ? 'FAIL' : 'skipped'}: needs ${missing}, which is not installed`)
  return inCI ? { passed: 0, failed: 1, skipped: 0 } : { passed: 0, failed: 0, skipped: 1 }
}

if (!process.stdout.isTTY) process.env.NO_COLOR = '1'

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in stages))
if (unknown) fail(`no stage ${unknown}; there are ${Object.keys(stages).join(', ')}`)
const chosen = Object.entries(stages).filter(([name, stage]) =>
  asked.length > 0 ? asked.includes(name) : !stage.byNameOnly,
)

const setup = await run([node, at('scripts/setup.mjs')])
if (setup.code !== 0) {
  // Nothing can run without it.
  console.log(countsLine({ passed: 0, failed: 1, skipped: 0 }))
  process.exit(1)
}

const table = []
const started = Date.now()
for (const [name, stage] of chosen) {
  console.log(`\n== ${name}: ${stage.about}`)
  const from = Date.now()
  const counts = await runStage(stage)
  const time = seconds(Date.now() - from)
  console.log(`-- ${name}: ${countsLine(counts)} in ${time}`)
  table.push({ name, counts, time })
}

const total = sum(table.map((row) => row.counts))
console.log('\n   stage     passed  failed  skipped     time')
for (const { name, counts, time } of table) {
  const mark = counts.failed > 0 ? 'x ' : '  '
  const cells = [counts.passed, counts.failed, counts.skipped].map((n) => String(n).padStart(7))
  console.log(` ${mark}${name.padEnd(9)}${cells.join(' ')} ${time.padStart(10)}`)
}
console.log(`all stages in ${seconds(Date.now() - started)}`)
console.log(countsLine(total))
process.exitCode = total.failed > 0 ? 1 : 0
