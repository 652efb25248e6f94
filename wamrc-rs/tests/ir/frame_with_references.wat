;;! frames
(module
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "f") (param externref i32)
    (drop (call $g (local.get 1)))))
