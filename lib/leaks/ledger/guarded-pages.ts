/** Blocks on pages of their own, made by the addon: their texts are given to it once. */
import { OffheapError } from '../../core/errors.js'
import type { Pointer } from '../../core/pointer.js'
import { loadAddon } from '../../native/binding.js'
import type { GuardDamage, NativeGuard } from '../../native/guard.js'

/** The addon keeps texts for good, so this thread gives it each only once. */
const texts = new Map<string, number>()

export class GuardedPages {
  private readonly _native: NativeGuard
  private readonly _owner: number
  private readonly _ofStack = new Map<number, number>()

  /**
   * @param owner Name of the allocator, for reports.
   * @param textOf Text of a stack.
   * Throws ERR_OFFHEAP_UNSUPPORTED where a process cannot tell why it ends, ERR_OFFHEAP_LIBRARY_NOT_FOUND.
   */
  constructor(
    owner: string,
    private readonly _textOf: (stack: number) => string,
  ) {
    this._native = loadAddon().native.guard
    if (!this._native.supported) {
      throw new OffheapError(
        'UNSUPPORTED',
        `${owner} cannot guard blocks on this system: only POSIX systems tell a process where it ` +
          `touched what it must not`,
      )
    }
    this._owner = this._register(owner)
  }

  /** 0: no more addresses, memory or mappings, or an alignment above that of a page. */
  alloc(size: number, align: number, fresh: number, stack: number): Pointer {
    return this._native.alloc(size, align, fresh, this._owner, this._stack(stack))
  }

  free(ptr: Pointer, stack: number): void {
    this._native.free(ptr, this._stack(stack))
  }

  release(ptr: Pointer): void {
    this._native.release(ptr)
  }

  check(ptr: Pointer): GuardDamage | null {
    return this._native.check(ptr)
  }

  private _stack(stack: number): number {
    if (stack === 0) return 0
    let text = this._ofStack.get(stack)
    if (text === undefined) {
      text = this._register(this._textOf(stack))
      this._ofStack.set(stack, text)
    }
    return text
  }

  private _register(text: string): number {
    let known = texts.get(text)
    if (known === undefined) texts.set(text, (known = this._native.text(text)))
    return known
  }
}
