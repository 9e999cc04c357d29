/**
 * Call stacks of JavaScript as numbers.
 *
 * The frames of a stack are told apart by their positions in their scripts, which V8 has at hand, and
 * looked up in a table; only of a stack that is new are the names and lines asked for. It is then kept for
 * good, once in the process, in the tree of native/core/stacks.c, where stacks of C hang below it. A number
 * keeps no object alive.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { fileURLToPath } from 'node:url'
import { addonFile, Box, loadAddon } from '../native/binding.js'
import type { NativeCode } from '../native/ledgers.js'
import { type AnyFunction, type CallSite, makeRealm, realm } from './capture.js'
import type { Frame } from './profile.js'

/** The most frames that a stack of JavaScript has. */
export const MOST_FRAMES = 256

/** A stack that was seen before, by what V8 says of it. */
class Known {
  constructor(
    readonly root: number,
    readonly positions: Int32Array,
    readonly files: readonly string[],
    readonly stack: number,
    readonly next: Known | undefined,
  ) {}
}

/** By a hash of root and positions. */
const known = new Map<number, Known>()
const positions = new Int32Array(MOST_FRAMES)

/** Tells scripts apart: code without a file by the function that it is in. */
function fileOf(site: CallSite): string {
  return site.getFileName() ?? `\0${site.getFunctionName() ?? ''}`
}

function isSame(entry: Known, root: number, sites: readonly CallSite[]): boolean {
  const count = sites.length
  if (entry.root !== root || entry.positions.length !== count) return false
  for (let i = 0; i < count; i++) if (entry.positions[i] !== positions[i]) return false
  for (let i = 0; i < count; i++) if (entry.files[i] !== fileOf(sites[i]!)) return false
  return true
}

/**
 * The number of the stack that called `skip`, at most `frames` deep, in the scopes that are open. 0: there is
 * none, as `skip` is not on the stack, or no memory for it, or no room on the stack for asking.
 */
export function captureStack(skip: AnyFunction, frames: number): number {
  try {
    // In this function, as each call between the program's and V8's walk costs half a microsecond.
    const { holder, captureStackTrace } = realm ?? makeRealm()
    const held = holder(frames)
    captureStackTrace(held, skip)
    return numberOf(held.stack)
  } catch {
    // At the end of the stack V8 throws errors of the realm that is asked, a RangeError or, from its
    // call sites, a TypeError. A program that recurses too deeply is to meet its own.
    return 0
  }
}

function numberOf(sites: readonly CallSite[]): number {
  const root = scopes?.getStore() ?? 0
  const count = sites.length
  let hash = root | 0
  for (let i = 0; i < count; i++) {
    const position = sites[i]!.getPosition() | 0
    positions[i] = position
    hash = Math.imul(hash ^ position, 0x5bd1e995)
    hash ^= hash >>> 15
  }
  const first = known.get(hash)
  let entry = first
  while (entry !== undefined && !isSame(entry, root, sites)) entry = entry.next
  if (entry !== undefined) return entry.stack
  const stack = keep(root, sites)
  const files = sites.map(fileOf)
  known.set(hash, new Known(root, positions.slice(0, count), files, stack, first))
  return stack
}

// ---- Keeping --------------------------------------------------------------------------------------

/** As it is kept: function, file, line, column, is it async, is it resolved; of a scope its name alone. */
type KeptFrame = [string, string, number, number, boolean, boolean] | [string]

function nameOf(site: CallSite): string {
  const name = site.getFunctionName() ?? ''
  if (site.isConstructor()) return `new ${name || '(anonymous)'}`
  const type = site.isToplevel() ? null : site.getTypeName()
  if (type === null || name === '' || name.includes('.') || type === 'Object') return name
  return `${type}.${name}`
}

function keep(root: number, sites: readonly CallSite[]): number {
  const { native } = loadAddon()
  let stack = root
  for (let i = sites.length - 1; i >= 0; i--) {
    const site = sites[i]!
    const file = site.getFileName() ?? site.getScriptNameOrSourceURL() ?? ''
    const [line, column] = [site.getLineNumber() ?? 0, site.getColumnNumber() ?? 0]
    stack = push(native.ledgers, stack, [nameOf(site), file, line, column, site.isAsync(), false])
  }
  return stack
}

/** Taken at load, as programs may replace them. */
const { parse, stringify } = JSON

/** The frame as JSON. Text by text: what has a `toJSON` of its own, as arrays may, is not asked for it. */
function textOf([name, file, ...where]: KeptFrame): string {
  if (file === undefined) return `[${stringify(name)}]`
  const [line, column, isAsync, isThere] = where
  return `[${stringify(name)},${stringify(file)},${line},${column},${isAsync},${isThere}]`
}

/** Frames of this thread that {@link resolveLines} has not looked at. */
let fresh = new Set<number>()

function push(
  ledgers: ReturnType<typeof loadAddon>['native']['ledgers'],
  stack: number,
  frame: KeptFrame,
): number {
  const number = ledgers.frame(textOf(frame))
  fresh.add(number)
  const inner = ledgers.call(stack, number)
  return inner === 0 ? stack : inner
}

// ---- Scopes ---------------------------------------------------------------------------------------

/** The stack that the open scopes are, outermost first; null: nobody ever opened one. */
let scopes: AsyncLocalStorage<number> | null = null

/** Runs `run` with a scope around what it allocates, after awaits too. */
export function inScope<T>(name: string, run: () => T): T {
  scopes ??= new AsyncLocalStorage<number>()
  const root = push(loadAddon().native.ledgers, scopes.getStore() ?? 0, [name])
  return scopes.run(root, run)
}

// ---- Reading --------------------------------------------------------------------------------------

/** A frame of a stack: a line of code, or the name of a scope. */
type Decoded = Frame | string

const decoded = new Map<number, Decoded>()

/** Frames that are where their author wrote them. */
const resolved = new WeakSet<Frame>()

export const isResolved = (frame: Frame): boolean => resolved.has(frame)

/** Has `map` say where the new frames of this thread are in their sources, for whoever reads them. */
export function resolveLines(map: (frame: Frame) => Frame): void {
  const { ledgers } = loadAddon().native
  const numbers = fresh
  fresh = new Set()
  for (const number of numbers) {
    const frame = decode(number)
    if (typeof frame === 'string' || frame.native === true || isOwn(frame)) continue
    const there = map(frame)
    if (there === frame) continue
    const { function: name, file, line, column, async: isAsync = false } = there
    ledgers.resolveFrame(number, ledgers.frame(textOf([name, file, line, column, isAsync, true])))
  }
}

function decode(frame: number): Decoded {
  const there = decoded.get(frame)
  if (there !== undefined) return there
  const made = decodeFrame(loadAddon().native.ledgers.readFrame(frame))
  decoded.set(frame, made)
  return made
}

function decodeFrame(kept: string | NativeCode | null): Decoded {
  if (kept === null) return { function: '', file: '', line: 0, column: 0 }
  if (typeof kept !== 'string') return decodeCode(kept)
  const [name, file, line, column, isAsync, isThere] = parse(kept) as KeptFrame
  if (file === undefined) return name
  const frame: Frame = { function: name, file: pathOf(file), line: line!, column: column! }
  if (isAsync) frame.async = true
  if (isThere) resolved.add(frame)
  return frame
}

function decodeCode({ function: name, file, offset, buildId }: NativeCode): Frame {
  const label = name === '' ? `0x${offset.toString(16)}` : name
  const frame: Frame = { function: label, file, line: 0, column: 0, native: true, offset }
  return buildId === '' ? frame : { ...frame, buildId }
}

/** The path of a file; another URL as it is. */
function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file
  try {
    return fileURLToPath(file)
  } catch {
    return file // of another machine, or none at all
  }
}

/** Where this library's own code is. */
const OWN = fileURLToPath(new URL('..', import.meta.url))

/** And where its C is; known once a frame of C is read. */
let ownAddon: string | null = null

function isOwn({ file, native }: Frame): boolean {
  if (native !== true) return file.startsWith(OWN)
  return file === (ownAddon ??= addonFile())
}

/** A stack, innermost frame first, without those of this library; and its scopes, outermost first. */
export function readStack(stack: number): { frames: Frame[]; scopes: string[] } {
  const { native, box } = loadAddon()
  const frames: Frame[] = []
  const names: string[] = []
  for (let at = stack; at !== 0;) {
    native.ledgers.readStack(at)
    at = box[Box.PTR]!
    const frame = decode(box[Box.RESULT]!)
    if (typeof frame === 'string') names.unshift(frame)
    else if (!isOwn(frame)) frames.push(frame)
  }
  return { frames, scopes: names }
}

/** The frames of a stack, innermost first, without those of this library. */
export function framesOf(stack: number): Frame[] {
  return readStack(stack).frames
}
