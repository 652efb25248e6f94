;; Rings of tail calls between functions of none, two and twenty parameters, with three results: by name, through a
;; table, by reference, across instances, and to the host.

(module $ring
  (type $r0 (func (result i64 f64 i32)))
  (type $r2 (func (param i64 i64) (result i64 f64 i32)))
  (type $r20 (func (param i64 f64 i32 f32 funcref externref i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 i64) (result i64 f64 i32)))
  (global $how (export "how") (mut i32) (i32.const 0))
  (global $n (mut i64) (i64.const 0))
  (global $acc (mut i64) (i64.const 0))
  (table $t (export "table") 5 funcref)
  (elem (table $t) (i32.const 0) func $f0 $f2 $f20)

  (func $f0 (export "f0") (type $r0)
    (if (i64.eqz (global.get $n)) (then (return (global.get $acc) (f64.const 1.5) (i32.const 7))))
    (if (i32.eq (global.get $how) (i32.const 0)) (then (return_call $f2 (i64.sub (global.get $n) (i64.const 1)) (i64.add (global.get $acc) (i64.const 1)))))
    (if (i32.eq (global.get $how) (i32.const 1)) (then (return_call_indirect (type $r2) (i64.sub (global.get $n) (i64.const 1)) (i64.add (global.get $acc) (i64.const 1)) (i32.const 1))))
    (return_call_ref $r2 (i64.sub (global.get $n) (i64.const 1)) (i64.add (global.get $acc) (i64.const 1)) (ref.func $f2)))

  (func $f2 (export "f2") (type $r2)
    (if (i64.eqz (local.get 0)) (then (return (local.get 1) (f64.const 1.5) (i32.const 7))))
    (if (i32.eq (global.get $how) (i32.const 0)) (then (return_call $f20 (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (ref.func $f0) (ref.null extern) (i64.const 7) (f64.const 8) (i32.const 9) (f32.const 10) (i64.const 11) (f64.const 12) (i32.const 13) (f32.const 14) (i64.const 15) (f64.const 16) (i32.const 17) (f32.const 18) (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)))))
    (if (i32.eq (global.get $how) (i32.const 1)) (then (return_call_indirect (type $r20) (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (ref.func $f0) (ref.null extern) (i64.const 7) (f64.const 8) (i32.const 9) (f32.const 10) (i64.const 11) (f64.const 12) (i32.const 13) (f32.const 14) (i64.const 15) (f64.const 16) (i32.const 17) (f32.const 18) (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)) (i32.const 2))))
    (return_call_ref $r20 (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (ref.func $f0) (ref.null extern) (i64.const 7) (f64.const 8) (i32.const 9) (f32.const 10) (i64.const 11) (f64.const 12) (i32.const 13) (f32.const 14) (i64.const 15) (f64.const 16) (i32.const 17) (f32.const 18) (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)) (ref.func $f20)))

  (func $f20 (export "f20") (type $r20)
    (if (i64.ne (local.get 0) (i64.const 1)) (then unreachable))
    (if (f64.ne (local.get 1) (f64.const 2)) (then unreachable))
    (if (i32.ne (local.get 2) (i32.const 3)) (then unreachable))
    (if (f32.ne (local.get 3) (f32.const 4)) (then unreachable))
    (if (ref.is_null (local.get 4)) (then unreachable))
    (if (i32.eqz (ref.is_null (local.get 5))) (then unreachable))
    (if (i64.ne (local.get 6) (i64.const 7)) (then unreachable))
    (if (f64.ne (local.get 7) (f64.const 8)) (then unreachable))
    (if (i32.ne (local.get 8) (i32.const 9)) (then unreachable))
    (if (f32.ne (local.get 9) (f32.const 10)) (then unreachable))
    (if (i64.ne (local.get 10) (i64.const 11)) (then unreachable))
    (if (f64.ne (local.get 11) (f64.const 12)) (then unreachable))
    (if (i32.ne (local.get 12) (i32.const 13)) (then unreachable))
    (if (f32.ne (local.get 13) (f32.const 14)) (then unreachable))
    (if (i64.ne (local.get 14) (i64.const 15)) (then unreachable))
    (if (f64.ne (local.get 15) (f64.const 16)) (then unreachable))
    (if (i32.ne (local.get 16) (i32.const 17)) (then unreachable))
    (if (f32.ne (local.get 17) (f32.const 18)) (then unreachable))
    (global.set $n (i64.sub (local.get 18) (i64.const 1)))
    (global.set $acc (i64.add (local.get 19) (i64.const 1)))
    (if (i64.eqz (local.get 18)) (then (return (local.get 19) (f64.const 1.5) (i32.const 7))))
    ;; A fourth way, through another instance.
    (if (i32.eq (global.get $how) (i32.const 3))
      (then (return_call_indirect (type $r2) (global.get $n) (global.get $acc) (i32.const 3))))
    (if (i32.eq (global.get $how) (i32.const 0)) (then (return_call $f0 )))
    (if (i32.eq (global.get $how) (i32.const 1)) (then (return_call_indirect (type $r0)  (i32.const 0))))
    (return_call_ref $r0  (ref.func $f0)))

  (func (export "run") (param $h i32) (param $rounds i64) (result i64 f64 i32)
    (global.set $how (local.get $h))
    (call $f2 (local.get $rounds) (i64.const 0)))

  ;; Ordinary calls of the same functions.
  (func (export "sum") (param $rounds i64) (result i64)
    (global.set $how (i32.const 1))
    (call $f20 (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (ref.func $f0) (ref.null extern) (i64.const 7) (f64.const 8) (i32.const 9) (f32.const 10) (i64.const 11) (f64.const 12) (i32.const 13) (f32.const 14) (i64.const 15) (f64.const 16) (i32.const 17) (f32.const 18) (local.get $rounds) (i64.const 0))
    drop drop)
)

(assert_return (invoke "run" (i32.const 0) (i64.const 300000)) (i64.const 300000) (f64.const 1.5) (i32.const 7))
(assert_return (invoke "run" (i32.const 1) (i64.const 300000)) (i64.const 300000) (f64.const 1.5) (i32.const 7))
(assert_return (invoke "run" (i32.const 2) (i64.const 300000)) (i64.const 300000) (f64.const 1.5) (i32.const 7))
(assert_return (invoke "sum" (i64.const 1000)) (i64.const 1000))
(register "ring")

(module $other
  (type $r2 (func (param i64 i64) (result i64 f64 i32)))
  (type $r20 (func (param i64 f64 i32 f32 funcref externref i64 f64 i32 f32 i64 f64 i32 f32 i64 f64 i32 f32 i64 i64) (result i64 f64 i32)))
  (import "ring" "table" (table 5 funcref))
  (import "ring" "f0" (func $f0 (result i64 f64 i32)))
  (import "ring" "f20" (func $f20 (type $r20)))
  (elem (i32.const 3) func $g)
  (elem declare func $f0)
  (func $g (type $r2)
    (if (i64.eqz (local.get 0)) (then (return (local.get 1) (f64.const 1.5) (i32.const 7))))
    (return_call $f20 (i64.const 1) (f64.const 2) (i32.const 3) (f32.const 4) (ref.func $f0) (ref.null extern) (i64.const 7) (f64.const 8) (i32.const 9) (f32.const 10) (i64.const 11) (f64.const 12) (i32.const 13) (f32.const 14) (i64.const 15) (f64.const 16) (i32.const 17) (f32.const 18)
      (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1)))))

(assert_return (invoke $ring "run" (i32.const 3) (i64.const 300000)) (i64.const 300000) (f64.const 1.5) (i32.const 7))

;; The host takes the place of a function.
(module
  (type $print (func (param i32 f32)))
  (import "spectest" "print_i32_f32" (func $print (type $print)))
  (table funcref (elem $print))
  (func $caller (param i64)
    (return_call $print (i32.wrap_i64 (local.get 0)) (f32.const 2)))
  (func (export "direct") (param i64) (result i32) (call $caller (local.get 0)) (i32.const 1))
  (func (export "indirect") (param i64)
    (return_call_indirect (type $print) (i32.wrap_i64 (local.get 0)) (f32.const 2) (i32.const 0)))
  (func (export "ref") (param i64)
    (return_call_ref $print (i32.wrap_i64 (local.get 0)) (f32.const 2) (ref.func $print))))

(assert_return (invoke "direct" (i64.const 5)) (i32.const 1))
(assert_return (invoke "indirect" (i64.const 5)))
(assert_return (invoke "ref" (i64.const 5)))

;; Traps come before the caller's place is given up.
(module
  (type $t (func (result i32)))
  (type $u (func (param i32) (result i32)))
  (table 2 funcref)
  (func $u (type $u) (local.get 0))
  (elem (i32.const 1) func $u)
  (func (export "indirect") (param i32) (result i32)
    (return_call_indirect (type $t) (local.get 0)))
  (func (export "ref") (result i32)
    (return_call_ref $t (ref.null $t))))

(assert_trap (invoke "indirect" (i32.const 0)) "uninitialized element")
(assert_trap (invoke "indirect" (i32.const 1)) "indirect call type mismatch")
(assert_trap (invoke "indirect" (i32.const 2)) "undefined element")
(assert_trap (invoke "ref") "null function reference")
