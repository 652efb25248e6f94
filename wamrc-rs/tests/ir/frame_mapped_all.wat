;;! mapped all
;; With `all`, values that nothing reads any more are kept too.
(module
  (import "" "f" (func $f))
  (func (export "g") (param $dead i64)
    (local $unused i32)
    call $f))
