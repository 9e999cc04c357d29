// What users get from npm: packs the package, looks at what is in it, installs it into an empty folder,
// and follows the message that using it without a binary gives. Ends with "N passed, N failed".

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at, checklist, npmCommand, readJson, root, run } from './lib.mjs'

/** Every file of the package is one of these. */
const EXPECTED = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|binding\.gyp|CMakeLists\.txt|include\.(cjs|d\.cts)|register\.cjs)$/,
  /^dist\/.+\.(js|js\.map|d\.ts)$/,
  /^native\/(include|core|addon)\/.+\.(h|c|cc)$/,
  /^scripts\/(build-addon|lib|native-sources)\.mjs$/,
]
/** And each of these kinds is there. */
const NEEDED = [
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'binding.gyp',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli/main.js',
  'dist/cli/register.js',
  'dist/conformance/index.js',
  'dist/conformance/index.d.ts',
  'include.cjs',
  'include.d.cts',
  'dist/interop/index.js',
  'dist/interop/index.d.ts',
  'native/include/offheap.h',
  'native/include/offheap_napi.h',
  'register.cjs',
  'scripts/build-addon.mjs',
]
/** npm runs these on its own when a package is installed; npm 12 and pnpm 10 block them. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']

const checks = checklist('package')
const work = mkdtempSync(join(tmpdir(), 'offheap-package-'))
const user = join(work, 'user')
mkdirSync(user)
writeFileSync(join(user, 'package.json'), '{ "private": true }\n')

/** Loads the installed package as a user does. @param {string} code */
const load = (code) =>
  run([process.execPath, '--input-type=module', '-e', code], { cwd: user, show: 'none' })

/** @param {string[]} args */
const npm = (args, cwd = user) =>
  run([...npmCommand(), ...args], {
    cwd,
    // npm tells its children which project they are in; here it is another.
    env: { npm_config_local_prefix: undefined, npm_config_prefix: undefined, INIT_CWD: undefined },
    show: 'none',
    timeout: 300_000,
  })

try {
  await checkContents()
  if (await checkInstall()) await checkMessage()
} finally {
  rmSync(work, { recursive: true, force: true })
}
checks.end()

async function checkContents() {
  const packed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', work], root)
  if (!checks.check('npm pack', packed.code === 0, packed.output)) return
  const [{ files }] = JSON.parse(packed.output.slice(packed.output.indexOf('[\n')))
  const names = files.map((file) => file.path)
  const odd = names.filter((name) => !EXPECTED.some((kind) => kind.test(name)))
  const missing = NEEDED.filter((name) => !names.includes(name))
  checks.check('holds nothing that it should not', odd.length === 0, odd.join('\n'))
  checks.check('holds all that it should', missing.length === 0, missing.join('\n'))

  const manifest = readJson(at('package.json'))
  const scripts = INSTALL_SCRIPTS.filter((name) => name in (manifest.scripts ?? {}))
  checks.check(
    'no install script',
    scripts.length === 0 && manifest.gypfile === false,
    scripts.join(', '),
  )
  const lock = readFileSync(at('package-lock.json'), 'utf8')
  checks.check('package-lock.json names no registry', !/"resolved": "http/.test(lock))
}

/** Installed as users do, install scripts allowed: nothing may be built by it. */
async function checkInstall() {
  const { name, version } = readJson(at('package.json'))
  const tarball = join(work, `${name}-${version}.tgz`)
  const installed = await npm(['install', '--no-audit', '--no-fund', '--prefer-offline', tarball])
  checks.check('the tarball installs', installed.code === 0, installed.output)
  const built = existsSync(join(user, 'node_modules', name, 'build'))
  return checks.check('installing builds nothing', installed.code === 0 && !built)
}

async function checkMessage() {
  const use = 'const block = m.cAllocator.alloc(64); block.bytes.fill(7); block.free()'
  const asModule = `const m = await import('offheap'); ${use}`
  const withRequire = `import { createRequire } from 'node:module'
    const m = createRequire(process.cwd() + '/main.cjs')('offheap'); ${use}`

  const unbuilt = await load(asModule)
  const command = /npm [^`'"\n]*build:native\b/.exec(unbuilt.output)?.[0]
  const said = unbuilt.code !== 0 && command !== undefined
  if (!checks.check('used unbuilt, it names the command that builds it', said, unbuilt.output))
    return

  const built = await npm((command ?? '').split(' ').slice(1))
  checks.check(`${command} builds it`, built.code === 0, built.output)

  const loaded = await load(asModule)
  checks.check('then it works as an ES module', loaded.code === 0, loaded.output)
  const required = await load(withRequire)
  checks.check('and through require()', required.code === 0, required.output)

  const adapter = await load(`const { BumpAllocator } = await import('offheap')
    const { luaAdapter } = await import('offheap/interop')
    const adapter = luaAdapter(new BumpAllocator(4096))
    if (typeof adapter.fields.f !== 'bigint' || adapter.stats().blocks !== 0) process.exit(1)`)
  checks.check('and has adapters for C libraries', adapter.code === 0, adapter.output)

  const suite = await load(`const { BumpAllocator } = await import('offheap')
    const { checkConformance } = await import('offheap/conformance')
    const make = () => new BumpAllocator(2 ** 18)
    const reset = (bump) => bump.reset()
    checkConformance({ name: 'bump', make, largest: 2 ** 18, maxAlign: 2 ** 14, reset })`)
  checks.check('and passes its own conformance suite', suite.code === 0, suite.output)

  await checkCommand()

  const headers = await load(`import { readdirSync } from 'node:fs'
    import { createRequire } from 'node:module'
    const directory = createRequire(process.cwd() + '/main.cjs')('offheap/include')
    const found = readdirSync(directory).sort().join()
    if (found !== 'offheap.h,offheap_napi.h') throw new Error(found)`)
  checks.check(
    "require('offheap/include') is where the headers are",
    headers.code === 0,
    headers.output,
  )
}

/** The command as npm puts it on the path, over an app that uses the package. */
async function checkCommand() {
  const command = join(user, 'node_modules/.bin/offheap')
  const doctor = await run([command, 'doctor'], { cwd: user, show: 'none' })
  checks.check('offheap doctor finds all that is needed', doctor.code === 0, doctor.output)

  writeFileSync(
    join(user, 'app.mjs'),
    `import { cAllocator } from 'offheap'
    cAllocator.alloc(64)
    process.exit(5)`,
  )
  const env = { TMPDIR: work }
  const leaks = await run([command, 'leaks', 'app.mjs'], { cwd: user, env, show: 'none' })
  const said = leaks.code === 5 && leaks.output.includes('the profile is')
  checks.check('offheap leaks runs an app and ends as it does', said, leaks.output)
}
