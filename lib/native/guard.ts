/** What the addon exports for blocks on guarded pages. See native/core/guard.h. */
import type { Pointer } from '../core/pointer.js'

/** Damage that `check` found. */
export interface GuardDamage {
  /** From the start of the block. */
  offset: number
  length: number
  found: number
}

/** Blocks on pages of their own. All of it works on the process's one table. */
export interface NativeGuard {
  /** false: the system lets nobody see why a process ends. */
  readonly supported: boolean
  /** Text that a report of a crash prints; kept for good. 0: no memory. */
  text(text: string): number
  /**
   * A block filled with the byte `fresh`. The texts name its allocator, and where it was allocated; 0:
   * none. The address, or 0: the alignment is above that of a page, or there is no memory.
   */
  alloc(size: number, align: number, fresh: number, owner: number, stack: number): Pointer
  /** Makes a live block inaccessible; the text says where it was freed. false: it is none. */
  free(ptr: Pointer, stack: number): boolean
  /** The addresses of a freed block may be handed out again. false: it is none. */
  release(ptr: Pointer): boolean
  /** Looks at what is around a live block, and repairs it. null: nothing was written there. */
  check(ptr: Pointer): GuardDamage | null
  /** Blocks of the whole process that live. */
  live(): number
}
