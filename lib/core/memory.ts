/**
 * What core asks of the parts that know where memory comes from. They install themselves here when
 * the package is loaded, so that allocators can be given a capacity or a buffer and still import
 * nothing but core: a bump allocator over a bare ArrayBuffer works with no addon built.
 */
import { isAnyBuffer } from './brand.js'
import { OffheapError, unexpected } from './errors.js'
import { checkPointer, type Pointer } from './pointer.js'
import { Region } from './region.js'

/** Memory that an allocator can work in: bytes to obtain, a region, or the caller's own buffer. */
export type MemoryLike = number | Region | ArrayBufferLike | ArrayBufferView

/** Makes regions for allocators. */
export interface RegionMaker {
  /** A region of `bytes` bytes that the allocator owns. */
  fromCapacity(bytes: number, where: string): Region
  /** The same, committed when it is first touched. */
  fromReserve(bytes: number, where: string): Region
  /** A region over the caller's memory. */
  fromView(view: ArrayBufferLike | ArrayBufferView): Region
}

/** The `size` bytes at an address that the resolver knows, or null. */
export type BytesResolver = (ptr: Pointer, size: number) => Uint8Array | null

let maker: RegionMaker | null = null
const resolvers: BytesResolver[] = []

export function provideRegions(made: RegionMaker): void {
  maker = made
}

export function provideBytes(resolver: BytesResolver): void {
  resolvers.push(resolver)
}

function regions(): RegionMaker {
  if (maker !== null) return maker
  throw new OffheapError(
    'UNSUPPORTED',
    'Nothing can make a region here: import from "offheap", or pass a Region',
  )
}

/** The region that `memory` names, and whether it was made here (its allocator then disposes it). */
export function regionFor(memory: MemoryLike, where: string): { region: Region; owned: boolean } {
  if (memory instanceof Region) return { region: memory, owned: false }
  if (typeof memory === 'number') {
    return { region: regions().fromCapacity(memory, where), owned: true }
  }
  if (ArrayBuffer.isView(memory) || isAnyBuffer(memory)) {
    return { region: regions().fromView(memory), owned: true }
  }
  throw unexpected('INVALID_ARGUMENT', 'a capacity in bytes, a Region or a buffer', where, memory)
}

/** A region of `bytes` bytes that are committed when they are first touched. */
export function reserveRegion(bytes: number, where: string): Region {
  return regions().fromReserve(bytes, where)
}

/** The bytes at `ptr`, wherever they belong. Throws ERR_OFFHEAP_UNSUPPORTED when nobody knows. */
export function bytesAt(ptr: Pointer, size: number, where: string): Uint8Array {
  checkPointer(ptr, where)
  for (const resolve of resolvers) {
    const bytes = resolve(ptr, size)
    if (bytes !== null) return bytes
  }
  throw new OffheapError(
    'UNSUPPORTED',
    `${where} cannot show the ${size} bytes at 0x${ptr.toString(16)}: they are in no region and no block of the ` +
      `C heap. Pass the region or the inner allocator to the constructor of Allocator, or override view()`,
  )
}
