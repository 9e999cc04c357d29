/**
 * LoggingAllocator: a line an operation.
 *
 * Passes everything on and tells a sink of each of the four raw operations what was asked and what
 * came of it. A line is the operation and `key=value` pairs, separated by single spaces:
 *
 *     alloc size=100 align=16 ptr=0x7f3a50000b20
 *     alloc size=1099511627776 align=16 ptr=0x0
 *     resize ptr=0x7f3a50000b20 size=100 align=16 newSize=50 ok=true
 *     remap ptr=0x7f3a50000b20 size=50 align=16 newSize=9000 newPtr=0x7f3a50001c40
 *     free ptr=0x7f3a50001c40 size=9000 align=16
 *     free ptr=0x7f3a50001c40 size=9000 align=16 error=ERR_OFFHEAP_DOUBLE_FREE
 *
 * Sizes are decimal, addresses hexadecimal; 0x0 is out of memory, and `?` an argument that was no
 * number. `realloc` and the like are logged as the raw operations that they consist of.
 *
 * A sink that throws must not cost a block. An allocation is undone, and the error thrown. What
 * cannot be undone is done: an error thrown from there would leave the caller with a block whose
 * size or place he does not know. It is kept and thrown by the next allocation, before that does
 * anything, or by dispose.
 */
import type { Allocator } from '../core/allocator.js'
import { OffheapError, unexpected } from '../core/errors.js'
import type { Pointer } from '../core/pointer.js'
import { disposed } from '../core/region.js'
import { Wrapper } from './wrapper.js'

/**
 * Where lines go: a function, which gets them bare, or a stream, which gets each with a newline.
 */
export type LogSink = ((line: string) => void) | { write(text: string): unknown }

/** A number as it is logged; what is none must not be called into. */
function decimal(value: unknown): string {
  return typeof value === 'number' ? String(value) : '?'
}

function address(value: unknown): string {
  if (!Number.isSafeInteger(value) || (value as number) < 0) return '?'
  return `0x${(value as number).toString(16)}`
}

/** The function that writes a line to `sink`. */
function writerTo(sink: LogSink): (line: string) => void {
  if (typeof sink === 'function') return sink
  if (typeof sink === 'object' && sink !== null && typeof sink.write === 'function') {
    return (line) => void sink.write(`${line}\n`)
  }
  const expected = 'a function or an object with a write method'
  throw unexpected('INVALID_ARGUMENT', expected, 'the sink of LoggingAllocator', sink)
}

/**
 * Tells a sink of every operation, in order and synchronously. Belongs to one thread. What the sink
 * itself allocates here is served and not logged. Costs what the sink costs, and about 100 ns.
 */
export class LoggingAllocator extends Wrapper {
  private readonly _write: (line: string) => void
  private _writing = false
  /** What the sink threw where it could not be thrown on. In an array, as it may be anything. */
  private _held: unknown[] = []

  /**
   * @param inner Stays the caller's: dispose does not reach it.
   * @param sink Called with each line, without a newline; or its `write`, with one. What `write`
   *   returns is ignored.
   * Throws ERR_OFFHEAP_INVALID_ARGUMENT.
   */
  constructor(inner: Allocator, sink: LogSink) {
    super(inner)
    this._write = writerTo(sink)
  }

  /** As the inner allocator's. Throws what the sink throws; nothing was allocated then. */
  override rawAlloc(size: number, align: number): Pointer {
    if (this._disposed) throw disposed(this.name)
    this._throwHeld()
    const asked = `alloc size=${decimal(size)} align=${decimal(align)}`
    let ptr: Pointer
    try {
      ptr = this.inner.rawAlloc(size, align)
    } catch (error) {
      this._refused(asked, error)
      throw error
    }
    try {
      this._log(`${asked} ptr=${address(ptr)}`)
    } catch (error) {
      if (ptr !== 0) this.inner.rawFree(ptr, size, align)
      throw error
    }
    if (ptr !== 0) this._counted(size)
    return ptr
  }

  /** As the inner allocator's. What the sink throws is thrown by the next allocation. */
  override rawResize(ptr: Pointer, size: number, align: number, newSize: number): boolean {
    const asked = `resize ${block(ptr, size, align)} newSize=${decimal(newSize)}`
    let done: boolean
    try {
      done = this.inner.rawResize(ptr, size, align, newSize)
    } catch (error) {
      this._refused(asked, error)
      throw error
    }
    if (done) this._counted(newSize - size)
    this._logDone(`${asked} ok=${done}`)
    return done
  }

  /** As the inner allocator's. What the sink throws is thrown by the next allocation. */
  override rawRemap(ptr: Pointer, size: number, align: number, newSize: number): Pointer {
    const asked = `remap ${block(ptr, size, align)} newSize=${decimal(newSize)}`
    let moved: Pointer
    try {
      moved = this.inner.rawRemap(ptr, size, align, newSize)
    } catch (error) {
      this._refused(asked, error)
      throw error
    }
    if (moved !== 0) this._counted(newSize - size)
    this._logDone(`${asked} newPtr=${address(moved)}`)
    return moved
  }

  /** As the inner allocator's. What the sink throws is thrown by the next allocation. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    const asked = `free ${block(ptr, size, align)}`
    try {
      this.inner.rawFree(ptr, size, align)
    } catch (error) {
      this._refused(asked, error)
      throw error
    }
    this._counted(-size)
    this._logDone(asked)
  }

  /** Ends this allocator, not the inner one and not the sink. Throws what the sink threw last. */
  override dispose(): void {
    super.dispose()
    this._throwHeld()
  }

  /** The inner allocator threw, and so will this one; the line says why. */
  private _refused(asked: string, error: unknown): void {
    this._logDone(`${asked} error=${error instanceof OffheapError ? error.code : '?'}`)
  }

  private _log(line: string): void {
    if (this._writing) return
    this._writing = true
    try {
      const write = this._write
      write(line)
    } finally {
      this._writing = false
    }
  }

  /** Of several errors the first is kept. */
  private _logDone(line: string): void {
    try {
      this._log(line)
    } catch (error) {
      if (this._held.length === 0) this._held.push(error)
    }
  }

  private _throwHeld(): void {
    if (this._held.length === 0 || this._writing) return
    throw this._held.pop()
  }
}

function block(ptr: unknown, size: unknown, align: unknown): string {
  return `ptr=${address(ptr)} size=${decimal(size)} align=${decimal(align)}`
}
