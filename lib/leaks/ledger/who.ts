/** What the runtime and the C library say of this process, for profiles and reports. */
import { loadAddon, type NativeHeapInfo } from '../../native/binding.js'
export { memoryUsage, thisProcess } from '../../native/runtime.js'

/** What the C library says of its heap; null where it cannot tell. */
export function mallocInfo(): NativeHeapInfo | null {
  return loadAddon().native.heapInfo()
}
