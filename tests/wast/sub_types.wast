;; Declared sub types of functions: what calls through tables, imports, casts and null references make of them.

;; A call through a table takes a function of a sub type.

(module $M
  (type $t0 (sub (func (param i32) (result i32))))
  (type $t1 (sub $t0 (func (param i32) (result i32))))
  (type $t2 (sub final $t1 (func (param i32) (result i32))))
  ;; Without the group it would be the same as $t1.
  (rec (type $side (sub $t0 (func (param i32) (result i32)))) (type (func)))
  (type $plain (func (param i32) (result i32)))
  (func $f0 (export "f0") (type $t0) (i32.add (local.get 0) (i32.const 0)))
  (func $f1 (export "f1") (type $t1) (i32.add (local.get 0) (i32.const 10)))
  (func $f2 (export "f2") (type $t2) (i32.add (local.get 0) (i32.const 20)))
  (func $side (export "side") (type $side) (i32.add (local.get 0) (i32.const 30)))
  (func $plain (export "plain") (type $plain) (i32.add (local.get 0) (i32.const 40)))
  (table (export "table") funcref (elem $f0 $f1 $f2 $side $plain))
  (func (export "call0") (param i32) (result i32)
    (call_indirect (type $t0) (i32.const 1) (local.get 0)))
  (func (export "call1") (param i32) (result i32)
    (call_indirect (type $t1) (i32.const 1) (local.get 0)))
  (func (export "call2") (param i32) (result i32)
    (call_indirect (type $t2) (i32.const 1) (local.get 0)))
  (func (export "call-plain") (param i32) (result i32)
    (call_indirect (type $plain) (i32.const 1) (local.get 0)))
  (func (export "tail0") (param i32) (result i32)
    (return_call_indirect (type $t0) (i32.const 1) (local.get 0)))
  (func (export "tail1") (param i32) (result i32)
    (return_call_indirect (type $t1) (i32.const 1) (local.get 0))))
(register "M" $M)

(assert_return (invoke "call0" (i32.const 0)) (i32.const 1))
(assert_return (invoke "call0" (i32.const 1)) (i32.const 11))
(assert_return (invoke "call0" (i32.const 2)) (i32.const 21))
(assert_return (invoke "call0" (i32.const 3)) (i32.const 31))
(assert_trap (invoke "call0" (i32.const 4)) "indirect call type mismatch")
(assert_trap (invoke "call1" (i32.const 0)) "indirect call type mismatch")
(assert_return (invoke "call1" (i32.const 1)) (i32.const 11))
(assert_return (invoke "call1" (i32.const 2)) (i32.const 21))
(assert_trap (invoke "call1" (i32.const 3)) "indirect call type mismatch")
(assert_trap (invoke "call2" (i32.const 0)) "indirect call type mismatch")
(assert_trap (invoke "call2" (i32.const 1)) "indirect call type mismatch")
(assert_return (invoke "call2" (i32.const 2)) (i32.const 21))
(assert_trap (invoke "call2" (i32.const 3)) "indirect call type mismatch")
(assert_trap (invoke "call-plain" (i32.const 0)) "indirect call type mismatch")
(assert_trap (invoke "call-plain" (i32.const 2)) "indirect call type mismatch")
(assert_return (invoke "call-plain" (i32.const 4)) (i32.const 41))
(assert_trap (invoke "call0" (i32.const 5)) "undefined element")
(assert_return (invoke "tail0" (i32.const 2)) (i32.const 21))
(assert_trap (invoke "tail0" (i32.const 4)) "indirect call type mismatch")
(assert_return (invoke "tail1" (i32.const 1)) (i32.const 11))
(assert_trap (invoke "tail1" (i32.const 3)) "indirect call type mismatch")

;; The same in a module that knows fewer of the types, and others beside.

(module
  (type $other (sub (func)))
  (type $t0 (sub (func (param i32) (result i32))))
  (type $t1 (sub $t0 (func (param i32) (result i32))))
  (type $mine (sub $t1 (func (param i32) (result i32))))
  (import "M" "table" (table 5 funcref))
  (import "M" "f2" (func $f2 (type $t0)))
  (import "M" "f2" (func (type $t1)))
  (import "M" "side" (func (type $t0)))
  (func (export "call0") (param i32) (result i32)
    (call_indirect (type $t0) (i32.const 1) (local.get 0)))
  (func (export "call1") (param i32) (result i32)
    (call_indirect (type $t1) (i32.const 1) (local.get 0)))
  (func (export "call-mine") (param i32) (result i32)
    (call_indirect (type $mine) (i32.const 1) (local.get 0)))
  (func (export "import") (result i32) (call $f2 (i32.const 2)))
  (func $mine (type $mine) (i32.const 99))
  (elem declare func $mine)
  (func (export "put") (table.set (i32.const 4) (ref.func $mine))))

(assert_return (invoke "import") (i32.const 22))
(assert_return (invoke "call0" (i32.const 3)) (i32.const 31))
(assert_return (invoke "call1" (i32.const 2)) (i32.const 21))
(assert_trap (invoke "call1" (i32.const 3)) "indirect call type mismatch")
(assert_trap (invoke "call-mine" (i32.const 2)) "indirect call type mismatch")
(invoke "put")
(assert_return (invoke "call-mine" (i32.const 4)) (i32.const 99))
;; In the first module, which does not know the type.
(assert_return (invoke $M "call1" (i32.const 4)) (i32.const 99))
(assert_trap (invoke $M "call2" (i32.const 4)) "indirect call type mismatch")

(assert_unlinkable
  (module
    (type $t0 (sub (func (param i32) (result i32))))
    (type $t1 (sub $t0 (func (param i32) (result i32))))
    (import "M" "f0" (func (type $t1))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $t0 (sub (func (param i32) (result i32))))
    (import "M" "plain" (func (type $t0))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $plain (func (param i32) (result i32)))
    (import "M" "f0" (func (type $plain))))
  "incompatible import type")

;; Parameters may be more general, and results less, than the super type's; arguments that no register takes are passed
;; in the same way.

(module
  (type $leaf (func (result i32)))
  (type $above (sub (func (param (ref $leaf) i64 i64 i64 i64 i64 i64 i64) (result (ref null func) i64))))
  (type $below (sub $above (func (param (ref null func) i64 i64 i64 i64 i64 i64 i64) (result (ref $leaf) i64))))
  (func $leaf (type $leaf) (i32.const 7))
  (func $f (type $below) (ref.func $leaf) (local.get 7))
  (table funcref (elem $f $leaf))
  (func (export "run") (result i32 i64)
    (local $last i64)
    (call_indirect (type $above) (ref.func $leaf)
      (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 8)
      (i32.const 0))
    (local.set $last)
    (ref.is_null)
    (local.get $last)))
(assert_return (invoke "run") (i32.const 0) (i64.const 8))

;; Typed tables and globals.

(module $T
  (type $t0 (sub (func (result i32))))
  (type $t1 (sub $t0 (func (result i32))))
  (func $f1 (type $t1) (i32.const 1))
  (global (export "g1") (ref $t1) (ref.func $f1))
  (global (export "m1") (mut (ref $t1)) (ref.func $f1))
  (table (export "table") 1 (ref null $t0))
  (elem (i32.const 0) (ref null $t1) (ref.func $f1)))
(register "T" $T)
(module
  (type $t0 (sub (func (result i32))))
  (type $t1 (sub $t0 (func (result i32))))
  (import "T" "g1" (global $g (ref $t0)))
  (import "T" "g1" (global (ref null $t1)))
  (import "T" "table" (table 1 (ref null $t0)))
  (func (export "run") (result i32 i32)
    (call_ref $t0 (global.get $g))
    (call_indirect (type $t1) (i32.const 0))))
(assert_return (invoke "run") (i32.const 1) (i32.const 1))
(assert_unlinkable
  (module
    (type $t0 (sub (func (result i32))))
    (import "T" "m1" (global (mut (ref $t0)))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $t0 (sub (func (result i32))))
    (type $t1 (sub $t0 (func (result i32))))
    (import "T" "table" (table 1 (ref null $t1))))
  "incompatible import type")

;; Types without values.

(module $B
  (type $t (func))
  (global $none (export "nofunc") nullfuncref (ref.null nofunc))
  (global (export "noextern") nullexternref (ref.null noextern))
  (global (export "noexn") nullexnref (ref.null noexn))
  (table $nothing 2 nullfuncref)
  (table (export "some") 1 (ref null $t))
  (func (export "func") (result funcref) (global.get $none))
  (func (export "typed") (result (ref null $t)) (table.get $nothing (i32.const 1)))
  (func (export "parameter") (param nullfuncref nullexternref nullexnref) (result i32)
    (i32.and (ref.is_null (local.get 0)) (i32.and (ref.is_null (local.get 1)) (ref.is_null (local.get 2)))))
  (func (export "call") (call_ref $t (global.get $none))))
(register "B" $B)
(assert_return (invoke "func") (ref.null func))
(assert_return (invoke "typed") (ref.null nofunc))
(assert_return (invoke "parameter" (ref.null func) (ref.null extern) (ref.null exn)) (i32.const 1))
(assert_trap (invoke "call") "null function reference")
(module
  (type $t (func))
  (import "B" "nofunc" (global funcref))
  (import "B" "nofunc" (global (ref null $t)))
  (import "B" "noextern" (global externref))
  (import "B" "noexn" (global exnref)))
(assert_unlinkable
  (module (import "B" "nofunc" (global externref)))
  "incompatible import type")
(assert_unlinkable
  (module (import "B" "some" (table 1 nullfuncref)))
  "incompatible import type")

;; Tests and casts.

(module
  (type $t0 (sub (func)))
  (type $t1 (sub $t0 (func)))
  (type $t2 (sub final $t1 (func)))
  (type $plain (func))
  (func $f0 (type $t0))
  (func $f1 (type $t1))
  (func $f2 (type $t2))
  (func $plain (type $plain))
  (table $t 5 funcref)
  (elem (table $t) (i32.const 1) func $f0 $f1 $f2 $plain)

  ;; A digit each: of $t0, $t1, $t2, $plain; (ref func), nofunc or null.
  (func (export "test") (param i32) (result i32)
    (local $f funcref)
    (local.set $f (table.get $t (local.get 0)))
    (ref.test (ref $t0) (local.get $f))
    (i32.mul (i32.const 10) (ref.test (ref $t1) (local.get $f)))
    (i32.mul (i32.const 100) (ref.test (ref $t2) (local.get $f)))
    (i32.mul (i32.const 1000) (ref.test (ref $plain) (local.get $f)))
    (i32.mul (i32.const 10000) (ref.test (ref func) (local.get $f)))
    (i32.mul (i32.const 100000) (ref.test (ref null nofunc) (local.get $f)))
    (i32.mul (i32.const 1000000) (ref.test (ref null $t1) (local.get $f)))
    (i32.mul (i32.const 10000000) (ref.test (ref nofunc) (local.get $f)))
    (i32.add) (i32.add) (i32.add) (i32.add) (i32.add) (i32.add) (i32.add))

  (func (export "cast0") (param i32) (drop (ref.cast (ref $t0) (table.get $t (local.get 0)))))
  (func (export "cast1") (param i32) (drop (ref.cast (ref null $t1) (table.get $t (local.get 0)))))
  (func (export "cast2") (param i32) (call_ref $t2 (ref.cast (ref $t2) (table.get $t (local.get 0)))))
  (func (export "cast-func") (param i32) (drop (ref.cast (ref func) (table.get $t (local.get 0)))))
  (func (export "cast-none") (param i32) (drop (ref.cast (ref null nofunc) (table.get $t (local.get 0)))))

  ;; 1 if the branch was taken; and whether the reference is still the one that it was.
  (func (export "br") (param $i i32) (result i32 i32)
    (i32.const 1)
    (block $is (result (ref $t1))
      (return
        (i32.const 0)
        (ref.is_null (br_on_cast $is funcref (ref $t1) (table.get $t (local.get $i))))))
    (ref.is_null))
  (func (export "br-null") (param $i i32) (result i32)
    (block $is (result (ref null $t1))
      (br_on_cast $is funcref (ref null $t1) (table.get $t (local.get $i)))
      ;; Not null.
      (block $typed (param (ref func)) (drop))
      (return (i32.const 0)))
    (drop)
    (i32.const 1))
  (func (export "br-fail") (param $i i32) (result i32)
    (block $is-not (result funcref)
      (br_on_cast_fail $is-not funcref (ref $t0) (table.get $t (local.get $i)))
      (call_ref $t0)
      (return (i32.const 0)))
    (drop)
    (i32.const 1))
  (func (export "extern") (param externref) (result i32 i32)
    (ref.test (ref extern) (local.get 0))
    (ref.test (ref null noextern) (local.get 0)))
  (func (export "cast-extern") (param externref) (result externref)
    (ref.cast (ref extern) (local.get 0))))

(assert_return (invoke "test" (i32.const 0)) (i32.const 1100000))
(assert_return (invoke "test" (i32.const 1)) (i32.const 10001))
(assert_return (invoke "test" (i32.const 2)) (i32.const 1010011))
(assert_return (invoke "test" (i32.const 3)) (i32.const 1010111))
(assert_return (invoke "test" (i32.const 4)) (i32.const 11000))
(assert_trap (invoke "cast0" (i32.const 0)) "cast failure")
(assert_return (invoke "cast0" (i32.const 1)))
(assert_return (invoke "cast0" (i32.const 3)))
(assert_trap (invoke "cast0" (i32.const 4)) "cast failure")
(assert_return (invoke "cast1" (i32.const 0)))
(assert_trap (invoke "cast1" (i32.const 1)) "cast failure")
(assert_return (invoke "cast1" (i32.const 2)))
(assert_trap (invoke "cast2" (i32.const 2)) "cast failure")
(assert_return (invoke "cast2" (i32.const 3)))
(assert_trap (invoke "cast-func" (i32.const 0)) "cast failure")
(assert_return (invoke "cast-func" (i32.const 4)))
(assert_return (invoke "cast-none" (i32.const 0)))
(assert_trap (invoke "cast-none" (i32.const 1)) "cast failure")
(assert_return (invoke "br" (i32.const 0)) (i32.const 0) (i32.const 1))
(assert_return (invoke "br" (i32.const 1)) (i32.const 0) (i32.const 0))
(assert_return (invoke "br" (i32.const 2)) (i32.const 1) (i32.const 0))
(assert_return (invoke "br" (i32.const 3)) (i32.const 1) (i32.const 0))
(assert_return (invoke "br" (i32.const 4)) (i32.const 0) (i32.const 0))
(assert_return (invoke "br-null" (i32.const 0)) (i32.const 1))
(assert_return (invoke "br-null" (i32.const 1)) (i32.const 0))
(assert_return (invoke "br-null" (i32.const 2)) (i32.const 1))
(assert_return (invoke "br-fail" (i32.const 0)) (i32.const 1))
(assert_return (invoke "br-fail" (i32.const 2)) (i32.const 0))
(assert_return (invoke "br-fail" (i32.const 4)) (i32.const 1))
(assert_return (invoke "extern" (ref.null extern)) (i32.const 0) (i32.const 1))
(assert_return (invoke "extern" (ref.extern 3)) (i32.const 1) (i32.const 0))
(assert_return (invoke "cast-extern" (ref.extern 3)) (ref.extern 3))
(assert_trap (invoke "cast-extern" (ref.null extern)) "cast failure")

;; Not valid.

(assert_invalid
  (module (type $t (func)) (type (sub $t (func))))
  "sub type")
(assert_invalid
  (module (type $t (sub final (func))) (type (sub $t (func))))
  "sub type")
(assert_invalid
  (module (type $t (sub (func))) (type (sub $t (func (param i32)))))
  "sub type")
(assert_invalid
  (module (type $t (sub (func (result funcref)))) (type (sub $t (func (result externref)))))
  "sub type")
(assert_invalid
  (module (type $t (sub (func (param funcref)))) (type (sub $t (func (param nullfuncref)))))
  "sub type")
(assert_invalid
  (module (rec (type (sub 1 (func))) (type (sub (func)))))
  "unknown type")
(assert_invalid
  (module (rec (type (sub 0 (func)))))
  "unknown type")
