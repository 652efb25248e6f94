;;! target=riscv32
(module
  (table i64 1 externref)
  (func (export "f") (param i64) (result externref)
    (table.get (local.get 0))))
