;;! target=riscv32 abi=ilp32
(module
  (func (export "f") (param f32) (result f64)
    (f64.promote_f32 (local.get 0))))
