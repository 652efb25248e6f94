;; A memory beyond 4 GiB: equal low halves of addresses are different places.

(module
  (memory i64 65540 65600)
  (func (export "store") (param i64 i64) (i64.store (local.get 0) (local.get 1)))
  (func (export "load") (param i64) (result i64) (i64.load (local.get 0)))
  (func (export "load_far") (param i64) (result i64) (i64.load offset=0x1_0000_0000 (local.get 0)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))

(assert_return (invoke "store" (i64.const 8) (i64.const 1)))
(assert_return (invoke "store" (i64.const 0x1_0000_0008) (i64.const 2)))
(assert_return (invoke "load" (i64.const 8)) (i64.const 1))
(assert_return (invoke "load" (i64.const 0x1_0000_0008)) (i64.const 2))
(assert_return (invoke "load_far" (i64.const 8)) (i64.const 2))
(assert_return (invoke "copy" (i64.const 0x1_0000_0010) (i64.const 8) (i64.const 8)))
(assert_return (invoke "load_far" (i64.const 16)) (i64.const 1))
(assert_trap (invoke "load" (i64.const 0x1_0004_0000)) "out of bounds memory access")
(assert_trap (invoke "load_far" (i64.const 0x3_fff9)) "out of bounds memory access")
(assert_return (invoke "grow" (i64.const 60)) (i64.const 65540))
(assert_return (invoke "grow" (i64.const 1)) (i64.const -1))
(assert_return (invoke "load" (i64.const 0x1_0004_0000)) (i64.const 0))
