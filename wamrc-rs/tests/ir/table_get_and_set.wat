(module
  (table (export "t") 4 externref)
  (func (export "f") (param i32) (table.set (local.get 0) (table.get (i32.const 0)))))
