;;! strict-traps
(module
  (memory 1)
  (table 1 funcref)
  (global $g (mut i32) (i32.const 0))
  (func (export "global") (param i32)
    (global.set $g (local.get 0)))
  (func (export "table") (param i32)
    (table.set (local.get 0) (ref.null func))))
