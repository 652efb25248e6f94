;; A load that LLVM makes another one of while it chooses instructions: the new one has no location.
(module
  (memory 1)
  (global $g (mut i64) (i64.const 9))
  (global $n (mut i32) (i32.const 5))
  (export "f0" (func $f))
  (func $f (export "f") (param i32) (result i64)
    (if (i32.le_s (global.get $n) (i32.const 0)) (then (return (i64.const 0))))
    (global.set $n (i32.sub (global.get $n) (i32.const 1)))
    (global.get $g)
    (i64.load32_u offset=40 (i32.const -1))
    (i64.and (i64.const 0x7fff))
    (i64.or (i64.const 1))
    (i64.rem_s)))
