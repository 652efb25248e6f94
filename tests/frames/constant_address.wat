;; A function whose first access is at a constant address beyond the memory's end, and is inlined.
(module
  (import "env" "show" (func $f0 (param i32) (result i32)))
  (memory 1 1)
  (export "f0" (func $f0))
  (func $load (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (export "load") (param i32 i64) (result i32)
    (i32.const 5)
    (call $load (i32.const 65533))
    i32.add
    (i32.wrap_i64 (local.get 1))
    i32.add))
