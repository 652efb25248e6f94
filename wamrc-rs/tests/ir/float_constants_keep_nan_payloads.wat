(module
  (func (export "f") (result f32)
    (f32.const nan:0x200001)))
