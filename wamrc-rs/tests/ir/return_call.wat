;; The callee gets the caller's results pointer, and takes its place.
(module
  (func $a (param i32) (result i64 f64)
    (return_call $b (f32.const 1) (i64.const 2)))
  (func $b (param f32 i64) (result i64 f64)
    (i64.const 3) (f64.const 4)))
