(module
  (memory 1)
  (func (export "f") (param i32) (result i64)
    (i64.load16_s (local.get 0))))
