;; Several memories in one module: own and imported ones, of both index types, and one under two indices.

(module $a
  (memory (export "narrow") 1 3)
  (memory (export "wide") i64 1 3)
  (memory (export "third") 0)
  (func (export "grow_narrow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
  (func (export "load_narrow") (param i32) (result i32) (i32.load 0 (local.get 0)))
  (func (export "load_wide") (param i64) (result i32) (i32.load 1 (local.get 0)))
  (func (export "load_third") (param i32) (result i32) (i32.load 2 (local.get 0))))
(register "a")

(module $b
  (import "a" "narrow" (memory $n 1 3))
  (import "a" "wide" (memory $w i64 1))
  (import "a" "narrow" (memory $again 1))
  (memory $own (export "own") 1)
  (data (memory $w) (i64.const 100) "\11\22\33\44")
  (data (memory $own) (i32.const 8) "\55\66\77\88")
  (data $passive "\01\02\03\04")

  ;; The same place by two names: the second load sees what the store wrote.
  (func (export "alias") (result i32)
    (local $before i32)
    (local.set $before (i32.load $again (i32.const 16)))
    (i32.store $n (i32.const 16) (i32.const 77))
    (i32.sub (i32.load $again (i32.const 16)) (local.get $before)))
  (func (export "grow") (param i32) (result i32) (memory.grow $again (local.get 0)))
  (func (export "sizes") (result i32 i64 i32 i32)
    (memory.size $n) (memory.size $w) (memory.size $again) (memory.size $own))
  ;; Own memory to wide one and back to the narrow one.
  (func (export "copy") (param i64 i32)
    (memory.copy $w $own (local.get 0) (i32.const 8) (i32.const 4))
    (memory.copy $n $w (local.get 1) (local.get 0) (i32.const 4)))
  (func (export "copy_too_far") (param i64 i32)
    (memory.copy $w $own (local.get 0) (i32.const 0) (local.get 1)))
  (func (export "overlap") (param i32 i32 i32)
    (memory.copy $again $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64) (memory.init $w $passive (local.get 0) (i32.const 0) (i32.const 4)))
  (func (export "fill") (param i64 i64) (memory.fill $w (local.get 0) (i32.const 0xee) (local.get 1)))
  (func (export "load_narrow") (param i32) (result i32) (i32.load $n (local.get 0))))

(assert_return (invoke $a "load_wide" (i64.const 100)) (i32.const 0x44332211))
(assert_return (invoke $b "alias") (i32.const 77))
(assert_return (invoke $b "sizes") (i32.const 1) (i64.const 1) (i32.const 1) (i32.const 1))
(assert_return (invoke $b "copy" (i64.const 200) (i32.const 300)))
(assert_return (invoke $a "load_wide" (i64.const 200)) (i32.const 0x88776655))
(assert_return (invoke $a "load_narrow" (i32.const 300)) (i32.const 0x88776655))
(assert_return (invoke $b "overlap" (i32.const 301) (i32.const 300) (i32.const 4)))
(assert_return (invoke $a "load_narrow" (i32.const 301)) (i32.const 0x88776655))
(assert_return (invoke $b "init" (i64.const 65532)))
(assert_return (invoke $a "load_wide" (i64.const 65532)) (i32.const 0x04030201))
(assert_trap (invoke $b "init" (i64.const 65533)) "out of bounds memory access")
(assert_trap (invoke $b "copy_too_far" (i64.const 65000) (i32.const 537)) "out of bounds memory access")
(assert_trap (invoke $b "copy_too_far" (i64.const 0) (i32.const 65537)) "out of bounds memory access")
(assert_return (invoke $b "fill" (i64.const 65535) (i64.const 1)))
(assert_return (invoke $a "load_wide" (i64.const 65532)) (i32.const 0xee030201))

;; Growth is seen under every name, in every module.
(assert_return (invoke $b "grow" (i32.const 1)) (i32.const 1))
(assert_return (invoke $b "sizes") (i32.const 2) (i64.const 1) (i32.const 2) (i32.const 1))
(assert_return (invoke $a "load_narrow" (i32.const 131068)) (i32.const 0))
(assert_return (invoke $a "grow_narrow" (i32.const 1)) (i32.const 2))
(assert_return (invoke $b "load_narrow" (i32.const 196604)) (i32.const 0))
(assert_return (invoke $b "grow" (i32.const 1)) (i32.const -1))
(assert_trap (invoke $a "load_third" (i32.const 0)) "out of bounds memory access")

;; A data segment's memory decides the type of its offset, and where it is out of bounds.
(assert_trap
  (module (memory 1) (memory i64 0) (data (memory 1) (i64.const 0) "x"))
  "out of bounds memory access")
(assert_trap
  (module (memory 1) (memory i64 1) (data (memory 1) (i64.const 0x1_0000_0000) "x"))
  "out of bounds memory access")
(assert_invalid (module (memory 1) (memory i64 1) (data (memory 1) (i32.const 0) "x")) "type mismatch")
