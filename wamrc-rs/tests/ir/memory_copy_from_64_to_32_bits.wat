(module
  (memory 1) (memory i64 1)
  (func (export "f") (param i32 i64 i32)
    (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 2))))
