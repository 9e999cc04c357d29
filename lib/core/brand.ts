/**
 * What kind of object a value is, whichever realm made it: test runners and `vm` contexts bring
 * buffers that are no `instanceof` ours. Reads internal slots only and so calls into nothing.
 */

type Getter = (this: unknown) => unknown

function getterOf(prototype: object, name: string | symbol): Getter {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get!
}

const typedArrayName = getterOf(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
const bufferLength = getterOf(ArrayBuffer.prototype, 'byteLength')
const sharedLength = getterOf(SharedArrayBuffer.prototype, 'byteLength')

export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayName.call(value) === 'Uint8Array'
}

/** An ArrayBuffer or a SharedArrayBuffer. */
export function isAnyBuffer(value: unknown): value is ArrayBufferLike {
  return hasSlot(value, bufferLength) || hasSlot(value, sharedLength)
}

export function isSharedBuffer(value: unknown): value is SharedArrayBuffer {
  return hasSlot(value, sharedLength)
}

function hasSlot(value: unknown, getter: Getter): boolean {
  try {
    getter.call(value)
    return true
  } catch {
    return false
  }
}
