/**
 * The methods of allocators that are called most, replaced so that they cost little while little is written
 * down: no lists of arguments, and no function made a call. A method a class, so V8 cannot know which
 * original it calls: some nanoseconds each.
 */
import { Allocation } from '../core/allocation.js'
import type { Allocator } from '../core/allocator.js'
import type { Pointer } from '../core/pointer.js'
import type { AnyFunction } from './capture.js'
import { cellOf } from './cells.js'
import type { Method, Methods } from './replaced-methods.js'
import type { Trace } from './trace.js'

/** Whose methods they are; `self` is the method that was called, for stacks. */
export interface Tracer {
  readonly methods: Methods
  readonly trace: Trace
  made(on: Allocator, ptr: Pointer, size: number, align: number, self: AnyFunction): void
  madeHandle(on: Allocator, a: Allocation, self: AnyFunction): void
  /** `call` runs the original. */
  ends(on: Allocator, ptr: Pointer, call: () => unknown): unknown
}

/** A method that gives a pointer. */
export function replaceMaking(
  tracer: Tracer,
  prototype: object,
  name: 'rawAlloc' | 'allocBlock',
): void {
  const { methods } = tracer
  const { sampler } = tracer.trace
  const isFixed = name === 'allocBlock'
  methods.put(prototype, name, (original) => {
    const replaced = function (this: Allocator, asked: number, align: number): Pointer {
      if (methods.depth > 0) return original.call(this, asked, align) as Pointer
      methods.depth = 1
      let ptr: Pointer
      try {
        ptr = original.call(this, asked, align) as Pointer
      } finally {
        methods.depth = 0
      }
      try {
        const size = isFixed ? (this as Allocator & { blockSize: number }).blockSize : asked
        if (ptr !== 0 && sampler.takes(size))
          tracer.made(this, ptr, size, isFixed ? 1 : align, replaced)
      } catch {
        methods.missed() // as where no stack is left: the program has its block nevertheless
      }
      return ptr
    }
    return replaced as Method
  })
}

/** A method that gives a handle, or null. */
export function replaceMakingHandle(tracer: Tracer, prototype: object, name: string): void {
  const { methods } = tracer
  const { sampler } = tracer.trace
  methods.put(prototype, name, (original) => {
    const replaced = function (this: Allocator, what: unknown, align: unknown): Allocation | null {
      if (methods.depth > 0) return original.call(this, what, align) as Allocation | null
      methods.depth = 1
      let a: Allocation | null
      try {
        a = original.call(this, what, align) as Allocation | null
      } finally {
        methods.depth = 0
      }
      try {
        if (a !== null && sampler.takes(a._size)) tracer.madeHandle(this, a, replaced)
      } catch {
        methods.missed()
      }
      return a
    }
    return replaced as Method
  })
}

/** A method that takes a pointer and frees the block there. */
export function replaceFreeing(tracer: Tracer, prototype: object, name: string): void {
  const { methods, trace } = tracer
  const { cells } = trace.ledger
  methods.put(prototype, name, (original) => {
    const replaced = function (
      this: Allocator,
      ptr: Pointer,
      size: number,
      align: number,
    ): unknown {
      const isListed = typeof ptr !== 'number' || trace.isComplete || cells[cellOf(ptr)] !== 0
      if (methods.depth > 0 || !isListed) return original.call(this, ptr, size, align)
      return tracer.ends(this, ptr, () => original.call(this, ptr, size, align))
    }
    return replaced as Method
  })
}

/** A method that takes a handle and frees its block. */
export function replaceFreeingHandle(tracer: Tracer, prototype: object, name: string): void {
  const { methods, trace } = tracer
  const { cells } = trace.ledger
  methods.put(prototype, name, (original) => {
    const replaced = function (this: Allocator, a: Allocation): unknown {
      if (methods.depth > 0 || !(a instanceof Allocation)) return original.call(this, a)
      const isListed =
        trace.isComplete || cells[cellOf(a._region.address + (a._offset >>> 0))] !== 0
      if (!isListed || a.freed) return original.call(this, a)
      return tracer.ends(this, a.ptr, () => original.call(this, a))
    }
    return replaced as Method
  })
}
