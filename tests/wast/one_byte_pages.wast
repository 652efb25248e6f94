;; Memories that end between the machine's pages.

(module
  (memory 5 9 (pagesize 1))
  (data (i32.const 1) "\01\02\03\04")
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load8_far") (param i32) (result i32) (i32.load8_u offset=4 (local.get 0)))
  (func (export "store") (param i32) (i32.store (local.get 0) (i32.const -1)))
  (func (export "unused") (param i32) (drop (i64.load (local.get 0))))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size)))

(assert_return (invoke "load" (i32.const 1)) (i32.const 0x04030201))
(assert_trap (invoke "load" (i32.const 2)) "out of bounds memory access")
(assert_trap (invoke "load" (i32.const -1)) "out of bounds memory access")
(assert_return (invoke "load8_far" (i32.const 0)) (i32.const 4))
(assert_trap (invoke "load8_far" (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke "load8_far" (i32.const -4)) "out of bounds memory access")
(assert_trap (invoke "store" (i32.const 2)) "out of bounds memory access")
(assert_trap (invoke "unused" (i32.const 0)) "out of bounds memory access")
(assert_return (invoke "fill" (i32.const 5) (i32.const 0)))
(assert_trap (invoke "fill" (i32.const 4) (i32.const 2)) "out of bounds memory access")
(assert_return (invoke "grow" (i32.const 3)) (i32.const 5))
(assert_return (invoke "size") (i32.const 8))
;; What was beyond the end is zero, whatever happened there before.
(assert_return (invoke "load" (i32.const 4)) (i32.const 4))
(assert_return (invoke "unused" (i32.const 0)))
(assert_return (invoke "grow" (i32.const 2)) (i32.const -1))
(assert_return (invoke "grow" (i32.const 1)) (i32.const 8))

;; The last byte that 32 bits reach cannot be had, since its size could not be told.
(module
  (memory 0 (pagesize 1))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
(assert_return (invoke "grow" (i32.const 0xffff_ffff)) (i32.const 0))
(assert_return (invoke "size") (i32.const 0xffff_ffff))
(assert_return (invoke "grow" (i32.const 1)) (i32.const -1))
(assert_return (invoke "load" (i32.const 0xffff_fffe)) (i32.const 0))
(assert_trap (invoke "load" (i32.const 0xffff_ffff)) "out of bounds memory access")

(module
  (memory i64 3 (pagesize 1))
  (func (export "load") (param i64) (result i32) (i32.load16_u offset=1 (local.get 0)))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))
(assert_return (invoke "load" (i64.const 0)) (i32.const 0))
(assert_trap (invoke "load" (i64.const 1)) "out of bounds memory access")
(assert_trap (invoke "load" (i64.const -1)) "out of bounds memory access")
(assert_return (invoke "grow" (i64.const -1)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 1)) (i64.const 3))
(assert_return (invoke "load" (i64.const 1)) (i32.const 0))

;; The page size belongs to the type.
(module (memory (export "m") 65536 (pagesize 1)))
(register "bytes")
(module (import "bytes" "m" (memory 65536 (pagesize 1))))
(assert_unlinkable (module (import "bytes" "m" (memory 1))) "incompatible import type")
