;; An access of which only a part is used traps for the rest, too.
(module
  (memory 1)
  (func (export "overwritten") (param i32) (result v128)
    (i8x16.shuffle 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
      (v128.load (local.get 0)) (v128.const i64x2 3 4)))
  (func (export "one-lane") (param i32) (result i64) (i64x2.extract_lane 0 (v128.load (local.get 0)))))

(assert_return (invoke "overwritten" (i32.const 65520)) (v128.const i64x2 3 4))
(assert_return (invoke "one-lane" (i32.const 65520)) (i64.const 0))
(assert_trap (invoke "overwritten" (i32.const 65521)) "out of bounds memory access")
(assert_trap (invoke "one-lane" (i32.const 65521)) "out of bounds memory access")
