(module
  (memory 1) (memory i64 1)
  (func (export "f") (param i64)
    (i32.store 1 (local.get 0) (i32.load 0 (i32.const 4)))))
