(module
  (type $t (func (param i32) (result i32)))
  (func (param (ref null $t)) (result i32)
    (return_call_ref $t (i32.const 7) (local.get 0))))
