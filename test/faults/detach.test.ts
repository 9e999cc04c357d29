// What protects memory when somebody else takes, copies or locks the ArrayBuffer of a region.

import { describe, expect, test } from 'vitest'
import { facts, runtime } from './support/child.js'

const KINDS = ['malloc', 'pages', 'bump']
const here = import.meta.url

describe.runIf(runtime.transfer)('transfer() of region.buffer', () => {
  interface Moved {
    disposed: Record<string, unknown>
    forgotten: Record<string, unknown>
  }

  test('the moved buffer keeps its bytes after dispose and a gc, and frees them when collected', async () => {
    const seen = await facts<Record<string, Moved>>(here, 'fixtures/transfer.mjs')
    for (const kind of KINDS) {
      expect(seen[kind]!.disposed, kind).toEqual({
        staleLength: 0,
        useAfterMove: 'ERR_OFFHEAP_DISPOSED',
        dispose: 'none',
        disposeAgain: 'none',
        disposed: true,
        allocatedWhileHeld: true,
        bytesKept: true,
        allocatedAfterwards: false,
      })
    }
  })

  test('without dispose too, memory lives as long as the moved buffer and no longer', async () => {
    const seen = await facts<Record<string, Moved>>(here, 'fixtures/transfer.mjs')
    for (const kind of KINDS) {
      expect(seen[kind]!.forgotten, kind).toEqual({
        allocatedWhileHeld: true,
        allocatedAfterwards: false,
      })
    }
  })

  test('moving on, to another length and to nothing, neither leaks nor frees twice', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/transfer-resized.mjs')
    for (const kind of KINDS) {
      expect(seen[kind], kind).toEqual({
        length: 1 << 16,
        dispose: 'none',
        kept: true,
        allocatedAfterwards: false,
      })
    }
  })

  test('a borrowed block is not handed to free() while a moved buffer shows it', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/borrow-transfer.mjs')
    expect(seen).toEqual({ dispose: 'none', freed: 0, allocated: true, kept: true })
  })
})

describe('structuredClone and postMessage', () => {
  interface Sent {
    error: string
    moved: boolean
    dispose: string
    detached: boolean
    readable: boolean | null
    freedRight: boolean
  }

  test('without a transfer list the receiver has a copy that outlives dispose', async () => {
    const seen = await facts<Record<string, Sent>>(here, 'fixtures/clone.mjs')
    for (const kind of KINDS) {
      for (const way of ['clone', 'post']) {
        const copied = {
          error: 'none',
          moved: false,
          dispose: 'none',
          detached: true,
          readable: true,
          freedRight: true,
        }
        expect(seen[`${kind} ${way}`], `${kind} ${way}`).toEqual(copied)
      }
    }
  })

  test('with one the memory is moved or copied, never freed under the receiver', async () => {
    const seen = await facts<Record<string, Sent>>(here, 'fixtures/clone.mjs')
    for (const kind of KINDS) {
      for (const way of ['cloneWithTransfer', 'postWithTransfer']) {
        const sent = seen[`${kind} ${way}`]!
        // From 22 on the buffer of a region is one that V8 moved, which can be transferred; Node 20
        // shows its own, which it copies silently.
        const moved = runtime.transfer
        const expected = {
          error: 'none',
          moved,
          dispose: 'none',
          detached: true,
          readable: true,
          freedRight: true,
        }
        expect(sent, `${kind} ${way}`).toEqual(expected)
      }
    }
  })
})

describe('markAsUntransferable', () => {
  interface Marked {
    dispose: string
    consistent: boolean
  }
  // From Node 24 on the mark forbids detaching; before, it is only looked at by postMessage.
  const refused = runtime.major >= 24 ? 'ERR_OFFHEAP_PINNED' : 'none'

  test.each(['main', 'worker', 'worker-terminate'])(
    'dispose is refused where the runtime forbids detaching, and the process ends well: %s',
    async (where) => {
      const seen = await facts<Record<string, Marked>>(here, 'fixtures/untransferable.mjs', {
        args: [where],
      })
      for (const kind of [...KINDS, 'block']) {
        expect(seen[kind], kind).toEqual({ dispose: refused, consistent: true })
      }
    },
  )
})

describe('a replaced ArrayBuffer.prototype.transfer', () => {
  test('a polyfill of Node 20 does not come between a region and its memory', async () => {
    const seen = await facts<Record<string, unknown>>(here, 'fixtures/polyfill.mjs')
    for (const kind of KINDS) {
      expect(seen[kind], kind).toEqual({ shownThere: true, dispose: 'none', length: 0 })
    }
  })
})
