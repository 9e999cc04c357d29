/**
 * Code that was transformed in memory, as by a test runner or a loader of TypeScript: only the program knows
 * where its lines came from. What transforms sets `Error.prepareStackTrace`, so that stacks have the lines
 * of the sources; so it is asked here too, with a call site that says what V8 said of a frame.
 *
 * It is asked when a profile is made and at no other time. Whatever it throws or returns, a frame is then
 * the same frame where its author wrote it, or what it was.
 */
import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Frame } from './profile.js'

type Prepare = (error: Error, sites: readonly object[]) => unknown

/** As V8's call sites: what formats stacks asks any of these. */
class FrameSite {
  constructor(
    private readonly frame: Frame,
    private readonly file: string,
  ) {}

  getThis(): undefined {}
  getFunction(): undefined {}
  getTypeName(): null {
    return null
  }
  getMethodName(): null {
    return null
  }
  getFunctionName(): string | null {
    return this.frame.function || null
  }
  getFileName(): string {
    return this.file
  }
  getScriptNameOrSourceURL(): string {
    return this.file
  }
  getScriptHash(): string {
    return ''
  }
  getLineNumber(): number {
    return this.frame.line
  }
  getColumnNumber(): number {
    return this.frame.column
  }
  getEnclosingLineNumber(): number {
    return this.frame.line
  }
  getEnclosingColumnNumber(): number {
    return this.frame.column
  }
  getPosition(): number {
    return 0
  }
  getEvalOrigin(): undefined {}
  getPromiseIndex(): null {
    return null
  }
  isToplevel(): boolean {
    return true
  }
  isNative(): boolean {
    return false
  }
  isEval(): boolean {
    return false
  }
  isConstructor(): boolean {
    return false
  }
  isAsync(): boolean {
    return false
  }
  isPromiseAll(): boolean {
    return false
  }
  toString(): string {
    const { line, column } = this.frame
    const place = `${this.file}:${line}:${column}`
    return this.frame.function === '' ? place : `${this.frame.function} (${place})`
  }
}

/** A line of a stack in the form that V8 gives it. */
const LINE = /^\s+at (?:.*? \()?(.+?):(\d+):(\d+)\)?$/m

/** Asks for frames, each once as long as the program formats stacks in the same way. */
export class Transformed {
  private _prepare: Prepare | null = null
  private _known = new Map<Frame, Frame | null>()

  /** The frame where the program says that it is; null: nobody says so, or it is where it is. */
  map(frame: Frame): Frame | null {
    const prepare = prepareOf()
    if (prepare !== this._prepare) {
      this._prepare = prepare
      this._known = new Map()
    }
    if (prepare === null) return null
    const known = this._known.get(frame)
    if (known !== undefined) return known
    const found = ask(prepare, frame)
    this._known.set(frame, found)
    return found
  }
}

function prepareOf(): Prepare | null {
  try {
    const prepare = (Error as { prepareStackTrace?: unknown }).prepareStackTrace
    return typeof prepare === 'function' ? (prepare as Prepare) : null
  } catch {
    return null // a getter of the program's that throws: V8 lets it, too
  }
}

function ask(prepare: Prepare, frame: Frame): Frame | null {
  if (!isAbsolute(frame.file)) return null
  return at(prepare, frame, frame.file) ?? at(prepare, frame, pathToFileURL(frame.file).href)
}

/** `file` is what modules are known by: a path, or a URL. */
function at(prepare: Prepare, frame: Frame, file: string): Frame | null {
  try {
    const text = prepare.call(Error, new Error('offheap'), [new FrameSite(frame, file)])
    const line = typeof text === 'string' ? LINE.exec(text) : null
    return line === null ? null : moved(frame, line)
  } catch {
    return null // it can only format its own errors: the frame stays where it is
  }
}

function moved(frame: Frame, [, place, line, column]: RegExpExecArray): Frame | null {
  const file = place!.startsWith('file:') ? fileURLToPath(place!) : place!
  const there = { ...frame, file, line: Number(line), column: Number(column) }
  const isSame = file === frame.file && there.line === frame.line && there.column === frame.column
  // A file that is made up, or cut for reading, is nobody's source.
  return isSame || there.line < 1 || !isAbsolute(file) || !existsSync(file) ? null : there
}
