;; Types of functions are equal if they stand at the same place of equal recursion groups. What the specification's scripts
;; say with structures in the groups stands here with functions.

;; Statically: the second function tells the groups apart, or does not.

(module
  (rec (type $f1 (func)) (type (func (param (ref $f1)))))
  (rec (type $f2 (func)) (type (func (param (ref $f2)))))
  (func $f (type $f2))
  (global (ref $f1) (ref.func $f)))

(module
  (rec (type $f1 (func)) (type (func (param (ref $f1)))))
  (rec (type $f2 (func)) (type (func (param (ref $f2)))))
  (rec (type $g1 (func)) (type (func (param (ref $f1) (ref $f1) (ref $f2) (ref $f2) (ref $g1)))))
  (rec (type $g2 (func)) (type (func (param (ref $f1) (ref $f2) (ref $f1) (ref $f2) (ref $g2)))))
  (func $g (type $g2))
  (global (ref $g1) (ref.func $g)))

(assert_invalid
  (module
    (rec (type $f1 (func)) (type (func (param (ref $f1)))))
    (rec (type $f2 (func)) (type (func (param (ref $f1)))))
    (func $f (type $f2))
    (global (ref $f1) (ref.func $f)))
  "type mismatch")

(assert_invalid
  (module
    (rec (type $f1 (func)) (type (func (result i32))))
    (rec (type (func (result i32))) (type $f2 (func)))
    (func $f (type $f2))
    (global (ref $f1) (ref.func $f)))
  "type mismatch")

;; A function without a named type never has one of a longer group.

(module
  (rec (type $t (func (result i32))))
  (func $f (result i32) (i32.const 1))
  (global (ref $t) (ref.func $f)))

(assert_invalid
  (module
    (rec (type $t (func (result i32))) (type (func)))
    (func $f (result i32) (i32.const 1))
    (global (ref $t) (ref.func $f)))
  "type mismatch")

;; When a call through a table finds a function.

(module
  (rec (type $f1 (func (result i32))) (type $h1 (func (param (ref $f1)) (result i32))))
  (rec (type $f2 (func (result i32))) (type $h2 (func (param (ref $f2)) (result i32))))
  (rec (type $h3 (func (param (ref $f3)) (result i32))) (type $f3 (func (result i32))))
  (type $alone (func (result i32)))
  (table funcref (elem $f $g $alone))
  (func $f (type $f1) (i32.const 1))
  (func $g (type $h1) (call_ref $f2 (local.get 0)))
  (func $alone (type $alone) (i32.const 3))
  (func (export "equal") (result i32)
    (i32.add
      (call_indirect (type $f2) (i32.const 0))
      (i32.mul (i32.const 10) (call_indirect (type $h2) (ref.func $f) (i32.const 1)))))
  (func (export "equal-tail") (result i32) (return_call_indirect (type $f2) (i32.const 0)))
  (func (export "other-order") (result i32) (call_indirect (type $f3) (i32.const 0)))
  (func (export "other-order-tail") (result i32)
    (return_call_indirect (type $f3) (i32.const 0)))
  (func (export "in-a-group") (result i32) (call_indirect (type $alone) (i32.const 0)))
  (func (export "in-no-group") (result i32) (call_indirect (type $f1) (i32.const 2))))
(assert_return (invoke "equal") (i32.const 11))
(assert_return (invoke "equal-tail") (i32.const 1))
(assert_trap (invoke "other-order") "indirect call type mismatch")
(assert_trap (invoke "other-order-tail") "indirect call type mismatch")
(assert_trap (invoke "in-a-group") "indirect call type mismatch")
(assert_trap (invoke "in-no-group") "indirect call type mismatch")

;; Across modules: functions, tags, globals, tables.

(module $M
  (rec (type $f (func (result i32))) (type $g (func (param (ref $f)) (result i32))))
  (func $f (export "f") (type $f) (i32.const 5))
  (func (export "g") (type $g) (call_ref $f (local.get 0)))
  (rec (type $t (func)) (type $u (func)))
  (tag (export "t") (type $t))
  (global (export "const") (ref $f) (ref.func $f))
  (global (export "mut") (mut (ref $f)) (ref.func $f))
  (table (export "table") 1 (ref null $f))
  (elem (table 0) (i32.const 0) (ref null $f) (ref.func $f))
  (table (export "funcs") 1 funcref)
  (elem (table 1) (i32.const 0) func $f))
(register "M" $M)

(module
  (type (func))
  (rec (type $f (func (result i32))) (type $g (func (param (ref $f)) (result i32))))
  (rec (type $t (func)) (type $u (func)))
  (import "M" "f" (func $f (type $f)))
  (import "M" "g" (func $g (type $g)))
  (import "M" "t" (tag (type $t)))
  (import "M" "const" (global $c (ref $f)))
  (import "M" "const" (global (ref func)))
  (import "M" "const" (global (ref null $f)))
  (import "M" "mut" (global $m (mut (ref $f))))
  (import "M" "table" (table $t 1 (ref null $f)))
  (import "M" "funcs" (table $funcs 1 funcref))
  (elem declare func $f)
  (func (export "run") (result i32 i32 i32 i32 i32)
    (global.set $m (ref.func $f))
    (call $g (global.get $c))
    (call $g (global.get $m))
    (call $g (ref.as_non_null (table.get $t (i32.const 0))))
    (call_indirect $funcs (type $f) (i32.const 0))
    (call_indirect $t (type $f) (i32.const 0)))
  (type $alone (func (result i32)))
  (func (export "alone") (result i32) (call_indirect $funcs (type $alone) (i32.const 0))))
(assert_return (invoke "run")
  (i32.const 5) (i32.const 5) (i32.const 5) (i32.const 5) (i32.const 5))
(assert_trap (invoke "alone") "indirect call type mismatch")

(assert_unlinkable
  (module
    (type $f (func (result i32)))
    (import "M" "f" (func (type $f))))
  "incompatible import type")
(assert_unlinkable
  (module
    (rec (type (func)) (type $f (func (result i32))) (type $g (func (param (ref $f)) (result i32))))
    (import "M" "g" (func (type $g))))
  "incompatible import type")
(assert_unlinkable
  (module
    (rec (type $t (func)) (type $u (func)))
    (import "M" "t" (tag (type $u))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $f (func (result i32)))
    (import "M" "const" (global (ref $f))))
  "incompatible import type")
(assert_unlinkable
  (module
    (rec (type $f (func (result i32))) (type $g (func (param (ref $f)) (result i32))))
    (import "M" "mut" (global (mut (ref null $f)))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $f (func (result i32)))
    (import "M" "table" (table 1 (ref null $f))))
  "incompatible import type")

;; A group that refers to itself, to one before, and is closed over both; the same under other numbers.

(module $N
  (rec
    (type $a (func (param i32 (ref null $c)) (result (ref null $a))))
    (type $b (func (param (ref null $a)) (result i32)))
    (type $c (func (param (ref null $b)) (result i64))))
  (rec (type $d (func (param (ref null $b)) (result (ref null $e)))) (type $e (func (result (ref null $d)))))
  (func $b (export "b") (type $b) (i32.const 4))
  (func $d (export "d") (type $d) (ref.null $e)))
(register "N" $N)

(module
  (type (func (param f32)))
  (rec
    (type $a (func (param i32 (ref null $c)) (result (ref null $a))))
    (type $b (func (param (ref null $a)) (result i32)))
    (type $c (func (param (ref null $b)) (result i64))))
  (type (func (param f64)))
  (rec (type $d (func (param (ref null $b)) (result (ref null $e)))) (type $e (func (result (ref null $d)))))
  (import "N" "b" (func $b (type $b)))
  (import "N" "d" (func $d (type $d)))
  (table funcref (elem $b $d))
  (func (export "run") (result i32 i32)
    (call_indirect (type $b) (ref.null $a) (i32.const 0))
    (ref.is_null (call_indirect (type $d) (ref.func $b) (i32.const 1)))))
(assert_return (invoke "run") (i32.const 4) (i32.const 1))

(assert_unlinkable
  (module
    (rec
      (type $a (func (param i32 (ref null $c)) (result (ref null $a))))
      (type $b (func (param (ref null $a)) (result i32)))
      (type $c (func (param (ref null $b)) (result i64))))
    ;; $b is not of this group, but another type $a is.
    (rec (type $d (func (param (ref null $b)) (result (ref null $e)))) (type $e (func (result (ref null $a)))))
    (import "N" "d" (func (type $d))))
  "incompatible import type")
