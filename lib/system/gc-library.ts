/** Loading libgc, and what is said when it cannot be used. */
import { OffheapError, unexpected } from '../core/errors.js'
import { GcState, loadAddon, type NativeGc } from '../native/binding.js'

const INSTALL =
  'Install it: apt-get install libgc1 (Debian, Ubuntu), dnf install gc (Fedora), apk add gc (Alpine), ' +
  'brew install bdw-gc (macOS); or name its file in the option library'

/**
 * libgc, set up. Throws ERR_OFFHEAP_LIBRARY_NOT_FOUND when it is not there or is none of version
 * 8.2 or later, ERR_OFFHEAP_UNSUPPORTED where it cannot be used, ERR_OFFHEAP_INVALID_ARGUMENT for a
 * name that is none.
 */
export function openCollector(library: unknown): NativeGc {
  if (library !== undefined && !isFileName(library)) {
    throw unexpected('INVALID_ARGUMENT', 'the name of a file', 'library of GcAllocator', library)
  }
  const { gc } = loadAddon().native
  const state = gc.open(library)
  if (state !== GcState.OPEN) throw refused(state, library ?? 'libgc.so.1')
  return gc
}

function isFileName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}

function refused(state: number, library: string): OffheapError {
  switch (state) {
    case GcState.NOT_FOUND:
      return new OffheapError(
        'LIBRARY_NOT_FOUND',
        `GcAllocator needs Boehm's collector, but ${library} does not load. ${INSTALL}`,
      )
    case GcState.INCOMPLETE:
      return new OffheapError(
        'LIBRARY_NOT_FOUND',
        `GcAllocator needs libgc 8.2 or later, built with threads, and ${library} is none. ${INSTALL}`,
      )
    case GcState.IN_USE:
      return unsupported('another part of this process has set up libgc for itself')
    case GcState.ANOTHER:
      return unsupported(`this process uses another libgc already than ${library}`)
    case GcState.UNSUPPORTED:
      return unsupported('it has not been made to work on this system')
    case GcState.INCREMENTAL:
      return unsupported("unset GC_ENABLE_INCREMENTAL: that mode needs signals that are Node's")
    default:
      return unsupported('the system has no thread left to set it up on')
  }
}

const unsupported = (why: string): OffheapError =>
  new OffheapError('UNSUPPORTED', `GcAllocator cannot be used here: ${why}`)
