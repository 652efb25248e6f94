;;! target=aarch64-unknown-linux-gnu
(module
  (func (export "f") (param v128) (result i32)
    (i32.add (i8x16.all_true (local.get 0)) (v128.any_true (local.get 0)))))
