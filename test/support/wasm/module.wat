;; A module as a C compiler makes one that has no heap of its own: data and stack below __heap_base,
;; everything behind it for whoever allocates. It reads and writes what JS allocated there.
(module
  (memory (export "memory") 1 40)
  (global (export "__heap_base") i32 (i32.const 1056))
  (data (i32.const 1040) "the module's own")

  ;; The sum of `count` numbers of 32 bits from `ptr` on.
  (func (export "sum") (param $ptr i32) (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $ptr))))
        (local.set $ptr (i32.add (local.get $ptr) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  ;; Sets `size` bytes from `ptr` on.
  (func (export "fill") (param $ptr i32) (param $size i32) (param $byte i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (i32.store8 (local.get $ptr) (local.get $byte))
        (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next))))

  ;; struct node { int value; struct node *next; }: the sum of the values up to NULL.
  (func $walk (export "walk") (param $node i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $node)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $node))))
        (local.set $node (i32.load offset=4 (local.get $node)))
        (br $next)))
    (local.get $sum))

  ;; Turns such a list around, and returns the new first node.
  (func (export "reverse") (param $node i32) (result i32)
    (local $before i32) (local $next i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $node)))
        (local.set $next (i32.load offset=4 (local.get $node)))
        (i32.store offset=4 (local.get $node) (local.get $before))
        (local.set $before (local.get $node))
        (local.set $node (local.get $next))
        (br $again)))
    (local.get $before))

  ;; memory.grow by itself: the pages that there were, -1 if it cannot.
  (func (export "grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages))))
