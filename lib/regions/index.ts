/**
 * Region with its makers: the one class of core, and the functions that make one of each kind of
 * memory as its static methods.
 */
import { provideBytes, provideRegions } from '../core/memory.js'
import { Region as RegionClass } from '../core/region.js'
import { Box, tryAddon } from '../native/binding.js'
import { borrowRegion } from './borrowed.js'
import { checkRegionSize } from './owned.js'
import { mallocRegion } from './malloc.js'
import { pagesRegion } from './pages.js'
import { sharedRegion } from './shared.js'
import { viewRegion } from './view.js'
import { wasmRegion } from './wasm.js'

const fromView = (memory: ArrayBufferLike | ArrayBufferView): RegionClass =>
  viewRegion(memory, (view) => tryAddon()?.native.addressOf(view) ?? null)

/** A span of memory; the static methods make one of each kind. See {@link RegionClass}. */
export const Region = Object.assign(RegionClass, {
  malloc: mallocRegion,
  pages: pagesRegion,
  shared: sharedRegion,
  wasm: wasmRegion,
  from: fromView,
  borrow: borrowRegion,
})
export type Region = RegionClass

provideRegions({
  fromCapacity(bytes, where) {
    checkRegionSize(bytes, `the capacity of ${where}`)
    return mallocRegion(bytes)
  },
  fromReserve(bytes, where) {
    checkRegionSize(bytes, `the reserve of ${where}`)
    return pagesRegion(bytes)
  },
  fromView,
})

provideBytes((ptr, size) => {
  const addon = tryAddon()
  const buffer = addon?.native.find(ptr, size)
  return buffer === undefined ? null : new Uint8Array(buffer, ptr - addon!.box[Box.RESULT]!, size)
})
