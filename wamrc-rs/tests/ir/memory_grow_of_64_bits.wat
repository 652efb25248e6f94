(module
  (memory i64 1)
  (func (export "f") (param i64) (result i64)
    (memory.grow (local.get 0))))
