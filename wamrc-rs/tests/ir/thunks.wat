;;! thunks
(module
  (import "m" "g" (func (param i32 f64) (result i32 i64)))
  (export "g" (func 0)))
