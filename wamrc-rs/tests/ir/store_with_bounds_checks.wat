;;! bounds-checks
(module
  (memory 1)
  (func (export "f") (param i32 f64)
    (f64.store offset=0xffffffff (local.get 0) (local.get 1))))
