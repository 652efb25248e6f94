(module
  (type $t (func))
  (table (export "t") 4 funcref)
  (func (export "f") (param i32) (call_indirect (type $t) (local.get 0))))
