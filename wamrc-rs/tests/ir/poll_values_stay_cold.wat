;;! safepoints mapped opt
;; The loop's end depends on what it loads, so it polls in each round. What the poll shows is widened in the poll's own block.
(module
  (memory 1)
  (func (export "f") (param $p i32) (param $a i32) (param $b i32) (result i32)
    (loop $l
      (br_if $l (local.tee $p (i32.load (local.get $p)))))
    (i32.add (local.get $a) (local.get $b))))
