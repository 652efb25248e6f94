;;! call-stack
(module
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "f") (param i32) (result i32)
    (call $g (local.get 0))))
