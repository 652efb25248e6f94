(module
  (func (export "f") (param f64 f64) (result f64)
    (f64.min (f64.max (local.get 0) (local.get 1)) (local.get 1))))
