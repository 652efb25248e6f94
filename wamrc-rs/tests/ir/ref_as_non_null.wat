(module
  (func (param externref) (result (ref extern))
    (ref.as_non_null (local.get 0))))
