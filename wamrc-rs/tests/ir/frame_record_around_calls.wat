;;! frames
(module
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "f") (param i32) (result i32)
    (i32.add (call $g (local.get 0)) (call $g (i32.const 2)))))
