;;! opt
(module
  (func (export "f") (result i32)
    (call 0)))
