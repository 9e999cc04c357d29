// Blocks that a WebAssembly module works on. The module has no heap of its own: JavaScript allocates in
// its memory, from where its data ends, and both grow that memory as they please.
//   npm install wabt
//   node examples/wasm-module.mjs

import { BumpAllocator, Layout, Region } from 'offheap'
import wabt from 'wabt'

// struct point { float x, y; }; the module scales `count` of them.
const source = `(module
  (memory (export "memory") 1)
  (global (export "__heap_base") i32 (i32.const 1024))
  (func (export "scale") (param $p i32) (param $count i32) (param $by f32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (f32.store (local.get $p) (f32.mul (f32.load (local.get $p)) (local.get $by)))
        (f32.store offset=4
          (local.get $p) (f32.mul (f32.load offset=4 (local.get $p)) (local.get $by)))
        (local.set $p (i32.add (local.get $p) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))`

const { parseWat } = await wabt()
const { buffer: binary } = parseWat('scale.wat', source).toBinary({})
const { instance } = await WebAssembly.instantiate(binary)
const { memory, __heap_base: start, scale, grow } = instance.exports

const heap = new BumpAllocator(Region.wasm(memory, { start }))
const Point = Layout.struct({ x: Layout.f32, y: Layout.f32 })

const points = heap.alloc(Layout.array(Point, 3))
points.as(Float32Array).set([1, 2, 3, 4, 5, 6])
scale(points.ptr, 3, 10) // `ptr` is an offset into the memory, as the module has them
console.log(points.ptr, ...points.as(Float32Array)) // prints 1024 10 20 30 40 50 60

// The module grows its memory, and the old buffer with all of its views is gone. The handle is not.
const view = points.bytes
grow()
console.log(view.length, points.bytes.length) // prints 0 24

// The heap grows it when it runs out of room.
const before = memory.buffer.byteLength
const many = heap.alloc(Layout.array(Point, 100_000))
console.log(memory.buffer.byteLength > before) // prints true
many.as(Float32Array).fill(0.5)
scale(many.ptr, 100_000, 4)
console.log(many.as(Float32Array)[199_999], points.as(Float32Array)[0]) // prints 2 10

heap.reset() // frees all blocks; the memory stays as long as it is
