;; Compared like any other final type.
(module
  (type $above (sub (func)))
  (type $t (sub final $above (func)))
  (table 4 funcref)
  (func (param i32) (call_indirect (type $t) (local.get 0))))
