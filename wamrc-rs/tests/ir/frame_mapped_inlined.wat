;;! mapped opt
;; Inlining joins the bundles of caller and callee.
(module
  (import "" "f" (func $f (param i32)))
  (func $callee (param $x i32)
    (call $f (i32.const 1))
    (call $f (local.get $x)))
  (func (export "g") (param $a i32) (param $b i32)
    (call $callee (local.get $a))
    (call $f (local.get $b))))
