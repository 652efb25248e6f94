(module
  (func (export "f") (param v128) (result v128)
    (f32x4.add (local.get 0) (v128.const f32x4 1 2 nan:0x200000 -4))))
