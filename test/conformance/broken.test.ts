/**
 * The suite can fail: the reference allocator, broken on purpose in one place each, is caught by the
 * check that is there for it. Every check catches at least one.
 */
import { describe, expect, test } from 'vitest'
import { checkConformance, checks, runCheck, type Subject } from '../../lib/conformance/index.js'
import { type Allocation, type AllocatorStats, NullAllocator, Region } from '../../lib/index.js'
import { anyOrder, type Live, lifo, pool, ReferenceAllocator } from './reference.js'

interface Broken {
  readonly what: string
  /** The check that is there for it. */
  readonly caughtBy: string
  readonly subject: Subject
}

type Maker = new (...args: ConstructorParameters<typeof ReferenceAllocator>) => ReferenceAllocator

const any = (make: Maker): Subject => ({ ...anyOrder, make: () => new make() })

const BROKEN: readonly Broken[] = [
  {
    what: 'a block that grows loses its last byte',
    caughtBy: '100 small blocks stay intact while another grows to 20,000 bytes and shrinks to 0',
    subject: any(
      class extends ReferenceAllocator {
        override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
          const moved = super.rawRemap(ptr, size, align, newSize)
          const kept = Math.min(size, newSize)
          if (moved !== 0 && kept > 0) this.view(moved, kept)[kept - 1] = 0
          return moved
        }
        override rawResize(): boolean {
          return false
        }
      },
    ),
  },
  {
    what: 'addresses are off by the alignment that they should have',
    caughtBy: 'addresses are aligned after alloc and after each realloc, 1 to 64',
    subject: any(
      class extends ReferenceAllocator {
        override rawAlloc(size: number, align: number): number {
          return super.rawAlloc(size, align === 64 ? 8 : align)
        }
        protected override place(size: number, align: number): number {
          const ptr = super.place(size, align)
          return ptr === 0 || align !== 8 ? ptr : ptr + 8
        }
      },
    ),
  },
  {
    what: 'alignments above 1024 are taken for 1024',
    caughtBy: 'addresses are aligned to half a page, or the alignment is refused',
    subject: any(
      class extends ReferenceAllocator {
        protected override place(size: number, align: number): number {
          const ptr = super.place(size, Math.min(align, 1024))
          return align > 1024 && ptr !== 0 ? ptr + 1024 : ptr
        }
      },
    ),
  },
  {
    what: 'realloc to a larger alignment does not copy',
    caughtBy: 'a block that shrinks to a larger alignment keeps its bytes',
    subject: any(
      class extends ReferenceAllocator {
        override view(ptr: number, size: number): Uint8Array {
          return size === 4096 + 25 && this.live.length > 1
            ? super.view(ptr, size).slice()
            : super.view(ptr, size)
        }
      },
    ),
  },
  {
    what: 'realloc forgets the larger alignment',
    caughtBy: 'realloc to a larger alignment grants it and keeps the bytes',
    subject: any(
      class extends ReferenceAllocator {
        override realloc(a: Allocation, layout: number): Allocation {
          return super.realloc(a, typeof layout === 'number' ? layout : sizeIn(layout))
        }
      },
    ),
  },
  {
    what: 'blocks overlap by a byte',
    caughtBy: 'random blocks keep their own pattern through resizes, until they are freed',
    subject: any(
      class extends ReferenceAllocator {
        protected override room(size: number): number {
          return size > 90 && size < 5000 ? size - 1 : super.room(size)
        }
        protected override place(size: number, align: number): number {
          return super.place(size > 90 && size < 5000 ? size - 1 : size, align)
        }
      },
    ),
  },
  {
    what: 'remap does not copy',
    caughtBy: 'random blocks keep their own pattern through resizes, until they are freed',
    subject: any(
      class extends ReferenceAllocator {
        protected override copy(): void {}
      },
    ),
  },
  {
    what: 'resize grows over the next block',
    caughtBy: 'random blocks keep their own pattern through resizes, until they are freed',
    subject: any(
      class extends ReferenceAllocator {
        protected override roomAt(block: Live): number {
          return Math.min(5000, this.end - block.ptr)
        }
      },
    ),
  },
  {
    what: 'resize says that it did what it cannot',
    caughtBy: 'resize in place leaves the address and the other blocks alone',
    subject: any(
      class extends ReferenceAllocator {
        protected override roomAt(): number {
          return Infinity
        }
      },
    ),
  },
  {
    what: 'allocZeroed does not clear',
    caughtBy: 'allocZeroed clears memory that was used before',
    subject: any(
      class extends ReferenceAllocator {
        override allocZeroed(layout: number, align?: number): Allocation {
          return this.alloc(layout, align)
        }
      },
    ),
  },
  {
    what: 'empty blocks share an address',
    caughtBy: 'a block of 0 bytes has an address of its own',
    subject: any(
      class extends ReferenceAllocator {
        protected override room(size: number): number {
          return size
        }
      },
    ),
  },
  {
    what: 'out of memory is an exception on the raw tier',
    caughtBy: 'out of memory is a value below and an error above, and over once blocks are freed',
    subject: any(
      class extends ReferenceAllocator {
        protected override place(size: number, align: number): number {
          const ptr = super.place(size, align)
          if (ptr === 0) throw new RangeError('no memory')
          return ptr
        }
      },
    ),
  },
  {
    what: 'a realloc that fails has freed the block',
    caughtBy: 'a realloc that fails leaves the block as it was',
    subject: any(
      class extends ReferenceAllocator {
        override rawRemap(ptr: number, size: number, align: number, newSize: number): number {
          const moved = super.rawRemap(ptr, size, align, newSize)
          if (moved === 0) this.rawFree(ptr, size, align)
          return moved
        }
      },
    ),
  },
  {
    what: 'there is less than it says',
    caughtBy: 'the largest block can be allocated, and not a byte more',
    subject: { ...anyOrder, largest: anyOrder.largest + 1 },
  },
  {
    what: 'there is more than it says',
    caughtBy: 'the largest block can be allocated, and not a byte more',
    subject: { ...anyOrder, exact: false, largest: anyOrder.largest - 1 },
  },
  {
    what: 'bytes are lost between blocks',
    caughtBy: 'blocks fill the capacity to the byte',
    subject: any(
      class extends ReferenceAllocator {
        protected override place(size: number, align: number): number {
          return super.place(size, Math.max(align, 2))
        }
      },
    ),
  },
  {
    what: 'small blocks take less room than large ones',
    caughtBy: 'blocks of one size all have the same room',
    subject: { ...pool, make: anyOrder.make },
  },
  {
    what: 'neighbouring holes stay apart',
    caughtBy: 'what is freed in any order becomes one again',
    subject: any(
      class extends ReferenceAllocator {
        private taken = 0
        /** Larger blocks only where none has ever been. */
        protected override place(size: number, align: number): number {
          const ptr = super.place(size, align)
          if (size > 10_000 && ptr !== 0 && ptr < this.taken) return 0
          this.taken = Math.max(this.taken, ptr + size)
          return ptr
        }
      },
    ),
  },
  {
    what: 'used counts what is asked for in vain',
    caughtBy: 'stats add up at every step',
    subject: any(
      class extends ReferenceAllocator {
        override rawAlloc(size: number, align: number): number {
          const ptr = super.rawAlloc(size, align)
          if (ptr === 0) this.count(size)
          return ptr
        }
      },
    ),
  },
  {
    what: 'an allocator without memory has figures',
    caughtBy: 'stats of an allocator without memory are 0',
    subject: {
      name: 'a broken NullAllocator',
      make: () =>
        new (class extends NullAllocator {
          override stats(): AllocatorStats {
            return { ...super.stats(), capacity: Infinity }
          }
        })(),
      largest: 0,
      maxAlign: 0,
    },
  },
  {
    what: 'sizes are not checked',
    caughtBy: 'what is no layout is refused and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        protected override checkLayout(): void {}
      },
    ),
  },
  {
    what: 'a free of a wild pointer is ignored',
    caughtBy: 'what is no pointer of its own is refused and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        override rawFree(ptr: number, size: number, align: number): void {
          if (this.live.some((block) => block.ptr === ptr)) super.rawFree(ptr, size, align)
        }
      },
    ),
  },
  {
    what: 'views are clipped instead of refused',
    caughtBy: 'a view reaches its own memory only',
    subject: any(
      class extends ReferenceAllocator {
        override view(ptr: number, size: number): Uint8Array {
          return super.view(ptr, Number.isSafeInteger(size) ? Math.min(size, 64) : size)
        }
      },
    ),
  },
  {
    what: 'owns throws',
    caughtBy: 'owns answers for anything and never throws',
    subject: any(
      class extends ReferenceAllocator {
        override owns(ptr: number): boolean {
          return super.owns(+ptr)
        }
      },
    ),
  },
  {
    what: 'a handle can be freed twice',
    caughtBy: 'the handle of a freed block is of no use',
    subject: any(
      class extends ReferenceAllocator {
        override free(a: Allocation): void {
          if (!a.freed) super.free(a)
        }
      },
    ),
  },
  {
    what: 'a second raw free is not noticed',
    caughtBy: 'a second raw free is found and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        override rawFree(ptr: number, size: number, align: number): void {
          if (!this.freed.has(ptr)) super.rawFree(ptr, size, align)
        }
      },
    ),
  },
  {
    what: 'a second raw free is noticed and counted nevertheless',
    caughtBy: 'a second raw free is found and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        override rawFree(ptr: number, size: number, align: number): void {
          if (this.freed.has(ptr)) this.count(-size)
          super.rawFree(ptr, size, align)
        }
      },
    ),
  },
  {
    what: 'sizes are known to 16 bytes only',
    caughtBy: 'a wrong size is found and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        protected override find(ptr: number, size: number, align: number): Live {
          const block = this.live.find((one) => one.ptr === ptr)
          const near = block !== undefined && block.size >> 4 === size >> 4
          return super.find(ptr, near ? block.size : size, align)
        }
      },
    ),
  },
  {
    what: 'addresses are rounded down to blocks',
    caughtBy: 'an address that is no block of its own is found and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        protected override find(ptr: number, size: number, align: number): Live {
          const block = this.live.find((one) => one.ptr <= ptr && ptr < one.ptr + one.size)
          return super.find(ptr % 8 === 0 ? (block?.ptr ?? ptr) : ptr, size, align)
        }
      },
    ),
  },
  {
    what: 'a block is said to have an alignment that it does not have',
    caughtBy: 'an address that is no block of its own is found and changes nothing',
    subject: any(
      class extends ReferenceAllocator {
        protected override find(ptr: number, size: number, align: number): Live {
          return super.find(ptr, size, align > 8 ? 8 : align)
        }
      },
    ),
  },
  {
    what: 'the order does not matter to it',
    caughtBy: 'a free out of order is refused and changes nothing',
    subject: { ...lifo, make: anyOrder.make },
  },
]

const sizeIn = (layout: unknown): number => (layout as { size: number }).size

describe('is caught', () => {
  test.each(BROKEN)('$what', ({ subject, caughtBy }) => {
    const named = checks.find(({ about }) => about === caughtBy)!
    expect(named.appliesTo(subject)).toBe(true)
    expect(() => runCheck(named, subject)).toThrow(`${subject.name}: ${caughtBy}: `)
    const first = errorOf(() => checkConformance(subject))
    expect(first.cause).toBeInstanceOf(Error)
    const failed = checks.filter(({ about }) => first.message.includes(`: ${about}: `))
    expect(failed).toHaveLength(1)
    expect(checks.indexOf(failed[0]!)).toBeLessThanOrEqual(checks.indexOf(named))
  })

  test('by every check', () => {
    const catching = new Set(BROKEN.map(({ caughtBy }) => caughtBy))
    expect([...catching].toSorted()).toEqual(checks.map(({ about }) => about).toSorted())
  })
})

describe('around the checks', () => {
  const [check] = checks

  test('bytes that stay in use are found', () => {
    class Leaky extends ReferenceAllocator {
      override stats(): AllocatorStats {
        const figures = super.stats()
        return { ...figures, used: figures.used + (figures.peak > 0 ? 1 : 0) }
      }
    }
    const subject = { ...anyOrder, make: () => new Leaky() }
    expect(() => runCheck(check!, subject)).toThrow('bytes in use')
  })

  test('an allocator that cannot be disposed is found, and hides no other failure', () => {
    class Stuck extends ReferenceAllocator {
      override dispose(): void {
        super.dispose()
        throw new Error('stuck')
      }
    }
    const subject = { ...anyOrder, make: () => new Stuck() }
    expect(() => runCheck(check!, subject)).toThrow(/0: stuck$/)
    const small = { ...subject, make: () => new Stuck({}, Region.malloc(10)) }
    expect(() => runCheck(check!, small)).toThrow(/out of memory.*; then stuck$/)
  })

  test('what make throws is passed on', () => {
    const subject: Subject = {
      ...anyOrder,
      make: () => {
        throw new Error('no memory today')
      },
    }
    const error = errorOf(() => checkConformance(subject))
    expect(error.message).toBe(`${anyOrder.name}: ${check!.about}: no memory today`)
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['no name', { ...anyOrder, name: undefined }],
    ['no make', { ...anyOrder, make: {} }],
    ['no largest', { ...anyOrder, largest: '5' }],
    ['a largest that is no number', { ...anyOrder, largest: NaN }],
    ['a small maxAlign', { ...anyOrder, maxAlign: 8 }],
    ['an odd maxAlign', { ...anyOrder, maxAlign: 24 }],
    ['another blockSize', { ...anyOrder, blockSize: 64 }],
  ])('a subject with %s is refused', (_, subject) => {
    const code = 'ERR_OFFHEAP_INVALID_ARGUMENT'
    expect(() => checkConformance(subject as Subject)).toThrow(expect.objectContaining({ code }))
    expect(() => runCheck(check!, subject as Subject)).toThrow(expect.objectContaining({ code }))
  })

  test('what is no check is refused', () => {
    for (const none of [undefined, null, {}, 'a']) {
      expect(() => runCheck(none as never, anyOrder)).toThrow(
        expect.objectContaining({ code: 'ERR_OFFHEAP_INVALID_ARGUMENT' }),
      )
    }
  })
})

function errorOf(run: () => void): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
