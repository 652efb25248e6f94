;;! safepoints
;; A loop with a call polls at its header; the function, which is exported, at its entry.
(module
  (import "" "f" (func $f (param i32)))
  (func (export "g") (param $n i32)
    (loop $l
      (call $f (local.get $n))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
