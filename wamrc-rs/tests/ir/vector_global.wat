(module
  (global $constant v128 (v128.const i64x2 1 2))
  (global $variable (mut v128) (v128.const i64x2 0 0))
  (func (export "f")
    (global.set $variable (v128.xor (global.get $constant) (global.get $variable)))))
