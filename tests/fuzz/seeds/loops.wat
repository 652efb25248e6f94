;; Loops, recursion and inlined calls, for polls and for what frames show.
(module $loops
  (memory 1 2)
  (func $leaf (param i32 f32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (unreachable))
      (else (i32.add (local.get 0) (i32.trunc_f32_u (local.get 1))))))
  (func $sum (export "sum") (param $n i32) (result i64)
    (local $total i64) (local $f f32)
    (loop $again
      (local.set $f (f32.add (local.get $f) (f32.const 0.5)))
      (local.set $total
        (i64.add (local.get $total)
          (i64.extend_i32_s (call $leaf (local.get $n) (local.get $f)))))
      (i32.store8 (local.get $n) (i32.const 1))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $total))
  (func (export "grow") (param externref i32) (result externref)
    (if (i32.lt_s (memory.grow (local.get 1)) (i32.const 0))
      (then (drop (call $sum (i32.const 3)))))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 9))
    (local.get 0)))
