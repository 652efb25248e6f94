;; Exceptions of the inner body go to the outer try's handlers, past the middle one's.
(module
  (import "m" "f" (func $f))
  (func
    try $outer
      try
        try
          call $f
        delegate $outer
      catch_all
      end
    catch_all
    end))
