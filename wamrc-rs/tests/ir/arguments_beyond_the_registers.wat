;;! thunks
;; In memory where the function may be called through a reference, on the stack where it is only called.
(module
  (func $referable (export "f") (param i32 i32 i32 i32 i32 i32 f64) (result i32)
    (local.get 5))
  (func $private (param i32 i32 i32 i32 i32 i32 f64) (result i32)
    (local.get 5))
  (func (param i32) (result i32)
    (i32.add
      (call $referable (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (local.get 0) (f64.const 7))
      (call $private (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (local.get 0) (f64.const 7)))))
