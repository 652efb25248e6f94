;; Loops that are vectorised, unrolled or strip-mined, with frames before and behind them.
(module
  (import "env" "show" (func $f0 (param i32) (result i32)))
  (memory 2)
  (export "f0" (func $f0))
  (func $sum (param $n i32) (result i32)
    (local $s i32)
    (loop
      (local.set $s (i32.add (local.get $s) (i32.load (i32.shl (local.get $n) (i32.const 2)))))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func $fill (param $n i32)
    (loop
      (i32.store (i32.shl (local.get $n) (i32.const 2)) (local.get $n))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "run") (param i32) (result i32)
    (local $sum i32)
    (call $fill (i32.const 10000))
    (drop (call $f0 (i32.const 1)))
    (i32.const 42)
    (local.set $sum (call $sum (i32.const 9000)))
    (drop (call $f0 (local.get $sum)))
    (call $sum (i32.const 16000))
    i32.add
    (local.set 0)
    (loop
      (drop (call $f0 (local.get 0)))
      (local.set 0 (i32.shr_u (local.get 0) (i32.const 8)))
      (br_if 0 (local.get 0)))
    (local.get $sum))
  (func (export "trap_in_loop") (param i32) (result i32)
    (i32.const 6)
    (call $sum (i32.const 40000))
    i32.add))
