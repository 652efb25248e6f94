(module
  (table i64 1 externref)
  (func (export "f") (param i64) (result externref)
    (table.get (local.get 0)))
  (func (export "g") (param i64) (result i64)
    (table.grow (ref.null extern) (local.get 0))))
