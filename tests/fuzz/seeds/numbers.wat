;; Constants in memory, jump tables, rounding, divisions that trap, conversions.
(module $numbers
  (memory 1)
  (func (export "floats") (param f64 f32) (result f64)
    (f64.add
      (f64.mul (f64.floor (local.get 0)) (f64.const 0x1.921fb54442d18p+1))
      (f64.promote_f32 (f32.min (f32.nearest (local.get 1)) (f32.const 1.25)))))
  (func (export "choose") (param i32 i32) (result i32)
    (block $a (block $b (block $c (block $d (block $e
      (br_table $a $b $c $d $e $a $c (local.get 0)))
      (return (i32.div_s (i32.const 100) (local.get 1))))
      (return (i32.rem_u (i32.const 100) (local.get 1))))
      (return (i32.load offset=8 (local.get 1))))
      (return (i32.trunc_f64_s (f64.convert_i32_u (local.get 1)))))
    (unreachable))
  (func (export "wide") (param i64 i64) (result i64)
    (i64.sub (i64.popcnt (local.get 0)) (i64.rotl (local.get 1) (i64.const 7)))))
