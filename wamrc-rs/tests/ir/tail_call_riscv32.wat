;;! asm target=riscv32
;; A jump, though the signatures differ and not all arguments fit into registers.
(module
  (func $a (export "a") (param i32) (result i32)
    (return_call $b (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (local.get 0)))
  (func $b (param i64 i64 i64 i64 i64 i64 i32) (result i32)
    (return_call $a (i32.add (local.get 6) (i32.wrap_i64 (local.get 5))))))
