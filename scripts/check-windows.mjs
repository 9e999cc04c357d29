// Compiles the core and the addon for Windows with the mingw-w64 cross compiler, and links them against
// what Node exports, as node-api-headers lists it. Nothing is run: it finds what does not compile there
// and what is defined nowhere. Ends with "N passed, N failed".

import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { at, checklist, each, run, which } from './lib.mjs'
import { nativeSources } from './native-sources.mjs'

const TRIPLE = 'x86_64-w64-mingw32'
// Debian's plain compiler has no std::mutex, its -posix twin has; elsewhere there is one, which has it.
const threads = which(`${TRIPLE}-g++-posix`) ? '-posix' : ''
const GCC = `${TRIPLE}-gcc${threads}`
const GXX = `${TRIPLE}-g++${threads}`
const out = at('build/windows')
const headers = createRequire(import.meta.url)('node-api-headers')

// node.exe is 64-bit and needs Windows 10.
const COMMON = ['-c', '-O2', '-Wall', '-Wextra', '-Werror', '-D_WIN32_WINNT=0x0A00']
const INCLUDES = ['-Inative/include', '-Inative/core']
const DEFINES = [
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
]
const SYSTEM = ['-isystem', headers.include_dir, '-isystem', 'node_modules/node-addon-api']
const C = [GCC, '-std=c11', ...COMMON, ...INCLUDES]
const CXX = [GXX, '-std=c++17', ...COMMON, ...INCLUDES, ...DEFINES, ...SYSTEM]

const checks = checklist('windows')
mkdirSync(out, { recursive: true })

const objects = []
const sources = [...nativeSources('core', 'win32'), ...nativeSources('addon', 'win32')]
await each(sources, async (source) => {
  const object = join(out, `${basename(source)}.o`)
  const compiler = source.endsWith('.c') ? C : CXX
  const { code, output } = await run([...compiler, source, '-o', object], { show: 'none' })
  if (checks.check(`${source} compiles`, code === 0, output)) objects.push(object)
})

if (objects.length === sources.length) {
  const library = join(out, 'libnode.a')
  const definitions = headers.def_paths.node_api_def
  const made = await run([`${TRIPLE}-dlltool`, '-d', definitions, '-l', library], { show: 'none' })
  // The C library that MSVC links too; mingw's own choice is an older one.
  const libraries = [library, '-lucrt']
  const link = [
    GXX,
    '-shared',
    '-static',
    ...objects,
    ...libraries,
    '-o',
    join(out, 'offheap.node'),
  ]
  const linked = made.code === 0 ? await run(link, { show: 'none' }) : made
  checks.check('the addon links', linked.code === 0, linked.output)
}
checks.end()
