;;! asm
(module
  (func $sum (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $sum (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (local.get 0))))
  (func (export "sum") (param i64) (result i64)
    (call $sum (local.get 0) (i64.const 0))))
