;; Calls unwind to a landing pad that compares tags in their order, and throws on what is none of them.
(module
  (import "m" "f" (func $f (param i32)))
  (tag $a (param i32))
  (tag $b)
  (func (param i32) (result i32)
    (block $on_b
      (block $on_a (result i32 exnref)
        (try_table (catch_ref $a $on_a) (catch $b $on_b)
          (call $f (local.get 0))
          (call $f (i32.const 2)))
        (return (i32.const 0)))
      (return (drop)))
    (i32.const 3)))
