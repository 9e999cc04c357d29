;; A memory with 64-bit offsets, and a heap base to go with it.
(module
  (memory (export "memory") i64 1 40)
  (global (export "__heap_base") i64 (i64.const 1024))
  (func (export "store") (param $ptr i64) (param $value i32)
    (i32.store (local.get $ptr) (local.get $value)))
  (func (export "load") (param $ptr i64) (result i32)
    (i32.load (local.get $ptr)))
  (func (export "grow") (param $pages i64) (result i64)
    (memory.grow (local.get $pages))))
