;; The values go through the exec env's argument slots; nothing comes behind.
(module
  (tag $e (param i32 v128 i64))
  (func (param i32 v128 i64)
    (throw $e (local.get 0) (local.get 1) (local.get 2)))
  (func (param exnref) (throw_ref (local.get 0))))
