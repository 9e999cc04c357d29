/** SQLite: memory that it is lent whole, and its process-wide malloc. */
import type { Allocator } from '../core/allocator.js'
import { unexpected } from '../core/errors.js'
import { isSize } from '../core/layout.js'
import { Region, unaddressable } from '../core/region.js'
import { Library } from '../native/binding.js'
import { Adapter, contract } from './adapter.js'

/** The most that an `int` of SQLite's says. */
const MOST = 2 ** 31 - 1

/** In sqlite3.h. */
const enum Option {
  PAGECACHE = 7,
  HEAP = 8,
  LOOKASIDE = 1001,
}

/** SQLite goes on using what it was lent, whether or not somebody still has the object. */
const lent = new Set<SqliteMemory>()

/**
 * A region that SQLite has, until {@link release}: it cannot be disposed, and no allocator can work in it.
 * Pass `option` and the three of `args` (a pointer and two ints) to sqlite3_config or
 * sqlite3_db_config.
 */
export class SqliteMemory implements Disposable {
  private _pin: Disposable | null

  /** @internal Throws as {@link sqlitePageCache} says. */
  constructor(
    /** For messages. */
    readonly name: string,
    /** The memory. */
    readonly region: Region,
    /** Which of SQLite's options it is for, as a number. */
    readonly option: number,
    /** Address, and what that option wants to know as two ints. */
    readonly args: readonly [bigint, number, number],
  ) {
    region._claim(this)
    this._pin = region.pin()
    lent.add(this)
  }

  /** True until {@link release}. */
  get held(): boolean {
    return this._pin !== null
  }

  /**
   * SQLite has let go: after sqlite3_shutdown, or when the connection with this lookaside is closed. The
   * region can be used for something else. Doing so twice is harmless. Nothing can check it: SQLite
   * would write into memory that is another's.
   */
  release(): void {
    if (this._pin === null) return
    this._pin[Symbol.dispose]()
    this._pin = null
    this.region._unclaim(this)
    lent.delete(this)
  }

  /** As {@link release}. */
  [Symbol.dispose](): void {
    this.release()
  }

  /** @internal Never while it is pinned. */
  regionGone(): void {}
}

function lend(region: Region, name: string, option: Option, first: number, second: number) {
  if (!region.addressable) throw unaddressable(name, region.address)
  return new SqliteMemory(name, region, option, [BigInt(region.address), first, second])
}

/** How long the region is. Throws for what is none, or none that SQLite takes. */
function sizeOfRegion(region: Region, where: string): number {
  const fits = region instanceof Region && region.byteLength <= MOST && region.address % 8 === 0
  if (fits) return region.byteLength
  const what = 'a Region of less than 2 GiB, at a multiple of 8'
  throw unexpected('INVALID_ARGUMENT', what, where, region)
}

/** How many slots of that size the region has. */
function slotsIn(region: Region, slotSize: number, where: string): number {
  const bytes = sizeOfRegion(region, where)
  if (!isSize(slotSize) || slotSize === 0 || slotSize % 8 !== 0 || slotSize > bytes) {
    const what = 'bytes of a slot, a multiple of 8 that the region has room for'
    throw unexpected('INVALID_ARGUMENT', what, where, slotSize)
  }
  return Math.floor(bytes / slotSize)
}

/**
 * For SQLITE_CONFIG_HEAP: SQLite takes all of its memory from the region. Only a SQLite that was compiled
 * with SQLITE_ENABLE_MEMSYS5 can (Debian's cannot; its sqlite3_config then returns SQLITE_ERROR).
 * `least` is the smallest block, a power of two, which SQLite makes 2^12 at most.
 *
 * Call sqlite3_config before sqlite3_initialize; it is for the whole process. Throws
 * ERR_OFFHEAP_INVALID_ARGUMENT, ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory, ERR_OFFHEAP_DISPOSED.
 */
export function sqliteHeap(region: Region, least = 64): SqliteMemory {
  const bytes = sizeOfRegion(region, 'sqliteHeap')
  const right = isSize(least) && least >= 1 && least <= 4096 && (least & (least - 1)) === 0
  if (right) return lend(region, 'sqliteHeap', Option.HEAP, bytes, least)
  throw unexpected('INVALID_ARGUMENT', 'a power of two up to 4096', 'sqliteHeap', least)
}

/**
 * For SQLITE_CONFIG_PAGECACHE: cached pages of databases are slots of the region. `slotSize` is the
 * database's page size and what SQLITE_CONFIG_PCACHE_HDRSZ says, rounded up to 8 bytes. When no
 * slot is free, SQLite takes a page from its malloc: SQLITE_STATUS_PAGECACHE_USED counts slots,
 * SQLITE_STATUS_PAGECACHE_OVERFLOW the bytes of the others.
 *
 * Call sqlite3_config before sqlite3_initialize; it is for the whole process. Throws
 * ERR_OFFHEAP_INVALID_ARGUMENT, ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory, ERR_OFFHEAP_DISPOSED.
 */
export function sqlitePageCache(region: Region, slotSize: number): SqliteMemory {
  const slots = slotsIn(region, slotSize, 'sqlitePageCache')
  return lend(region, 'sqlitePageCache', Option.PAGECACHE, slotSize, slots)
}

/**
 * For SQLITE_DBCONFIG_LOOKASIDE: small blocks of one connection are slots of the region, of up to
 * 65,528 bytes each. Call sqlite3_db_config on a connection that has not been used yet. A SQLite that was compiled
 * with SQLITE_OMIT_LOOKASIDE, as Debian's is, takes the region and does not use it.
 *
 * Throws ERR_OFFHEAP_INVALID_ARGUMENT, ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory,
 * ERR_OFFHEAP_DISPOSED.
 */
export function sqliteLookaside(region: Region, slotSize: number): SqliteMemory {
  const slots = slotsIn(region, slotSize, 'sqliteLookaside')
  if (slotSize <= 65_528) return lend(region, 'sqliteLookaside', Option.LOOKASIDE, slotSize, slots)
  throw unexpected('INVALID_ARGUMENT', 'at most 65528 bytes', 'sqliteLookaside', slotSize)
}

const SQLITE = contract(
  Library.SQLITE,
  'sqlite',
  'xMalloc',
  'xFree',
  'xRealloc',
  'xSize',
  'xRoundup',
  'xInit',
  'xShutdown',
  'pAppData',
)

/** The fields of a sqlite3_mem_methods. */
export type SqliteField =
  | 'xMalloc'
  | 'xFree'
  | 'xRealloc'
  | 'xSize'
  | 'xRoundup'
  | 'xInit'
  | 'xShutdown'
  | 'pAppData'

/**
 * SQLite's malloc, over an allocator: pass `address` as the sqlite3_mem_methods of
 * SQLITE_CONFIG_MALLOC (4), before sqlite3_initialize. It is for the whole process, and every build of
 * SQLite has it. SQLite holds its own lock around these functions as long as it counts its memory
 * (SQLITE_CONFIG_MEMSTATUS, on unless turned off). Release it after sqlite3_shutdown.
 *
 * Never for the SQLite inside Node itself. Uses one of the 8 slots of `expatAdapter`. Throws
 * ERR_OFFHEAP_INVALID_ARGUMENT for what is no allocator, ERR_OFFHEAP_DISPOSED,
 * ERR_OFFHEAP_UNSUPPORTED over a WebAssembly memory and when all 8 are taken. A microsecond or two.
 */
export function sqliteAdapter(allocator: Allocator): Adapter<SqliteField> {
  return new Adapter(allocator, SQLITE)
}
