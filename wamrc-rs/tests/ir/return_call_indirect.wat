;; The checks of call_indirect, then a jump with the caller's instance or another one.
(module
  (type $t (func (param i32) (result i32)))
  (table 1 1 funcref)
  (func (param i32) (result i32)
    (return_call_indirect (type $t) (i32.const 7) (local.get 0))))
