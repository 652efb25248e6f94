(module
  (type $t (func (param i32) (result i32)))
  (table 4 funcref)
  (func (export "f") (param i32) (result i32) (call_indirect (type $t) (i32.const 7) (local.get 0))))
