;;! frames
;; The record of the function that ends is popped; the call is no commit point.
(module
  (func $f (import "" "f") (param i32))
  (func (param i32) (local i64)
    (call $f (local.get 0))
    (return_call $f (local.get 0))))
