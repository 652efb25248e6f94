;;! frames
(module
  (import "env" "g" (func $g))
  (func (export "f") (param i32 v128 i64) (result v128 i64)
    (i8x16.neg (local.get 1))
    (call $g)
    (v128.xor (local.get 1))
    (local.get 2)))
