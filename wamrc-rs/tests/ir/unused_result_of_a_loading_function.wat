(module
  (memory 1)
  (func $g (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "f") (drop (call $g (i32.const -1)))))
