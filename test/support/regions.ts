/** One region of each kind, for what all of them have in common. */
import { cAllocator, Region } from '../../lib/index.js'
import { Memory } from './wasm.js'

export interface Kind {
  readonly name: string
  /** A region of `size` bytes. */
  make(size: number): Region
  /** Does dispose take the memory away, and so detach every view? Else it only lets go of it. */
  readonly owned: boolean
  /** Does the region lie somewhere in a buffer that is larger? */
  readonly isInLarger?: boolean
  /** Is its address an offset, which nobody else can read at? */
  readonly isOffset?: boolean
}

/** A region over memory of the C heap, which is freed with it. */
export function borrowed(size: number, offset = 0): Region {
  const ptr = cAllocator.rawAlloc(size + offset, 16)
  const free = (address: number): void => cAllocator.rawFree(address - offset, size + offset, 16)
  return Region.borrow(ptr + offset, size, { free })
}

export const KINDS: readonly Kind[] = [
  { name: 'malloc', make: (size) => Region.malloc(size), owned: true },
  { name: 'pages', make: (size) => Region.pages(size), owned: true },
  { name: 'pages with guards', make: (size) => Region.pages(size, { guard: true }), owned: true },
  { name: 'shared', make: (size) => Region.shared(size), owned: false },
  { name: 'from', make: (size) => Region.from(new ArrayBuffer(size)), owned: false },
  { name: 'borrow', make: (size) => borrowed(size), owned: true },
  {
    name: 'wasm',
    make: (size) => Region.wasm(new Memory({ initial: 1 }), { start: 77, end: 77 + size }),
    owned: false,
    isInLarger: true,
    isOffset: true,
  },
]
