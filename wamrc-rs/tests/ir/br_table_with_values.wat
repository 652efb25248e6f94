(module
  (func (export "f") (param i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (br_table $a $b $a $b (i32.const 7) (local.get 0)))
      (i32.add (i32.const 1)))))
