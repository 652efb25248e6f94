(module
  (func (export "f") (param f64) (result f64)
    (f64.nearest (local.get 0))))
