;;! mapped
;; A call carries its site and the values that are read after it; dead ones are left out.
(module
  (import "" "f" (func $f (param i32) (result i32)))
  (func (export "g") (param $dead i64) (param $a i32) (param $b f32) (param $c f64) (param $r funcref) (result i32 f64)
    local.get $a
    (call $f (i32.const 7))
    i32.add
    local.get $b
    f64.promote_f32
    local.get $c
    f64.add
    (drop (ref.is_null (local.get $r)))))
