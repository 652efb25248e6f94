;; A reference that cannot be null is not checked.
(module
  (type $t (func (param i32) (result i32)))
  (func (param (ref null $t)) (result i32)
    (call_ref $t (i32.const 7) (local.get 0)))
  (func (param (ref $t)) (result i32)
    (call_ref $t (i32.const 7) (local.get 0))))
