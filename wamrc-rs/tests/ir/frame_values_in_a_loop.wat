;;! frames
(module
  (import "m" "g" (func $g (param i32) (result i32)))
  (func (export "f") (param i32 i32)
    (drop (call $g (i32.const 1)))
    (loop $l
      (drop (call $g (i32.const 2)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
