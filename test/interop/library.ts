/**
 * The real shared libraries of the machine, through koffi. One that is missing is skipped by its
 * name, and in CI, which installs it, that is a failure.
 */
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'

export type Library = ReturnType<typeof koffi.load>

/**
 * Node has these inside and exports their names: a library that calls its own functions by name would get
 * Node's, were it not loaded with RTLD_DEEPBIND.
 */
const INSIDE_NODE = new Set(['libnghttp2.so.14', 'libsqlite3.so.0', 'libz.so.1', 'libzstd.so.1'])

/** AddressSanitizer ends a process that asks for that. */
const sanitized = (process.env['LD_PRELOAD'] ?? '').includes('asan')

function load(file: string): Library | string {
  const deep = INSIDE_NODE.has(file)
  if (deep && sanitized) return 'AddressSanitizer does not allow RTLD_DEEPBIND'
  try {
    return koffi.load(file, { deep })
  } catch {
    return 'it is not installed'
  }
}

/** Tests that need a library, by its file and the package of Debian that has it. */
export function describeLibrary(
  file: string,
  debian: string,
  tests: (library: Library) => void,
): void {
  const library = load(file)
  const [found, missing] = typeof library === 'string' ? [[], [library]] : [[library], []]
  describe.each(found)(file, (one) => {
    tests(one)
  })
  const optional = sanitized || !process.env['CI']
  it.skipIf(optional).each(missing)(`${file} of ${debian}: %s`, (why) => {
    expect.unreachable(why)
  })
}
