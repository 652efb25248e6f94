;;! frames
(module
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "f") (param i32 i32)
    (drop (call $g (i32.const 1)))
    (if (local.get 0) (then (local.set 1 (i32.const 9))))
    (drop (call $g (i32.const 2)))))
