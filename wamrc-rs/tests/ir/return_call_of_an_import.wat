(module
  (func $f (import "" "f") (param i32 f64))
  (func (param f64)
    (return_call $f (i32.const 1) (local.get 0))))
