(module
  (func $g (result i32 i64 f32) (i32.const 1) (i64.const 2) (f32.const 3))
  (func (export "f") (result i64) (local i64) (call $g) (drop) (local.set 0) (drop) (local.get 0))
)
