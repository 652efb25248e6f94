(module
  (func (export "f") (param v128 v128) (result v128)
    (i32x4.add (local.get 0) (i16x8.sub (local.get 0) (local.get 1)))))
