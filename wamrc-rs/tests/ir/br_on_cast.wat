(module
  (type $t (func (result i32)))
  (func (param funcref) (result i32)
    block (result (ref $t))
      (drop (br_on_cast 0 funcref (ref $t) (local.get 0)))
      (return (i32.const 1))
    end
    (call_ref $t))
  (func (param funcref) (result i32)
    block (result funcref)
      (return (call_ref $t (br_on_cast_fail 0 funcref (ref $t) (local.get 0))))
    end
    (ref.is_null)))
