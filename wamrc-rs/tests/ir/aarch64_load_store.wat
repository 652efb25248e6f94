;;! target=aarch64 asm
(module
  (memory 1)
  (func (export "f") (param i32)
    (i32.store offset=4 (local.get 0) (i32.load (local.get 0)))))
