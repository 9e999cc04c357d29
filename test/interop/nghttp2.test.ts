/** nghttp2: a client's session and a header table, by address and by a real round of headers. */
import { BumpAllocator, SlabAllocator } from '../../lib/index.js'
import { nghttp2Adapter } from '../../lib/interop/index.js'
import koffi from 'koffi'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const NO_MEMORY = -901

describeLibrary('libnghttp2.so.14', 'libnghttp2-14', (nghttp2) => {
  const newCallbacks = nghttp2.func('int nghttp2_session_callbacks_new(_Out_ void **)')
  const deleteCallbacks = nghttp2.func('void nghttp2_session_callbacks_del(void *)')
  const newClient = nghttp2.func(
    'int nghttp2_session_client_new3(_Out_ void **, void *callbacks, void *user, void *option, void *mem)',
  )
  const deleteSession = nghttp2.func('void nghttp2_session_del(void *)')
  const ping = nghttp2.func('int nghttp2_submit_ping(void *, uint8_t flags, void *opaque)')
  const send = nghttp2.func('intptr_t nghttp2_session_mem_send(void *, _Out_ void **)')
  koffi.struct('nghttp2_nv', {
    name: 'const char *',
    value: 'const char *',
    namelen: 'size_t',
    valuelen: 'size_t',
    flags: 'uint8_t',
  })
  const newDeflater = nghttp2.func(
    'int nghttp2_hd_deflate_new2(_Out_ void **, size_t table, void *mem)',
  )
  const deleteDeflater = nghttp2.func('void nghttp2_hd_deflate_del(void *)')
  const deflateHeaders = nghttp2.func(
    'intptr_t nghttp2_hd_deflate_hd(void *, _Out_ uint8_t *, size_t size, nghttp2_nv *, size_t count)',
  )

  function withCallbacks(action: (callbacks: unknown) => void): void {
    const callbacks = [null]
    expect(newCallbacks(callbacks)).toBe(0)
    action(callbacks[0])
    deleteCallbacks(callbacks[0])
  }

  it('has a session whose blocks are all counted and freed', () =>
    withCallbacks((callbacks) => {
      using heap = new SlabAllocator({ reserve: 2 ** 22 })
      using adapter = nghttp2Adapter(heap)
      const session = [null]
      expect(newClient(session, callbacks, null, null, adapter.address)).toBe(0)
      expect(adapter.stats().blocks).toBeGreaterThan(3)
      const idle = adapter.stats().blocks
      for (let i = 0; i < 10; i++) expect(ping(session[0], 0, null)).toBe(0)
      expect(adapter.stats().blocks).toBeGreaterThan(idle)
      const out = [null]
      let sent = 0
      for (;;) {
        const bytes = Number(send(session[0], out))
        if (bytes <= 0) break
        sent += bytes
      }
      expect(sent).toBe(24 + 10 * 17) // the preface, and ten frames of 9 + 8 bytes
      expect(adapter.stats().bytes).toBeGreaterThanOrEqual(heap.stats().used)
      deleteSession(session[0])
      expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
      expect(heap.stats().used).toBe(0)
    }))

  it('compresses headers out of a bump arena, whose reset frees all', () => {
    using arena = new BumpAllocator(2 ** 20)
    using adapter = nghttp2Adapter(arena)
    const header = (name: string, value: string) => {
      return { name, value, namelen: name.length, valuelen: value.length, flags: 0 }
    }
    const headers = [header(':method', 'GET'), header('x-request-id', '0123456789'.repeat(5))]
    for (let i = 0; i < 10; i++) {
      const deflater = [null]
      expect(newDeflater(deflater, 4096, adapter.address)).toBe(0)
      const sizes = [1, 2].map(() =>
        Number(deflateHeaders(deflater[0], new Uint8Array(1000), 1000, headers, 2)),
      )
      expect(sizes[0]).toBeGreaterThan(40)
      expect(sizes[1]).toBe(2) // the second time both are in the table, which our heap holds
      expect(adapter.stats().blocks).toBeGreaterThan(1)
      if (i % 2 === 0) deleteDeflater(deflater[0])
      else arena.reset()
      if (i % 2 !== 0) adapter.forget()
      expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: 0 })
    }
  })

  it('says that memory is out', () =>
    withCallbacks((callbacks) => {
      using arena = new BumpAllocator(1024)
      using adapter = nghttp2Adapter(arena)
      const session = [null]
      expect(newClient(session, callbacks, null, null, adapter.address)).toBe(NO_MEMORY)
      expect(adapter.stats().blocks).toBe(0)
      expect(adapter.stats().failures).toBe(1)
    }))
})
