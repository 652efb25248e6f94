;;! bounds-checks
(module
  (memory 1)
  (func (export "f") (param i32 v128)
    (v128.store64_lane offset=16 1 (local.get 0) (local.get 1))))
