/**
 * Writing profiles, so that whoever reads the file finds a whole one: the text goes to a temporary name
 * in the same directory, is synced and renamed. A process that is killed leaves the file as it was, and so
 * does a full disk.
 *
 * This runs inside apps that replace what they like once they have started: what is called here was
 * taken when this module was loaded.
 */
import fs from 'node:fs'
import path from 'node:path'
import { threadId } from 'node:worker_threads'
import type { LeakProfile } from '../leaks/profile.js'

const { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } = fs
const { basename, dirname, join } = path
const { stringify } = JSON
const { pid } = process
const bytesOf = Buffer.from.bind(Buffer)
const removeProperty = Reflect.deleteProperty
const defineProperty = Reflect.defineProperty
const propertyOf = Reflect.getOwnPropertyDescriptor

/** Characters that are gathered before they are written. */
const PIECE = 1 << 20

/**
 * Writes a file whole or not at all. Throws the system's error, and then what was there before is
 * there still. Unless `mode` says otherwise it is for this user alone.
 */
export function replaceFile(
  file: string,
  content: string | Uint8Array | Iterable<string>,
  mode = 0o600,
): void {
  const temporary = join(dirname(file), `.${basename(file)}.${pid}-${threadId}.tmp`)
  const handle = openSync(temporary, 'w', mode)
  try {
    try {
      if (typeof content === 'string') writeAll(handle, bytesOf(content))
      else if (content instanceof Uint8Array) writeAll(handle, content)
      else for (const piece of content) writeAll(handle, bytesOf(piece))
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Writes all bytes, however many the system takes at once. */
function writeAll(handle: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length;) from += writeSync(handle, bytes, from)
}

/** Writes a profile as JSON, a site a line. */
export function writeProfile(file: string, profile: LeakProfile): void {
  withoutToJSON(() => replaceFile(file, profileText(profile)))
}

/** In pieces: the text of a large profile is longer than a string may be. */
function* profileText(profile: LeakProfile): Generator<string> {
  const { sites, ...head } = profile
  let text = `${stringify(head).slice(0, -1)},"sites":[`
  for (let i = 0; i < sites.length; i++) {
    text += `${i === 0 ? '' : ','}\n${stringify(sites[i])}`
    if (text.length < PIECE) continue
    yield text
    text = ''
  }
  yield `${text}\n]}\n`
}

/** Does something while no `toJSON` of the app (some old libraries add one to all arrays) is in the way. */
function withoutToJSON(action: () => void): void {
  const away: (() => void)[] = []
  for (const prototype of [Object.prototype, Array.prototype]) {
    const found = propertyOf(prototype, 'toJSON')
    if (found === undefined || !removeProperty(prototype, 'toJSON')) continue
    away.push(() => defineProperty(prototype, 'toJSON', found))
  }
  try {
    action()
  } finally {
    for (const putBack of away) putBack()
  }
}
