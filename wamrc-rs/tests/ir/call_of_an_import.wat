(module
  (import "m" "g" (func $g (param i32) (result i64)))
  (func (export "f") (result i64) (call $g (i32.const 1))))
