;;! bounds-checks
;; The length of a shared memory is loaded as an atomic.
(module
  (memory 1 4 shared)
  (func (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (param i32) (result i32) (i32.load (local.get 0))))
