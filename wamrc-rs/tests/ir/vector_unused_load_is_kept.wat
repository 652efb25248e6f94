(module
  (memory 1)
  (func (export "f") (param i32)
    (drop (i32x4.extract_lane 0 (v128.load32x2_s (local.get 0))))))
