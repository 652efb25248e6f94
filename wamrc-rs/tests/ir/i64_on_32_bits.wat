;;! target=riscv32 asm
(module
  (func (export "f") (param i64) (result i64)
    (i64.add (local.get 0) (i64.const 1))))
