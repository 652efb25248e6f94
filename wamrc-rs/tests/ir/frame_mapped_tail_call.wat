;;! mapped safepoints
;; The call has no operand bundle; a function that only calls in its own place polls at its entry.
(module
  (func $loop (export "loop") (param i32)
    (return_call $loop (local.get 0))))
