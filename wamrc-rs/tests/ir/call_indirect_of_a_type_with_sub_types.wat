;; The expected type has one super type, so it is the second one of its sub types'.
(module
  (type $above (sub (func)))
  (type $t (sub $above (func)))
  (table 4 funcref)
  (func (param i32) (call_indirect (type $t) (local.get 0)))
  (func (param i32) (return_call_indirect (type $above) (local.get 0))))
