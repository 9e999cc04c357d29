/** Shared libraries that documentation and examples call. */
import koffi from 'koffi'

/** Is a library not there, and may it be? In CI, which installs them all, it may not. */
export function isMissing(file: string | undefined): boolean {
  if (file === undefined || process.env['CI']) return false
  try {
    koffi.load(file)
    return false
  } catch {
    return true
  }
}
