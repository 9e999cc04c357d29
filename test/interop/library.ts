/**
 * The real shared libraries of the machine, through koffi. One that is missing is skipped by its
 * name, and in CI, which installs it, that is a failure.
 */
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'

export type Library = ReturnType<typeof koffi.load>

/** AddressSanitizer ends a process that asks for RTLD_DEEPBIND. */
const sanitized = (process.env['LD_PRELOAD'] ?? '').includes('asan')

/**
 * Deep: Node has a zlib, an nghttp2 and a zstd of its own whose names it exports, and a library that
 * calls its own functions by name would get Node's.
 */
function load(file: string): Library | string {
  if (sanitized) return 'AddressSanitizer does not allow what keeps it apart from the one in Node'
  try {
    return koffi.load(file, { deep: true })
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
