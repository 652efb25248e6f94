(module
  (func (export "f") (param i32) (result i32)
    (@metadata.code.branch_hint "\01")
    (if (result i32) (local.get 0)
      (then (i32.const 1))
      (else
        (block
          (@metadata.code.branch_hint "\00")
          (br_if 0 (local.get 0)))
        (i32.const 2)))))
