(module
  (memory 1)
  (func (export "f") (param i32)
    (drop (i32.add (i32.const 1) (i32.load (local.get 0))))))
