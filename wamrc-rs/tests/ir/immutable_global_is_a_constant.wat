(module
  (global $g i32 (i32.const 42))
  (func (export "f") (result i32)
    (global.get $g)))
