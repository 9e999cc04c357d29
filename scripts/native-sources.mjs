// Prints the C and C++ sources, one a line: `node scripts/native-sources.mjs core|addon [platform]`.
// The one list that binding.gyp, CMakeLists.txt and the Windows check build from: every .c file of
// native/core and every .cc file of native/addon, without those named after another system.

import { filesBelow } from './lib.mjs'

/** @param {'core' | 'addon'} part @param {string} platform a process.platform */
export function nativeSources(part, platform = process.platform) {
  const foreign = platform === 'win32' ? /_posix\.\w+$/ : /_win32\.\w+$/
  const extension = part === 'core' ? '.c' : '.cc'
  return filesBelow(`native/${part}`).filter((f) => f.endsWith(extension) && !foreign.test(f))
}

const [, script, part, platform] = process.argv
if (script?.endsWith('native-sources.mjs') && (part === 'core' || part === 'addon')) {
  console.log(nativeSources(part, platform).join('\n'))
}
