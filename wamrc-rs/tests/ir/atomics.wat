;;! mapped
;; Alignment is checked ahead of the access. The memory's guard pages check the rest.
(module
  (memory 1 4 shared)
  (func (param i32) (result i32) (i32.atomic.load offset=8 (local.get 0)))
  (func (param i32 i64) (i64.atomic.store8 (local.get 0) (local.get 1)))
  (func (param i32 i64) (result i64) (i64.atomic.rmw16.add_u (local.get 0) (local.get 1)))
  (func (param i32 i64 i64) (result i64) (i64.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func (param i32 i32) (result i32) (memory.atomic.wait32 offset=4 (local.get 0) (local.get 1) (i64.const -1)))
  (func (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1)))
  (func (atomic.fence))
  (func (result i32) (memory.size)))
