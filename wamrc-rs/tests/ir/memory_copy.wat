(module
  (memory 1)
  (func (export "f") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))))
