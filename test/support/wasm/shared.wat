;; Works in a shared memory that it is given.
(module
  (import "env" "memory" (memory 1 40 shared))
  (func (export "store") (param $ptr i32) (param $value i32)
    (i32.atomic.store (local.get $ptr) (local.get $value)))
  (func (export "load") (param $ptr i32) (result i32)
    (i32.atomic.load (local.get $ptr)))
  (func (export "grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages))))
