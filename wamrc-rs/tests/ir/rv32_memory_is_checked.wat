;;! target=riscv32
(module
  (memory 1)
  (func (export "f") (param i32) (result i64)
    (i64.load offset=8 (local.get 0))))
