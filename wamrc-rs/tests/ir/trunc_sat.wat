(module
  (func (export "f") (param f64) (result i32)
    (i32.trunc_sat_f64_u (local.get 0))))
