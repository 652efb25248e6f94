;;! thunks
(module
  (func (export "f") (param i32 v128) (result v128 v128)
    (local.get 1) (i32x4.splat (local.get 0))))
