;;! count-calls
(module
  (import "env" "imported" (func))
  (func $first (call $second))
  (func $second))
