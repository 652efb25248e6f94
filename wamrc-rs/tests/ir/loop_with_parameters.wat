(module
  (func (export "f") (param i32) (result i32)
    (local.get 0)
    (loop $l (param i32) (result i32)
      (i32.sub (i32.const 1))
      (local.tee 0) (local.get 0) (br_if $l))))
