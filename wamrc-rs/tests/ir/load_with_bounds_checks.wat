;;! bounds-checks
(module
  (memory 1)
  (func (export "f") (param i32) (result i32)
    (i32.load offset=8 (local.get 0))))
