(module
  (type $final (func))
  (type $open (sub (func)))
  (func (param funcref) (result i32) (ref.test (ref $final) (local.get 0)))
  (func (param externref) (result i32) (ref.test (ref extern) (local.get 0)))
  (func (param funcref) (result (ref null $open)) (ref.cast (ref null $open) (local.get 0))))
