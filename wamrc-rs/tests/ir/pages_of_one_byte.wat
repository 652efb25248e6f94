(module
  (memory 100 (pagesize 1))
  (func (export "f") (param i32) (result i32)
    (i32.add (memory.size) (i32.load offset=8 (local.get 0)))))
