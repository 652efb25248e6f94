(module
  (func (export "f") (param v128) (result v128)
    (i8x16.swizzle (local.get 0) (v128.const i8x16 15 16 0 255 14 1 17 2 128 3 0 0 4 4 5 31))))
