;;! mapped
;; A trap shows the operands that the instruction would have taken.
(module
  (func (export "g") (param $a i32) (param $b i32) (result i32)
    (i32.div_u (local.get $a) (local.get $b))))
