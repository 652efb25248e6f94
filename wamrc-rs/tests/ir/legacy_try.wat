;; Handlers stand behind the body; what they throw goes past each other.
(module
  (import "m" "f" (func $f))
  (tag $a (param i32))
  (func (result i32)
    try (result i32)
      call $f
      i32.const 0
    catch $a
      call $f
    catch_all
      rethrow 0
    end))
