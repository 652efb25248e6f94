(module
  (elem declare func $g)
  (func $g)
  (func (export "f") (result i32) (i32.add (ref.is_null (ref.func $g)) (ref.is_null (ref.null extern)))))
