(module
  (memory 1)
  (func (export "f") (param i32) (result v128)
    (v128.load32_lane offset=8 3 (local.get 0)
      (i8x16.add (v128.load16x4_u (local.get 0)) (v128.load8_splat (local.get 0))))))
