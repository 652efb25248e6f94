;;! mapped
(module
  (import "env" "g" (func $g))
  (func (export "f") (param v128 i32) (result v128)
    (i8x16.splat (local.get 1))
    (call $g)
    (call $g)
    (local.set 0 (i8x16.neg (local.get 0)))
    (call $g)
    (i8x16.add (local.get 0))))
