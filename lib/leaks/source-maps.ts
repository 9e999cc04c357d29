/**
 * Source maps, applied to frames when a profile is made, never while the program runs: a stack with mapped
 * lines costs many times what one without does.
 *
 * What the program says of its own code counts most (transformed.ts), then the maps that Node keeps where
 * `--enable-source-maps` is on; else a file's map is found by the comment at its end, in a file beside it
 * or in the comment itself. A file without one, or with one that cannot be read, stays what it is.
 */
import { readFileSync } from 'node:fs'
import { findSourceMap, SourceMap } from 'node:module'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Frame } from './profile.js'
import { Transformed } from './transformed.js'

interface MapOfFile {
  map: SourceMap
  /** What the map's sources are relative to. */
  root: string
}

/** The last comment counts. */
const COMMENT = /\/\/[#@] sourceMappingURL=(\S+)\s*$/gm
const INLINE = /^data:application\/json[^,]*?(;base64)?,(.*)$/s

/** Maps frames; what it reads it keeps as long as it lives. */
export class SourceMaps {
  private readonly _files = new Map<string, MapOfFile | null>()
  private readonly _transformed = new Transformed()

  /** The same frame where its author wrote it, or as it is. */
  map(frame: Frame): Frame {
    if (frame.native === true || frame.line === 0 || frame.file === '') return frame
    const transformed = this._transformed.map(frame)
    if (transformed !== null) return transformed
    const found = this._mapOf(frame.file)?.map.findEntry(
      frame.line - 1,
      Math.max(0, frame.column - 1),
    )
    if (found === undefined || !('originalLine' in found)) return frame
    const file = this._sourceOf(frame.file, found.originalSource)
    return { ...frame, file, line: found.originalLine + 1, column: found.originalColumn + 1 }
  }

  private _sourceOf(generated: string, source: string): string {
    if (source.startsWith('file:')) return fileURLToPath(source)
    if (isAbsolute(source) || /^[a-z][a-z+.-]+:/i.test(source)) return source
    return resolve(this._files.get(generated)!.root, source)
  }

  private _mapOf(file: string): MapOfFile | null {
    const known = this._files.get(file)
    if (known !== undefined) return known
    const found = isAbsolute(file) ? (keptMap(file) ?? readMap(file)) : null
    this._files.set(file, found)
    return found
  }
}

/** Of code that was transformed in memory Node has the map alone. null: it has none. */
function keptMap(file: string): MapOfFile | null {
  const map = findSourceMap(file)
  return map === undefined ? null : { map, root: dirname(file) }
}

/** null: there is none, or it is none. */
function readMap(file: string): MapOfFile | null {
  try {
    const url = [...readFileSync(file, 'utf8').matchAll(COMMENT)].at(-1)?.[1]
    if (url === undefined) return null
    const inline = INLINE.exec(url)
    const path = inline === null ? resolve(dirname(file), decodeURI(url)) : file
    const payload = JSON.parse(inline === null ? readFileSync(path, 'utf8') : decode(inline)) as {
      sourceRoot?: string
    }
    const root = resolve(dirname(path), payload.sourceRoot ?? '')
    return { map: new SourceMap(payload as ConstructorParameters<typeof SourceMap>[0]), root }
  } catch {
    return null // the frame stays where it was: that is right, if less pleasant to read
  }
}

function decode([, base64, text]: RegExpExecArray): string {
  return base64 === undefined
    ? decodeURIComponent(text!)
    : Buffer.from(text!, 'base64').toString('utf8')
}
