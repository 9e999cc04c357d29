// A short tour of everything public, as a plain script: on every Node that is supported, with the addon
// of either build, and under AddressSanitizer (so nothing here looks at RSS). A line a check, counts last.
//   node test/runtimes/smoke.mjs [the built index.js; dist/index.js by default]

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import {
  isMainThread,
  markAsUntransferable,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads'
import { strategyChecks } from './strategies.mjs'

const entry = isMainThread ? process.argv[2] : workerData.entry
const library = entry ? pathToFileURL(entry) : new URL('../../dist/index.js', import.meta.url)
const offheap = await import(library.href)
const { Allocation, Allocator, BumpAllocator, Layout, Region } = offheap
const { cAllocator, nullAllocator, pageAllocator, rawCAllocator } = offheap

/** Can the memory of an ArrayBuffer be moved (Node 22 and later)? */
const movable = 'transfer' in ArrayBuffer.prototype
const bytesOf = (region) => new Uint8Array(region.buffer, region.byteOffset, region.byteLength)
const throwsCode = (action, name) => assert.throws(action, { code: `ERR_OFFHEAP_${name}` })

function fill(bytes, seed) {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + seed) & 0xff
  return bytes
}

function assertHolds(bytes, seed, length = bytes.length) {
  assert.ok(length > 0 && bytes.length >= length)
  for (let i = 0; i < length; i++) assert.equal(bytes[i], (i * 7 + seed) & 0xff)
}

const regions = {
  malloc: () => Region.malloc(10_000),
  'malloc, aligned': () => Region.malloc(10_000, { align: 65_536 }),
  pages: () => Region.pages(10_000),
  'pages, guarded and named': () =>
    Region.pages(10_000, { guard: true, hugePages: true, name: 'smoke' }),
  shared: () => Region.shared(10_000),
  'from a buffer': () => Region.from(new ArrayBuffer(10_000)),
  'from a view': () => Region.from(new Uint8Array(10_016).subarray(16)),
}

/** Everything that each allocator has in common. */
function tour(allocator) {
  const before = allocator.stats().used
  const block = allocator.alloc(100)
  assert.ok(block instanceof Allocation && block.ptr % 16 === 0 && block.size === 100)
  assert.equal(block.address, BigInt(block.ptr))
  assert.ok(allocator.owns(block.ptr))
  fill(block.bytes, 1)
  assertHolds(block.buffer, 1)
  assert.equal(block.as(Float64Array).length, 12)
  assert.equal(block.resize(99), true)
  assertHolds(block.bytes, 1)
  allocator.realloc(block, 3000)
  assertHolds(block.bytes, 1, 99)
  block.free()
  throwsCode(() => block.bytes, 'USE_AFTER_FREE')
  throwsCode(() => block.free(), 'DOUBLE_FREE')

  const zeroed = allocator.allocZeroed(new Layout(64, 8))
  assert.ok(zeroed.bytes.every((byte) => byte === 0))
  const text = allocator.dupeZ('naïve')
  assert.deepEqual([...text.bytes.subarray(-2)], [0x65, 0])
  const copy = allocator.dupe(Uint8Array.of(1, 2, 3))
  assert.deepEqual([...allocator.view(copy.ptr, 3)], [1, 2, 3])
  const ptr = allocator.rawAlloc(24, 8)
  assert.notEqual(ptr, 0)
  allocator.rawFree(ptr, 24, 8)
  for (const handle of [copy, text, zeroed]) handle[Symbol.dispose]()
  throwsCode(() => allocator.alloc(-1), 'INVALID_LAYOUT')
  throwsCode(() => allocator.alloc(8, 3), 'INVALID_LAYOUT')
  throwsCode(() => allocator.alloc(2 ** 53 - 1), 'OUT_OF_MEMORY')
  assert.equal(allocator.tryAlloc(2 ** 53 - 1), null)
  throwsCode(() => allocator.view(NaN, 1), 'INVALID_POINTER')
  return before
}

/** One that a user wrote. */
class Forwarding extends Allocator {}
for (const name of ['rawAlloc', 'rawResize', 'rawRemap', 'rawFree']) {
  Forwarding.prototype[name] = (...args) => cAllocator[name](...args)
}

const checks = {}

for (const [name, make] of Object.entries(regions)) {
  checks[`Region: ${name}`] = () => {
    const region = make()
    assert.equal(Region.from(bytesOf(region)).address, region.address)
    const bytes = fill(bytesOf(region), 3)
    assertHolds(bytesOf(region), 3)
    const pin = region.pin()
    throwsCode(() => region.dispose(), 'PINNED')
    pin[Symbol.dispose]()
    region.dispose()
    region.dispose()
    const lets = ['shared', 'view'].includes(region.kind)
    assert.equal(bytes.length, lets ? 10_000 : 0)
    throwsCode(() => region.buffer, 'DISPOSED')
  }
  checks[`BumpAllocator over Region: ${name}`] = () => {
    const region = make()
    const bump = new BumpAllocator(region)
    tour(bump)
    bump.dispose()
    region.dispose()
    throwsCode(() => bump.alloc(8), 'DISPOSED')
  }
}

checks['Region.malloc: alignments'] = () => {
  for (let align = 1; align <= 1 << 21; align *= 2) {
    const region = Region.malloc(100, { align })
    assert.equal(region.address % align, 0)
    region.dispose()
  }
}

checks['Region.borrow'] = () => {
  const ptr = cAllocator.rawAlloc(1000, 16)
  const freed = []
  const region = Region.borrow(BigInt(ptr), 1000, {
    owner: {},
    free: (address) => freed.push(address),
  })
  fill(bytesOf(region), 4)
  const bytes = bytesOf(region)
  region.dispose()
  assert.deepEqual([bytes.length, freed], [0, [ptr]])
  assertHolds(cAllocator.view(ptr, 1000), 4)
  cAllocator.rawFree(ptr, 1000, 16)
}

checks['Region: structuredClone with a transfer list and without'] = async () => {
  for (const make of [regions.malloc, regions.pages]) {
    const region = make()
    fill(bytesOf(region), 5)
    const copy = structuredClone(region.buffer)
    const { buffer } = region
    const moved = structuredClone(buffer, { transfer: [buffer] })
    region.dispose()
    await new Promise((resolve) => setImmediate(resolve))
    assertHolds(new Uint8Array(copy), 5)
    assertHolds(new Uint8Array(moved), 5)
  }
}

checks['Region: markAsUntransferable'] = () => {
  const region = Region.malloc(100)
  markAsUntransferable(region.buffer)
  const bytes = fill(bytesOf(region), 6)
  try {
    region.dispose()
    assert.equal(bytes.length, 0)
  } catch (error) {
    assert.equal(error.code, 'ERR_OFFHEAP_PINNED')
    assertHolds(bytes, 6)
  }
}

checks['BumpAllocator: capacity, reset, checkpoints'] = () => {
  const bump = new BumpAllocator(4096)
  tour(bump)
  bump.reset()
  assert.deepEqual([bump.totalAllocated, bump.remaining], [0, 4096])
  const kept = bump.alloc(100)
  const mark = bump.checkpoint()
  const gone = bump.alloc(100)
  assert.ok(bump.isLast(gone.ptr, 100) && !bump.isLast(kept.ptr, 100))
  bump.rewind(mark)
  assert.deepEqual([kept.freed, gone.freed], [false, true])
  throwsCode(() => bump.rewind(mark), 'OUT_OF_ORDER')
  while (bump.tryAlloc(64)) continue
  throwsCode(() => bump.alloc(64), 'OUT_OF_MEMORY')
  bump.reset()
  assert.ok(kept.freed)
  bump.dispose()
}

Object.assign(checks, strategyChecks({ offheap, tour, fill, assertHolds, throwsCode }))

for (const allocator of [cAllocator, rawCAllocator, pageAllocator, new Forwarding(cAllocator)]) {
  checks[allocator.name] = () => {
    assert.equal(tour(allocator), allocator.stats().used)
    const ptr = allocator.rawAlloc(1000, 16)
    const bytes = fill(allocator.view(ptr, 1000), 8)
    throwsCode(() => allocator.rawFree(ptr + 16, 16, 16), 'INVALID_POINTER')
    allocator.rawFree(ptr, 1000, 16)
    assert.equal(bytes.length, 0)
    throwsCode(() => allocator.rawFree(ptr, 1000, 16), 'DOUBLE_FREE')
    const large = allocator.rawAlloc(1 << 20, 16)
    const moved = allocator.rawRemap(large, 1 << 20, 16, 1 << 22)
    allocator.rawFree(moved === 0 ? large : moved, moved === 0 ? 1 << 20 : 1 << 22, 16)
  }
}

checks['cAllocator: its own methods'] = () => {
  const ptr = cAllocator.rawAlloc(1000, 4096)
  assert.equal(ptr % 4096, 0)
  assert.ok(cAllocator.usableSize(ptr) >= 1000)
  cAllocator.rawFree(ptr, 1000, 4096)
  assert.equal(typeof cAllocator.trim(), 'boolean')
  assert.ok(cAllocator.info() === null || cAllocator.info().inUse >= 0)
}

checks['pageAllocator: its own methods'] = () => {
  const { pageSize } = pageAllocator
  const pages = pageAllocator.alloc(4 * pageSize)
  pages.bytes.fill(1)
  assert.equal(pageAllocator.decommit(pages.ptr, 0, 2 * pageSize), 2 * pageSize)
  assert.deepEqual([pages.bytes[0], pages.bytes[2 * pageSize]], [0, 1])
  pages.free()
}

checks.nullAllocator = () => {
  throwsCode(() => nullAllocator.alloc(1), 'OUT_OF_MEMORY')
  assert.equal(nullAllocator.rawAlloc(1, 1), 0)
  throwsCode(() => nullAllocator.rawFree(16, 1, 1), 'INVALID_POINTER')
  assert.ok(nullAllocator.isNull(nullAllocator) && !nullAllocator.isNull(cAllocator))
}

checks.Layout = () => {
  const point = Layout.struct({ tag: Layout.u8, x: Layout.f64, y: Layout.f32 })
  assert.deepEqual([point.size, point.align, point.offsets.x, point.offsets.y], [24, 8, 8, 16])
  assert.equal(Layout.array(point, 3).size, 72)
  throwsCode(() => Layout.array(point, 2 ** 53 - 1), 'INVALID_LAYOUT')
}

checks.errors = () => {
  const { DoubleFreeError, OutOfMemoryError, UseAfterFreeError } = offheap
  assert.throws(() => nullAllocator.alloc(7), OutOfMemoryError)
  const block = cAllocator.alloc(1)
  block.free()
  assert.throws(() => block.free(), DoubleFreeError)
  assert.throws(() => block.ptr, UseAfterFreeError)
}

for (const way of ['exit', 'terminate']) {
  checks[`a worker with live regions: ${way}`] = async () => {
    const shared = Region.shared(1000)
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { entry, way, shared: shared.buffer },
    })
    const ended = once(worker, 'exit')
    const [message] = await once(worker, 'message')
    if (way === 'terminate') await worker.terminate()
    await ended
    assertHolds(message, 9)
    assertHolds(bytesOf(shared), 10)
    shared.dispose()
  }
}

checks['many regions, disposed or left to the end of the process'] = async () => {
  globalThis.kept = []
  for (let i = 0; i < 300; i++) {
    const region = i % 2 ? Region.malloc(5000) : Region.pages(5000)
    fill(bytesOf(region), i)
    if (i % 3 === 0) region.dispose()
    else if (i % 3 === 1) globalThis.kept.push(region)
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What the workers do: leave memory in every state, and hand some of it over. */
function work() {
  const sent = Region.malloc(1000)
  fill(bytesOf(sent), 9)
  fill(bytesOf(Region.from(workerData.shared)), 10)
  const pinned = Region.malloc(1000)
  const block = cAllocator.allocZeroed(1000)
  globalThis.kept = [Region.pages(1000), new BumpAllocator(1000), block, pinned, pinned.pin()]
  Region.malloc(1000).dispose()
  parentPort.postMessage(bytesOf(sent), movable ? [sent.buffer] : [])
  if (workerData.way === 'terminate') setInterval(() => {}, 1000)
}

async function main() {
  const counts = { passed: 0, failed: 0 }
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check()
      counts.passed++
      console.log(`ok ${name}`)
    } catch (error) {
      counts.failed++
      console.log(`FAILED ${name}\n${error.stack}`)
    }
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  if (counts.failed > 0) process.exitCode = 1
}

if (isMainThread) await main()
else work()
