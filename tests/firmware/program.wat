;; What the firmware runs: each export is one of its checks.
(module $program
  (import "host" "print" (func $print (param i32 i32)))
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (global $calls (mut i32) (i32.const 0))
  (data (i32.const 16) "hello from WebAssembly\n")

  (func (export "greet")
    (call $print (i32.const 16) (i32.const 23)))

  ;; Grows, writes to what is new, and reads what is old.
  (func (export "grow") (param $pages i32) (result i32)
    (local $old i32)
    (local.set $old (memory.grow (local.get $pages)))
    (if (i32.lt_s (local.get $old) (i32.const 0)) (then (return (i32.const -1))))
    (i32.store8 (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1)) (i32.const 77))
    (i32.add
      (i32.load8_u (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 1)))
      (i32.load8_u (i32.const 16))))

  ;; The host's function calls `step` twice.
  (func (export "back") (param $x i32) (result i32)
    (i32.add (call $twice (local.get $x)) (global.get $calls)))
  (func (export "step") (param $x i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 100)))
    (i32.mul (local.get $x) (i32.const 3)))

  (func (export "beyond") (param $address i32) (result i64)
    (i64.load (local.get $address)))

  (func $forever (export "forever") (param $x i64) (result i64)
    (i64.add (call $forever (i64.add (local.get $x) (i64.const 1))) (i64.const 1)))

  ;; Three functions deep, with values that are needed afterwards.
  (func $divide (param $dividend i64) (param $divisor i64) (result i64)
    (i64.add
      (i64.div_s (local.get $dividend) (local.get $divisor))
      (local.get $dividend)))
  (func $convert (param $scale f64) (param $number i32) (result f64)
    (f64.mul
      (local.get $scale)
      (f64.convert_i64_s
        (call $divide
          (i64.mul (i64.extend_i32_s (local.get $number)) (i64.const 6000000000))
          (i64.extend_i32_s (i32.sub (local.get $number) (i32.const 7)))))))
  (func (export "compute") (param $number i32) (result f32)
    (local $part f32)
    (local.set $part (f32.sqrt (f32.convert_i32_s (local.get $number))))
    (f32.add
      (local.get $part)
      (f32.demote_f64 (call $convert (f64.const 0.5) (local.get $number))))))
