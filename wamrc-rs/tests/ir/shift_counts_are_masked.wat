(module
  (func (export "f") (param i32 i32) (result i32)
    (i32.shr_u (i32.shl (local.get 0) (local.get 1)) (local.get 1))))
