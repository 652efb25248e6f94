(module
  (func (export "f") (param v128 i32) (result v128)
    (i8x16.shr_s (i64x2.shl (local.get 0) (local.get 1)) (local.get 1))))
