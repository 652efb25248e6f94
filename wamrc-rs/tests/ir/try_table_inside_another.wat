;; The inner landing pad has the clauses of both, up to the one that takes all; one handler leads to the next.
(module
  (import "m" "f" (func $f))
  (tag $a)
  (tag $b)
  (tag $c)
  (func (result i32)
    (block $outer
      (try_table (catch $b $outer) (catch_all $outer) (catch $c $outer)
        (block $inner
          (try_table (catch $a $inner) (call $f))
          (return (i32.const 1)))
        (return (i32.const 2))))
    (i32.const 3)))
