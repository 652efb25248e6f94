;; Deep operand stacks of all types, under calls, loops with parameters and branches with values.
(module
  (import "env" "show" (func $f0 (param i32) (result i32)))
  (import "env" "many" (func $f1 (param i32 f32) (result i32 i64 f32 f64 funcref externref)))
  (export "f0" (func $f0))
  (export "f1" (func $f1))
  (func (export "all_types") (param i32) (result f64)
    (local f64)
    (call $f1 (local.get 0) (f32.const 1.25))
    (call $f1 (call $f0 (i32.const 3)) (f32.const -0))
    (drop (call $f0 (i32.const 4)))
    drop
    drop
    drop
    drop
    drop
    (drop (call $f0))
    (drop (call $f0 (i32.const 5)))
    drop
    drop
    (f64.add (f64.const 1))
    (drop (call $f0 (i32.const 6)))
    local.tee 1
    drop
    drop
    drop
    drop
    (local.get 1))
  (func (export "loop_parameters") (param i32) (result i64)
    (local i64 i32)
    (f32.const 9.5)
    (i32.const 2)
    (i64.const 3)
    (loop (param i32 i64) (result i64)
      (drop (call $f0 (i32.const 20)))
      (i64.add (i64.extend_i32_u (call $f0 (local.get 0))))
      (local.set 1)
      (i32.add (i32.const 1))
      (local.tee 2)
      (local.get 1)
      (br_if 0 (i32.lt_u (local.get 2) (i32.const 6)))
      (local.set 1)
      (drop)
      (local.get 1))
    (drop (call $f0 (i32.const 21)))
    (local.set 1)
    (drop)
    (local.get 1)))
