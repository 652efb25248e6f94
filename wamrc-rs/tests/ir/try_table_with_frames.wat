;;! frames
;; Where an exception lands, the function's record is the youngest again, and nothing in it counts as current.
(module
  (import "m" "f" (func $f (param i32)))
  (func (param i32)
    (block $h
      (try_table (catch_all $h) (call $f (local.get 0)))
      (return))
    (call $f (local.get 0))
    (call $f (local.get 0))))
