/**
 * The corpus: every file of the installed TypeScript compiler, many small ones and a few large.
 *
 * The packages are found by resolving them, as Node would, so the corpus is there wherever the
 * package manager put it. Listing and reading are two steps: the sizes are wanted before the
 * servers start (their arenas are sized by them), the contents only afterwards (see main.mjs for
 * why).
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import zlib from 'node:zlib'

/**
 * @typedef {{ file: string, size: number }} Listed
 * @typedef {{ name: string, body: Buffer, sha256: string, crc32: number }} Upload
 */

/** @returns {Listed[]} the files of `typescript` and of its installed platform package, by path */
export function listCorpus() {
  return packageFolders()
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true }).map((name) => `${folder}${path.sep}${name}`),
    )
    .map((file) => ({ file, stat: statSync(file) }))
    .filter(({ stat }) => stat.isFile())
    .map(({ file, stat }) => ({ file, size: stat.size }))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** The TypeScript package itself and those of its per-platform packages that are installed here. */
function packageFolders() {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const fromTypeScript = createRequire(manifest)
  const platforms = Object.keys(fromTypeScript(manifest).optionalDependencies ?? {})
  const folders = [path.dirname(manifest)]
  for (const name of platforms) {
    try {
      folders.push(path.dirname(fromTypeScript.resolve(`${name}/package.json`)))
    } catch (error) {
      // Optional: only the package of this platform is installed.
      if (error.code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return folders
}

/**
 * Reads the files and works out, here and independently of the servers, what they must answer.
 * @param {Listed[]} listing
 * @returns {Upload[]}
 */
export function readCorpus(listing) {
  return listing.map(({ file }) => {
    const body = readFileSync(file)
    const sha256 = createHash('sha256').update(body).digest('hex')
    return { name: path.basename(file), body, sha256, crc32: zlib.crc32(body) }
  })
}

/**
 * A shuffled copy, the same one for the same seed: round N has one order, whichever side it is sent
 * to.
 * @template T
 * @param {readonly T[]} items
 * @param {number} seed
 * @returns {T[]}
 */
export function shuffled(items, seed) {
  const random = mulberry32(seed)
  const copy = [...items]
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[copy[last], copy[other]] = [copy[other], copy[last]]
  }
  return copy
}

/** Mulberry32, a small seeded generator of numbers in [0, 1). */
function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
