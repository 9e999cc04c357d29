/** Whether the system has libgc, which the tests of GcAllocator need. */
import { cAllocator, GcAllocator } from '../../lib/index.js'

function hasGc(): boolean {
  // An addon that does not load is another matter, with the same code.
  cAllocator.alloc(1).free()
  try {
    new GcAllocator().dispose()
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_OFFHEAP_LIBRARY_NOT_FOUND') return false
    throw error
  }
}

/** CI installs it: where it is missing there, the tests run and fail. */
export const gcToTest = process.env['CI'] !== undefined || hasGc()
