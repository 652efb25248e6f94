;;! bounds-checks
(module
  (memory i64 1)
  (func (export "f") (param i64) (result i32)
    (i32.load offset=8 (local.get 0)) ;; within the memory's first size
    (i32.add (i32.load offset=65536 (local.get 0))) ;; beyond it
    (i32.add (i32.load offset=0xffffffffffffffff (local.get 0))))) ;; in no memory
