(module
  (func (export "f") (param v128) (result v128) (local v128)
    (local.set 1 (v128.const f32x4 1 1 1 1))
    (f64x2.div (f32x4.mul (local.get 0) (local.get 1)) (f64x2.splat (f64.const 1)))))
