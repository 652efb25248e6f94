(module
  (import "m" "g" (global $g (mut i64)))
  (func (export "f") (result i64)
    (global.get $g)))
