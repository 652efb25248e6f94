;;! safepoints mapped
;; A loop without calls polls once in 4096 rounds.
(module
  (memory 1)
  (func (export "sum") (param $n i32) (result i32)
    i32.const 0
    (loop $l (param i32) (result i32)
      (i32.load (local.get $n))
      i32.add
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))))
