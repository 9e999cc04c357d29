/**
 * DynamicAllocator: the malloc of any shared library, such as mimalloc, jemalloc or tcmalloc,
 * beside the C heap of the process.
 *
 * The library is loaded for this alone: Node's own malloc stays what it is. Its functions are
 * called by address. A table of live blocks for each heap (native/core/live_map.h) makes a wrong
 * free an error here, as for cAllocator; realloc is not called, a block moves by being copied.
 */
import { OffheapError, unexpected } from '../core/errors.js'
import { checkLayout } from '../core/layout.js'
import { servesHeap } from '../core/one-heap.js'
import { checkPointer, type Pointer } from '../core/pointer.js'
import type { Region } from '../core/region.js'
import type { CHeap } from '../core/valloc.js'
import { Box, Heap, loadAddon, type NativeHeap } from '../native/binding.js'
import { isUsualLayout, NativeAllocator } from './native-allocator.js'

/** Which malloc a {@link DynamicAllocator} calls. */
export interface DynamicOptions {
  /**
   * The file of the library, as the system's loader takes it: a name that it looks for
   * (`libmimalloc.so.2`) or a path. Of several the first that has the functions.
   */
  library: string | readonly string[]
  /**
   * What the names of its functions begin with: `mi_` for mimalloc, `tc_` for tcmalloc, `je_` for
   * some builds of jemalloc. Letters, digits and `_`, at most 64. Default: nothing, plain `malloc`
   * and `free`.
   */
  prefix?: string
}

/** A heap in a library, as this thread has it. */
interface Opened {
  readonly library: string
  readonly number: number
}

/** What all allocators of this thread over one heap share. */
interface Shared {
  readonly heap: NativeHeap
  readonly shown: Map<Pointer, Region>
}

const LONGEST_LIST = 32
const LONGEST_NAME = 4096

/** Of this thread, by the number of the heap. */
const heaps = new Map<number, Shared>()

/**
 * A malloc in a shared library. Two allocators over the same library and prefix, in one thread or
 * in several, are one heap: either frees the blocks of both. Thread safety is that of cAllocator:
 * addresses may be freed by any thread; handles belong to the thread that made them, and a block
 * that JS has looked at can be freed only there.
 *
 * Unsafe in one point: loading a library runs its code, and that its functions do what their names
 * promise is taken on trust.
 */
export class DynamicAllocator extends NativeAllocator {
  protected readonly _heapId: number
  private readonly _number: number
  private readonly _library: string
  private readonly _prefix: string
  private readonly _name: string

  /**
   * Loads the library, for good: it is never unloaded, even when it lacks a function. It must
   * define `malloc`, `free` and one of `posix_memalign`, `memalign` and `aligned_alloc` itself,
   * each with the prefix. Throws ERR_OFFHEAP_LIBRARY_NOT_FOUND, which says of each library that was
   * tried what is missing, and ERR_OFFHEAP_INVALID_ARGUMENT. Some 100 microseconds at first, 10
   * later.
   */
  constructor(options: DynamicOptions) {
    const { libraries, prefix } = checkOptions(options)
    const { library, number } = open(libraries, prefix)
    super(sharedOf(number).shown)
    this._number = number
    this._heapId = Heap.DYNAMIC + number
    this._library = library
    this._prefix = prefix
    this._name = `DynamicAllocator(${library})`
    servesHeap(this, { key: `DynamicAllocator ${number}`, goes: false })
  }

  protected override _heapOf(): NativeHeap {
    return sharedOf(this._number).heap
  }

  /** @internal */
  override _cHeap(): CHeap {
    const { native, box } = loadAddon()
    native.dynamicDoor(this._number)
    return { table: box[Box.RESULT]!, self: box[Box.PTR]!, state: null, region: null }
  }

  override get name(): string {
    return this._name
  }

  /** The library that was loaded, as the options name it. */
  get library(): string {
    return this._library
  }

  get prefix(): string {
    return this._prefix
  }

  /**
   * The library's malloc, or its aligned allocation above 16. 0 when it has no memory, or does not
   * grant the alignment. Some 20 ns on top of the library.
   */
  override rawAlloc(size: number, align: number): Pointer {
    if (!isUsualLayout(size, align)) checkLayout(size, align, `${this._name}.alloc`)
    const { heap, box } = this._door
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    heap.alloc()
    const ptr = box[Box.RESULT]!
    if (ptr !== 0) this._live += size
    return ptr
  }

  /** The library's free, refused as by cAllocator: also for a block of any other heap. */
  override rawFree(ptr: Pointer, size: number, align: number): void {
    if (!Number.isSafeInteger(ptr) || ptr < 0) checkPointer(ptr, `${this._name}.free`)
    if (!isUsualLayout(size, align)) checkLayout(size, align, `${this._name}.free`)
    const { heap, box } = this._door
    box[Box.PTR] = ptr
    box[Box.SIZE] = size
    box[Box.ALIGN] = align
    if (heap.free() === undefined) this._counted(-size)
    else this._freeRefused(box[Box.STATUS]!, ptr, size, align)
  }

  /**
   * Bytes that a live block really has, at least its size; 0 for any other pointer. As the library
   * tells it; where it does not, the size that the block was asked for with, at least 16.
   */
  usableSize(ptr: Pointer): number {
    return this._usable(checkPointer(ptr, `${this._name}.usableSize`))
  }

  /**
   * Asks the library to give free memory back to the system: `malloc_trim`, jemalloc's `mallctl`,
   * `mi_collect` or `MallocExtension_ReleaseFreeMemory`. false: it has none of these, or says that
   * there was nothing to give (mimalloc and tcmalloc do not say). What other threads' caches hold
   * may stay. Up to some milliseconds.
   */
  trim(): boolean {
    return loadAddon().native.trimDynamic(this._number)
  }
}

function sharedOf(number: number): Shared {
  const known = heaps.get(number)
  if (known !== undefined) return known
  const heap = loadAddon().native.dynamicHeap(number)
  const made = { heap, shown: new Map<Pointer, Region>() }
  heaps.set(number, made)
  return made
}

function open(libraries: readonly string[], prefix: string): Opened {
  const { native } = loadAddon()
  const tried: string[] = []
  for (const library of libraries) {
    const opened = native.openDynamic(library, prefix)
    if (typeof opened === 'number') return { library, number: opened }
    tried.push(`${library}: ${explain(opened)}`)
  }
  throw new OffheapError(
    'LIBRARY_NOT_FOUND',
    `No library for DynamicAllocator has the functions ${prefix}malloc, ${prefix}free and ` +
      `${prefix}posix_memalign (or memalign, aligned_alloc). Tried ${tried.join('; ')}`,
  )
}

/** glibc has little room for thread-local variables of what is loaded late; jemalloc has many. */
function explain(why: string): string {
  if (!why.includes('static TLS block')) return why
  return `${why}. Start the process with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096`
}

interface Checked {
  libraries: readonly string[]
  prefix: string
}

function checkOptions(options: unknown): Checked {
  if (typeof options !== 'object' || options === null) {
    throw unexpected('INVALID_ARGUMENT', '{ library, prefix? }', 'DynamicAllocator', options)
  }
  const { library, prefix = '' } = options as { library?: unknown; prefix?: unknown }
  if (typeof prefix !== 'string' || !/^\w{0,64}$/.test(prefix)) {
    const expected = 'at most 64 letters, digits and _'
    throw unexpected('INVALID_ARGUMENT', expected, 'DynamicAllocator prefix', prefix)
  }
  const given: readonly unknown[] = Array.isArray(library) ? library : [library]
  const { length } = given
  if (!(length >= 1 && length <= LONGEST_LIST)) {
    const expected = `1 to ${LONGEST_LIST} libraries`
    throw unexpected('INVALID_ARGUMENT', expected, 'DynamicAllocator', length)
  }
  // A copy, without holes: what was checked is what is used.
  const libraries = Array.from({ length }, (_, i) => checkLibrary(given[i]))
  return { libraries, prefix }
}

function checkLibrary(library: unknown): string {
  const isName = typeof library === 'string' && library !== '' && library.length <= LONGEST_NAME
  if (isName && !library.includes('\0')) return library
  const expected = 'the name or path of a library'
  throw unexpected('INVALID_ARGUMENT', expected, 'DynamicAllocator library', library)
}
