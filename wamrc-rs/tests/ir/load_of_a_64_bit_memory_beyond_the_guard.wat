(module
  (memory i64 1)
  (func (export "f") (param i64) (result i32)
    (i32.load offset=4294967293 (local.get 0))))
