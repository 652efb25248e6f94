;; The first load traps. What code generation makes of it, an index that is a part of what was loaded, is where the load is, not in
;; the function that was inlined ahead of it.
(module
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func $inlined (param i32)
    (global.set $g (i32.add (global.get $g) (local.get 0))))
  (func (export "masked") (param i32) (result f32)
    (call $inlined (local.get 0))
    (f32.load (i32.and (i32.load offset=44 (i32.const -2)) (i32.const 0xfff))))
  (func (export "byte") (param i32) (result f32)
    (call $inlined (local.get 0))
    (f32.load (i32.xor (i32.shr_u (i32.load8_u offset=44 (i32.const -2)) (i32.const 3)) (i32.const 5))))
  (func (export "used twice") (param i32) (result i32) (local i32)
    (call $inlined (local.get 0))
    (local.set 1 (i32.and (i32.load offset=44 (i32.const -2)) (i32.const 0xfff)))
    (i32.add (i32.load (local.get 1)) (i32.mul (local.get 1) (local.get 0)))))
