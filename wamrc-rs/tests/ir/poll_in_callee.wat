;;! safepoints
;; Each round of the loop calls a function that polls at its entry, so the loop does not poll.
(module
  (func $f (export "f") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (call $f (i32.sub (local.get $n) (i32.const 1)))))
      (br_if $l (i32.ge_s (local.tee $n (i32.sub (local.get $n) (i32.const 2))) (i32.const 0))))
    local.get $s))
