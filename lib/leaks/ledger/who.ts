/** What the runtime says of this process, for profiles and reports. */
export { memoryUsage, thisProcess } from '../../native/runtime.js'
