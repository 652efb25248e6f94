(module
  (func (param funcref) (result i32)
    block
      (drop (br_on_null 0 (local.get 0)))
      (return (i32.const 1))
    end
    (i32.const 0))
  (func (param funcref) (result (ref func))
    block (result (ref func))
      (br_on_non_null 0 (local.get 0))
      unreachable
    end))
