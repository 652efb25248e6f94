;;! target=riscv64 asm
(module
  (func (export "f") (param f32) (result f32)
    (f32.nearest (local.get 0)))
  (func (export "g") (param f64) (result f64)
    (f64.floor (local.get 0))))
