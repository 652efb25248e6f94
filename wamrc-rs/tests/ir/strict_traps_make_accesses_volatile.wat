;;! strict-traps
(module
  (memory 1)
  (func (export "f") (param i32 i32)
    (i32.store (local.get 0) (i32.load (local.get 1)))))
