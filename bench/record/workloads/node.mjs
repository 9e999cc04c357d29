// Work that reaches Node's and V8's C++ side: compression, hashing, URLs, files, modules, JSON,
// timers.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { brotliCompressSync, deflateSync, inflateSync } from 'node:zlib'
import vm from 'node:vm'

const text = readFileSync(process.argv[2], 'utf8')
const parts = text.slice(0, 3_000_000).match(/[^]{1,3000}/g)
const folder = mkdtempSync('node-work-')
let sum = 0

for (const part of parts) {
  const small = deflateSync(part)
  sum += inflateSync(small).length + createHash('sha256').update(small).digest('hex').length
}
sum += brotliCompressSync(text.slice(0, 300_000)).length
for (const [i, part] of parts.entries()) {
  const url = new URL(`https://example.org/${i}?q=${encodeURIComponent(part.slice(0, 60))}#${i}`)
  sum += url.searchParams.get('q').length
  writeFileSync(join(folder, String(i)), part)
}
const read = (i) => readFile(join(folder, String(i)), 'utf8')
for (let i = 0; i < parts.length; i += 50) {
  const some = Array.from({ length: Math.min(50, parts.length - i) }, (_, j) => i + j)
  const [texts, stats] = [
    await Promise.all(some.map(read)),
    await Promise.all(some.map((j) => stat(join(folder, String(j))))),
  ]
  sum += JSON.stringify(texts).length + stats.length
}
for (let i = 0; i < 300; i++) {
  const names = Array.from({ length: 40 }, (_, j) => `f${i}_${j}`)
  const code = names.map(
    (name, j) => `function ${name}(a) { return a.map((x) => x * ${j} + ${i}) }`,
  )
  sum += vm.runInNewContext(
    `${code.join('\n')}; [1, 2].concat(${names.map((n) => `${n}([3])`)})`,
  ).length
}
const worker = new Worker(
  'let n = 0; require("node:worker_threads").parentPort.on("message", (m) => { n += m.text.length; if (m.last) process.exit(n & 1) })',
  { eval: true },
)
for (const [i, part] of parts.entries())
  worker.postMessage({ i, text: part, last: i === parts.length - 1 })
await new Promise((resolve) => {
  worker.on('exit', resolve)
})
rmSync(folder, { recursive: true })
console.log(sum)
