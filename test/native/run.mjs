// Builds the C core with its tests, without Node, into build/native-test/ and runs them in several
// modes: `node test/native/run.mjs`, or some by name: `node test/native/run.mjs asan tsan`.
//
//   plain     optimised, as shipped; and offheap.h alone as C11 and C++17
//   asan      AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
//   tsan      ThreadSanitizer, the tests with threads
//   exits     the same as macOS has it, where no mutex knows that its holder has died
//   valgrind  memcheck
//   windows   compiled and linked for Windows, never run
//
// CC and CXX name the compilers. What a missing tool keeps from running is skipped by name; in CI
// that is a failure. Ends with "N passed, N failed", and the number skipped if there is one.

import { mkdirSync } from 'node:fs'
import { basename } from 'node:path'
import { at, countsLine, each, fail, filesBelow, inCI, run, which } from '../../scripts/lib.mjs'
import { nativeSources } from '../../scripts/native-sources.mjs'

const HERE = 'test/native'
const MINUTE = 60_000
const MINGW = 'x86_64-w64-mingw32-'

const cc = process.env.CC || 'cc'
const cxx = process.env.CXX || 'c++'
const warnings = ['-Wall', '-Wextra', '-Werror']
const flags = [...warnings, '-std=c11', '-fvisibility=hidden', '-pthread']
const includes = [`-I${at('native/include')}`, `-I${at('native/core')}`]

/**
 * How the core and the tests are built and run.
 * @typedef {object} Mode
 * @property {string} [compiler]
 * @property {string} [platform] whose sources; ours by default
 * @property {string[]} flags beside the common ones
 * @property {string[]} [libraries]
 * @property {RegExp} [only] the tests that it is for
 * @property {string[]} [under] the program that runs the tests
 * @property {boolean} [buildOnly]
 * @property {boolean} [header] also compiles offheap.h alone
 * @property {string[]} needs programs without which it is skipped
 */

/** @type {Record<string, Mode>} */
const modes = {
  plain: { flags: ['-O2'], needs: [cc, cxx], header: true },
  asan: {
    flags: ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    needs: [cc],
  },
  tsan: { flags: ['-O1', '-g', '-fsanitize=thread'], only: /threads/, needs: [cc] },
  exits: { flags: ['-O2', '-DOS_WITHOUT_ROBUST_MUTEX'], only: /threads/, needs: [cc] },
  valgrind: {
    flags: ['-O1', '-g'],
    only: /(?<!memory)_test/, // which measures our memory, and so valgrind's too
    under: [
      'valgrind',
      '--quiet',
      '--error-exitcode=99',
      '--leak-check=full',
      `--suppressions=${at(HERE, 'valgrind.supp')}`,
    ],
    needs: [cc, 'valgrind'],
  },
  windows: {
    compiler: `${MINGW}gcc`,
    platform: 'win32',
    flags: ['-O2'],
    libraries: ['-lucrt'],
    buildOnly: true,
    header: true,
    needs: [`${MINGW}gcc`, `${MINGW}g++`],
  },
}

/** A test of sizes near SIZE_MAX expects NULL, where a sanitizer would end the process. */
const env = {
  ASAN_OPTIONS: 'allocator_may_return_null=1:detect_stack_use_after_return=1',
  TSAN_OPTIONS: 'allocator_may_return_null=1:halt_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
}

const counts = { passed: 0, failed: 0, skipped: 0 }

/** @param {string} text @param {string} output */
function failed(text, output) {
  counts.failed += 1
  console.log(`FAIL ${text}`)
  if (output.trim()) console.log(output.trimEnd().replace(/^/gm, '     '))
}

/** Skipped for want of a tool. @param {string} mode @param {string} tool */
function lacking(mode, tool) {
  if (inCI) return failed(`${mode}: ${tool} not installed`, '')
  counts.skipped += 1
  console.log(`skip: ${tool} not installed (${mode})`)
}

/** Compiles or links. true: it went well. @param {string} what @param {string[]} command */
async function build(what, command) {
  const { code, output } = await run(command, { show: 'none', timeout: 2 * MINUTE })
  if (code !== 0) failed(`${what}: ${command.join(' ')}`, output)
  return code === 0
}

/** offheap.h alone, with more warnings. @param {string} name @param {Mode} mode */
async function compileHeader(name, mode) {
  const c = mode.compiler ?? cc
  const cpp = mode.compiler ? mode.compiler.replace(/gcc$/, 'g++') : cxx
  for (const language of [
    [c, '-std=c11'],
    [cpp, '-xc++', '-std=c++17'],
  ]) {
    const what = `${name} offheap.h alone, ${language.at(-1)}`
    const source = at(HERE, 'header_alone.c')
    const include = `-I${at('native/include')}`
    const command = [...language, ...warnings, '-pedantic', include, '-fsyntax-only', source]
    if (!(await build(what, command))) continue
    counts.passed += 1
    console.log(`ok   ${what}`)
  }
}

/**
 * Shared libraries that tests load, by their names: the mallocs of dynamic_test.c, and the frames of
 * unwind_test.c as compilers make them.
 * @type {Record<string, {source: string, flags: string[], posix?: boolean}>}
 */
const fixtures = {
  families: { source: 'families', flags: [] },
  callers: { source: 'callers', flags: ['-Wl,--build-id=0x0123456789abcdef'], posix: true },
  'frames-plain': { source: 'frames', flags: ['-O0'], posix: true },
  'frames-optimised': { source: 'frames', flags: ['-O2'], posix: true },
  'frames-no-base': { source: 'frames', flags: ['-O2', '-fomit-frame-pointer'], posix: true },
  'frames-base': { source: 'frames', flags: ['-O1', '-fno-omit-frame-pointer'], posix: true },
}

/** Builds those. true: it went well. @param {string} name @param {Mode} mode @param {string[]} compile */
async function buildFixtures(name, mode, compile) {
  const windows = mode.platform === 'win32'
  let built = true
  await each(Object.entries(fixtures), async ([fixture, { source, flags: own, posix }]) => {
    if (windows && posix) return
    const file = `${at('build/native-test', name, fixture)}.${windows ? 'dll' : 'so'}`
    const command = [...compile, ...own, '-shared', '-fPIC', at(HERE, `fixtures/${source}.c`)]
    const done = await build(`${name} ${fixture}`, [...command, '-o', file])
    built &&= done
  })
  return built
}

/** Builds all tests of a mode; returns the programs. @param {string} name @param {Mode} mode */
async function buildMode(name, mode) {
  const folder = at('build/native-test', name)
  mkdirSync(folder, { recursive: true })
  const families = `-DFAMILIES="${folder}/families.${mode.platform === 'win32' ? 'dll' : 'so'}"`
  const defines = [families, `-DFIXTURES="${folder}"`]
  const compile = [mode.compiler ?? cc, ...flags, ...defines, ...mode.flags, ...includes]
  const tests = filesBelow(HERE).filter(
    (f) => f.endsWith('_test.c') && (mode.only?.test(f) ?? true),
  )
  const sources = nativeSources('core', mode.platform)
  const object = (/** @type {string} */ file) => `${folder}/${basename(file, '.c')}.o`

  let built = true
  await each([...sources, ...tests], async (file) => {
    const done = await build(`${name} ${file}`, [...compile, '-c', at(file), '-o', object(file)])
    built &&= done
  })
  /** @type {string[]} */
  const programs = []
  if (!built) return programs

  if (!(await buildFixtures(name, mode, compile))) return programs

  const core = sources.map(object)
  await each(tests, async (test) => {
    const program = `${folder}/${basename(test, '.c')}${mode.platform === 'win32' ? '.exe' : ''}`
    const libraries = mode.libraries ?? ['-lm']
    const command = [...compile, object(test), ...core, ...libraries, '-o', program]
    if (await build(`${name} ${test}`, command)) programs.push(program)
  })
  return programs.sort()
}

/** @param {string} program @param {Mode} mode */
async function runTest(program, mode) {
  const command = [...(mode.under ?? []), program]
  const result = await run(command, { env, show: 'none', timeout: 5 * MINUTE })
  // ThreadSanitizer wants its memory where some kernels have randomised other things to.
  if (!result.output.includes('unexpected memory mapping') || !which('setarch')) return result
  return run(['setarch', '-R', ...command], { env, show: 'none', timeout: 5 * MINUTE })
}

/** @param {string} name @param {Mode} mode */
async function runMode(name, mode) {
  const missing = mode.needs.find((tool) => !which(tool) && !tool.includes('/'))
  if (missing) return lacking(name, missing)
  if (mode.header) await compileHeader(name, mode)
  await each(await buildMode(name, mode), async (program) => {
    const what = `${name} ${basename(program)}`
    if (mode.buildOnly) {
      counts.passed += 1
      console.log(`ok   ${what}: compiled and linked`)
      return
    }
    const { code, output } = await runTest(program, mode)
    const passed = output.match(/^ok .*$/gm)?.length ?? 0
    const skipped = output.match(/^skip .*$/gm) ?? []
    counts.passed += passed
    counts.skipped += skipped.length
    for (const line of skipped) console.log(`${line} (${name})`)
    if (code !== 0 || passed + skipped.length === 0) failed(`${what}: exit code ${code}`, output)
    else console.log(`ok   ${what}: ${passed} tests`)
  })
}

const asked = process.argv.slice(2)
const names = asked.length > 0 ? asked : Object.keys(modes)
for (const name of names) {
  const mode = modes[name]
  if (!mode) fail(`no mode ${name}: there are ${Object.keys(modes).join(', ')}`)
  await runMode(name, mode)
}
console.log(countsLine(counts))
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
