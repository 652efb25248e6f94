;;! asm
(module
  (memory i64 1)
  (func (export "f") (param i64) (result i32)
    (i32.load (local.get 0))
    (i32.add (i32.load offset=8 (local.get 0)))
    (i32.add (i32.load offset=16 (local.get 0)))))
