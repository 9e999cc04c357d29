/**
 * The mallocs of others that a DynamicAllocator is tested over, as Debian packages them. Where one
 * is not installed its tests are skipped by name; in CI they run, and fail.
 */
import { DynamicAllocator } from '../../lib/index.js'

export interface Malloc {
  /** For tests, which are skipped by it. */
  title: string
  library: string
  prefix: string
}

export const mimalloc: Malloc = {
  title: 'mimalloc (Debian: libmimalloc2.0)',
  library: 'libmimalloc.so.2',
  prefix: 'mi_',
}

/** Debian builds it without a prefix, and with more thread-local bytes than glibc has room for. */
export const jemalloc: Malloc = {
  title: 'jemalloc (Debian: libjemalloc2)',
  library: 'libjemalloc.so.2',
  prefix: '',
}

export const tcmalloc: Malloc = {
  title: 'tcmalloc (Debian: libtcmalloc-minimal4)',
  library: 'libtcmalloc_minimal.so.4',
  prefix: 'tc_',
}

export const MALLOCS: readonly Malloc[] = [mimalloc, jemalloc, tcmalloc]

/** What a process that loads jemalloc has to be started with. */
export const WITH_ROOM = { GLIBC_TUNABLES: 'glibc.rtld.optional_static_tls=4096' }

/** Is it not installed? One that does not load (jemalloc without room) is. Never in CI. */
export function lacks({ library, prefix }: Malloc): boolean {
  if (process.env['CI']) return false
  try {
    new DynamicAllocator({ library, prefix }).dispose()
    return false
  } catch (error) {
    return (error as Error).message.includes('cannot open shared object file')
  }
}
