(module
  (memory 1)
  (func (export "f") (param i32 i64)
    (i64.store8 (local.get 0) (local.get 1))))
