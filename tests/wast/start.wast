;; Start functions: they run last, may trap, and what they did stays.

(module $state
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
)
(register "state" $state)

(module
  (import "state" "memory" (memory 1))
  (import "state" "count" (global $count (mut i32)))
  (data (i32.const 0) "\05")
  (start $start)
  ;; Sees its own segments.
  (func $start (global.set $count (i32.load8_u (i32.const 0))))
)
(assert_return (get $state "count") (i32.const 5))

(assert_trap
  (module
    (import "state" "memory" (memory 1))
    (import "state" "table" (table 4 funcref))
    (import "state" "count" (global $count (mut i32)))
    (data (i32.const 1) "\07")
    (elem (i32.const 2) func $nine)
    (global $own (mut i32) (i32.const 900))
    (func $nine (result i32)
      (global.set $own (i32.add (global.get $own) (i32.const 1)))
      (global.get $own))
    (start $start)
    (func $start (global.set $count (i32.const 6)) (unreachable)))
  "unreachable")
(assert_return (get $state "count") (i32.const 6))
(assert_return (invoke $state "byte" (i32.const 1)) (i32.const 7))
;; A function of the instance that never came to be lives on in the table, with its instance.
(assert_return (invoke $state "call" (i32.const 2)) (i32.const 901))
(assert_return (invoke $state "call" (i32.const 2)) (i32.const 902))

(assert_trap (module (memory 1) (start $s) (func $s (drop (i32.load (i32.const 65536))))) "out of bounds memory access")
(assert_trap (module (start $s) (func $s (call $s))) "call stack exhausted")
(assert_trap (module (start $s) (func $s (drop (i32.div_u (i32.const 1) (i32.const 0))))) "integer divide by zero")

;; A trap in a segment keeps the start function from running.
(assert_trap
  (module
    (import "state" "count" (global $count (mut i32)))
    (memory 1)
    (data (i32.const 65536) "x")
    (start $s)
    (func $s (global.set $count (i32.const 99))))
  "out of bounds memory access")
(assert_return (get $state "count") (i32.const 6))

;; An import as the start function.
(module (import "spectest" "print" (func $print)) (start $print))
(module $starter (func (export "f") (global.set $g (i32.const 4))) (global $g (export "g") (mut i32) (i32.const 0)))
(register "starter" $starter)
(module (import "starter" "f" (func $f)) (start $f))
(assert_return (get $starter "g") (i32.const 4))
