;; Small functions in each other: every one has a frame of its own, with its own locals and operands.
(module
  (import "env" "show" (func $f0 (param i32) (result i32)))
  (import "env" "show2" (func $f1 (param f64 i64) (result i64 f32)))
  (export "f0" (func $f0))
  (export "f1" (func $f1))
  (func $a (param i32) (result i32)
    (local $dead i64)
    (local.set $dead (i64.const 5))
    (i32.add (call $f0 (local.get 0)) (i32.const 1)))
  (func $b (param i32 f64) (result i32)
    (local $x i64) (local $y f32)
    (call $f1 (local.get 1) (i64.extend_i32_s (local.get 0)))
    local.set $y
    local.set $x
    (i32.wrap_i64 (local.get $x))
    (call $a (i32.add (local.get 0) (i32.const 10)))
    i32.add
    (i32.trunc_sat_f32_s (local.get $y))
    i32.xor)
  (func $c (param i32) (result i32)
    (local $i i32)
    (local.set $i (i32.const 3))
    (loop
      (call $b (local.get $i) (f64.convert_i32_s (local.get 0)))
      (call $a (local.get $i))
      i32.add
      local.set 0
      (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get 0))
  (func (export "run") (param i32) (result i32)
    (i32.const 1000)
    (call $c (local.get 0))
    (call $c (i32.const 4))
    i32.sub
    i32.add))
