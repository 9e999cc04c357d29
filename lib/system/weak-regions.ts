/**
 * The regions that show blocks which may be collected: found by the address of their block, and not
 * kept alive by that. What keeps a region is the buffer that it shows, for as long as anybody has a
 * view of it: then a free finds the region and detaches the view.
 */
import type { Pointer } from '../core/pointer.js'
import type { Region } from '../core/region.js'
import type { ShownRegions } from './native-allocator.js'

interface Entry {
  readonly ptr: Pointer
  readonly ref: WeakRef<Region>
}

export class WeakRegions implements ShownRegions {
  private readonly refs = new Map<Pointer, WeakRef<Region>>()
  private readonly keepers = new WeakMap<object, Region>()
  private readonly collected = new FinalizationRegistry<Entry>(({ ptr, ref }) => {
    if (this.refs.get(ptr) === ref) this.refs.delete(ptr)
  })

  get(ptr: Pointer): Region | undefined {
    return this.refs.get(ptr)?.deref()
  }

  set(ptr: Pointer, region: Region): void {
    const ref = new WeakRef(region)
    this.refs.set(ptr, ref)
    this.keepers.set(region.buffer, region)
    this.collected.register(region, { ptr, ref })
  }

  delete(ptr: Pointer): void {
    this.refs.delete(ptr)
  }
}
