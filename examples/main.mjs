/**
 * The main job, `npm start`: the upload service on real memory beside one on Buffers, and then one that
 * leaks, and who finds it. Options go to the first; with one of them it is all.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const options = process.argv.slice(2)
const acts = options.length > 0 ? ['upload-service'] : ['upload-service', 'leak-hunt']
for (const act of acts) {
  const file = fileURLToPath(new URL(`${act}/main.mjs`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' })
  process.exitCode = status ?? 1
  if (status !== 0) break
}
