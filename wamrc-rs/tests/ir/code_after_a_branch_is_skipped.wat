(module
  (func (export "f") (result i32)
    (block (result i32) (br 0 (i32.const 1)) (unreachable) (i32.const 2))))
