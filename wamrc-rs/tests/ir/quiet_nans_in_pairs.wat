;;! asm
(module (memory 1)
  (func (export "f") (param i32 i32)
    (local f32 f32)
    (local.set 2 (f32.mul (f32.load (local.get 0)) (f32.const 1)))
    (local.set 3 (f32.mul (f32.load offset=4 (local.get 0)) (f32.const 1)))
    (f32.store (local.get 1) (local.get 2))
    (f32.store offset=4 (local.get 1) (local.get 3))))
