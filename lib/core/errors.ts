/**
 * Every error that this library throws: one class with a stable `code`, and subclasses for the three
 * that programs catch by class. Knows nothing of the rest of the library.
 */

/** The codes, without their prefix `ERR_OFFHEAP_`. */
export type ErrorName =
  | 'INVALID_LAYOUT'
  | 'INVALID_ARGUMENT'
  | 'OUT_OF_MEMORY'
  | 'INVALID_POINTER'
  | 'DOUBLE_FREE'
  | 'USE_AFTER_FREE'
  | 'OUT_OF_ORDER'
  | 'PINNED'
  | 'DISPOSED'
  | 'UNSUPPORTED'
  | 'LIBRARY_NOT_FOUND'
  | 'LEAK'
  | 'POISONED'
  | 'CORRUPTED'
  | 'SWALLOWED_FAILURE'
  | 'NONDETERMINISTIC'

/** What `code` of an error holds: stable, for programs. */
export type ErrorCode = `ERR_OFFHEAP_${ErrorName}`

/** Base of all errors thrown by this library. `code` is stable, the message is for people. */
export class OffheapError extends Error {
  /** Which error it is: stable, for programs. */
  readonly code: ErrorCode

  constructor(name: ErrorName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = `ERR_OFFHEAP_${name}`
    this.name = new.target.name
  }
}

/** An allocation could not be served: the allocator, its limit or the system has no memory left. */
export class OutOfMemoryError extends OffheapError {
  /** Bytes that were asked for, and their alignment. */
  readonly size: number
  readonly align: number

  constructor(allocator: string, size: number, align: number) {
    super(
      'OUT_OF_MEMORY',
      `${allocator} is out of memory: ${size} bytes aligned to ${align} do not fit`,
    )
    this.size = size
    this.align = align
  }
}

/** A handle was used after its block had been freed, reset or rewound. */
export class UseAfterFreeError extends OffheapError {
  constructor(message: string) {
    super('USE_AFTER_FREE', message)
  }
}

/** A block was freed a second time. */
export class DoubleFreeError extends OffheapError {
  constructor(message: string) {
    super('DOUBLE_FREE', message)
  }
}

const LONGEST = 40

function shorten(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}...`
}

/** A short, safe description of any value: never calls into it (a hostile `toString` stays quiet). */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `${shorten(JSON.stringify(value.slice(0, LONGEST)))} of type string`
    case 'bigint':
      return `${shorten(`${value}n`)} of type bigint`
    case 'number':
    case 'boolean':
      return `${Object.is(value, -0) ? '-0' : value} of type ${typeof value}`
    case 'undefined':
      return 'undefined'
    case 'symbol':
    case 'function':
      return `a ${typeof value}`
    default:
      return value === null ? 'null' : 'an object'
  }
}

/** The one message template: Expected WHAT for WHERE but received VALUE. */
export function unexpected(
  name: ErrorName,
  expected: string,
  where: string,
  received: unknown,
): OffheapError {
  return new OffheapError(
    name,
    `Expected ${expected} for ${where} but received ${describe(received)}`,
  )
}
